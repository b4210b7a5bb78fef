"""Go's `printf`: `%s %v %d %q %t %x %f %T %%` with flags, width, precision; what does not fit is shown as Go does."""

from __future__ import annotations

from izba.cli.output.gotemplate.lexer import go_quote
from izba.cli.output.gotemplate.values import shown, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDEST = 10_000


def printf(form: str, values: Sequence[object]) -> str:
    """The form with its verbs replaced."""
    result, at, used = "", 0, 0
    while at < len(form):
        start = form.find("%", at)
        if start < 0:
            result += form[at:]
            break
        result += form[at:start]
        flags, at = _take(form, start + 1, "+-# 0")
        width, at = _take(form, at, "0123456789")
        precision: int | None = None
        if form.startswith(".", at):
            digits, at = _take(form, at + 1, "0123456789")
            precision = _number(digits)
        verb = form[at : at + 1]
        at += 1
        if verb == "%":
            result += "%"
        elif not verb:
            result += "%!(NOVERB)"
        elif used >= len(values):
            result += f"%!{verb}(MISSING)"
        else:
            result += _padded(_formatted(verb, values[used], flags, precision), flags, _number(width), verb)
            used += 1
    if used < len(values):
        extra = ", ".join(f"{type_name(value)}={shown(value)}" for value in values[used:])
        result += f"%!(EXTRA {extra})"
    return result


def _formatted(verb: str, value: object, flags: str, precision: int | None) -> str:
    match verb, value:
        case "v", _:
            return shown(value)
        case "s", bool() | int() | float() | None:
            return _wrong(verb, value)
        case "s", _:
            text = shown(value)
            return text if precision is None else text[:precision]
        case "q", str():
            return go_quote(value)
        case "q", list() | tuple():
            return f"[{' '.join(_formatted('q', each, flags, precision) for each in value)}]"
        case "t", bool():
            return shown(value)
        case (("d" | "x" | "X" | "o" | "b" | "c"), int()) if not isinstance(value, bool):
            sign = "+" if "+" in flags and value >= 0 and verb == "d" else ""
            return sign + format(value, verb)
        case (("x" | "X"), str()):
            digits = value.encode().hex()
            return digits.upper() if verb == "X" else digits
        case (("f" | "F" | "e" | "g"), float()):
            return format(value, f".{6 if precision is None and verb != 'g' else precision or 17}{verb}")
        case "T", _:
            return type_name(value)
        case _:
            return _wrong(verb, value)


def _wrong(verb: str, value: object) -> str:
    return f"%!{verb}(<nil>)" if value is None else f"%!{verb}({type_name(value)}={shown(value)})"


def _padded(text: str, flags: str, width: int, verb: str) -> str:
    if "-" in flags:
        return text.ljust(width)
    return text.zfill(width) if "0" in flags and verb in "dxXf" else text.rjust(width)


def _take(form: str, at: int, characters: str) -> tuple[str, int]:
    end = at
    while form[end : end + 1] and form[end] in characters:
        end += 1
    return form[at:end], end


def _number(digits: str) -> int:
    return min(int(digits[:9] or "0"), _WIDEST)
