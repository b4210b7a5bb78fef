"""The functions that a template may call: Go's own, and docker's."""

from __future__ import annotations

from izba.cli.output.gotemplate.lexer import go_quote
from izba.cli.output.gotemplate.values import NO_VALUE, go_json, shown, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class CallError(Exception):
    """A function cannot take what it is given."""


def _index(value: object, *keys: object) -> object:
    for key in keys:
        match value:
            case None:
                raise CallError("index of untyped nil")
            case dict():
                if not isinstance(key, str):
                    raise CallError(f"value has type {type_name(key)}; should be string")
                value = value[key] if key in value else _zero(value)
            case list() | tuple() | str():
                value = _item(value, key)
            case _:
                raise CallError(f"can't index item of type {type_name(value)}")
    return value


def _item(value: list[object] | tuple[object, ...] | str, key: object) -> object:
    if not isinstance(key, int) or isinstance(key, bool):
        raise CallError(f"cannot index slice/array with type {type_name(key)}")
    count = len(value.encode()) if isinstance(value, str) else len(value)
    if not 0 <= key < count:
        raise CallError(f"index out of range: {key}")
    return value.encode()[key] if isinstance(value, str) else value[key]


def _zero(mapping: dict[str, object]) -> object:
    """What Go has for a key that is not there: nothing of the type that the others have."""
    for each in mapping.values():
        return "" if isinstance(each, str) else [] if isinstance(each, list) else None
    return ""


def _slice(value: object, *bounds: object) -> object:
    if not isinstance(value, list | tuple | str):
        raise CallError(f"can't slice item of type {type_name(value)}")
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    start, end = (*numbers, *(0, len(value))[len(numbers) :])[:2]
    if len(numbers) != len(bounds) or len(bounds) > 2 or not 0 <= start <= end <= len(value):
        raise CallError(f"index out of range: {shown(bounds[-1])}")
    return value[start:end]


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, list | tuple | dict):
        return len(value)
    if value is None or value is NO_VALUE:
        raise CallError("len of nil pointer")
    raise CallError(f"len of type {type_name(value)}")


def _and(*values: object) -> object:
    return next((value for value in values if not value), values[-1])


def _or(*values: object) -> object:
    return next((value for value in values if value), values[-1])


def _equal(first: object, *others: object) -> bool:
    if not others:
        raise CallError("missing argument for comparison")
    return any(_comparable(first, other) and first == other for other in others)


def _comparable(a: object, b: object) -> bool:
    """Whether Go compares them; None is compared with everything."""
    kinds = {_kind(value) for value in (a, b)} - {"nil"}
    if "other" in kinds:
        raise CallError("non-comparable type")
    if len(kinds) > 1:
        raise CallError("incompatible types for comparison")
    return True


def _kind(value: object) -> str:
    if value is None or value is NO_VALUE:
        return "nil"
    for kind, types in (("bool", bool), ("int", int), ("float", float), ("string", str)):
        if isinstance(value, types):
            return kind
    return "other"


def _less(a: object, b: object) -> bool:
    if _kind(a) != _kind(b):
        raise CallError("incompatible types for comparison")
    if isinstance(a, str) and isinstance(b, str):
        return a < b
    if isinstance(a, int | float) and isinstance(b, int | float) and not isinstance(a, bool):
        return a < b
    raise CallError("invalid type for comparison")


def _print(*values: object) -> str:
    """Go's Sprint: a space between two values if neither is a string."""
    result = ""
    for before, value in zip((None, *values), values, strict=False):
        if result and not isinstance(before, str) and not isinstance(value, str):
            result += " "
        result += shown(value)
    return result


def _println(*values: object) -> str:
    return " ".join(map(shown, values)) + "\n"


def _printf(form: object, *values: object) -> str:
    from izba.cli.output.gotemplate.printf import printf

    return printf(_text(form, "printf"), values)


def _json(value: object) -> str:
    return go_json(value)


def _join(values: object, separator: object) -> str:
    if values is None or values is NO_VALUE:
        return ""
    if isinstance(values, dict):
        return _text(separator, "join").join(sorted(map(shown, values.values())))
    if not isinstance(values, list | tuple):
        raise CallError(f"expected slice, got {type_name(values)}")
    return _text(separator, "join").join(map(shown, values))


def _split(text: object, separator: object) -> list[str]:
    whole, mark = _text(text, "split"), _text(separator, "split")
    return whole.split(mark) if mark else list(whole)


def _title(text: object) -> str:
    result, before = "", " "
    for character in _text(text, "title"):
        is_start = not (before.isalnum() or before in "_'")
        result += character.upper() if is_start else character
        before = character
    return result


def _pad(text: object, before: object, after: object) -> str:
    if not isinstance(before, int) or not isinstance(after, int):
        raise CallError("wrong type for value; expected int")
    whole = _text(text, "pad")
    return " " * before + whole + " " * after if whole else ""


def _truncate(text: object, length: object) -> str:
    if not isinstance(length, int):
        raise CallError("wrong type for value; expected int")
    return _text(text, "truncate").encode()[:length].decode(errors="replace")


def _text(value: object, function: str) -> str:
    if value is None or value is NO_VALUE:
        raise CallError(f"invalid value; expected string in {go_quote(function)}")
    if not isinstance(value, str):
        raise CallError(f"wrong type for value; expected string; got {type_name(value)}")
    return value


FUNCTIONS: Mapping[str, Callable[..., object]] = {
    "and": _and,
    "eq": _equal,
    "ge": lambda a, b: not _less(a, b),
    "gt": lambda a, b: _less(b, a),
    "index": _index,
    "join": _join,
    "json": _json,
    "le": lambda a, b: not _less(b, a),
    "len": _length,
    "lower": lambda text: _text(text, "lower").lower(),
    "lt": _less,
    "ne": lambda a, b: not _equal(a, b),
    "not": lambda value: not value,
    "or": _or,
    "pad": _pad,
    "print": _print,
    "printf": _printf,
    "println": _println,
    "slice": _slice,
    "split": _split,
    "title": _title,
    "truncate": _truncate,
    "upper": lambda text: _text(text, "upper").upper(),
}

HEADER_FUNCTIONS: Mapping[str, Callable[..., object]] = {
    **FUNCTIONS,
    # A table's header is the name of the column, whatever is done with its values.
    **dict.fromkeys(("json", "split", "join", "title", "lower", "upper", "truncate"), lambda header, *_: header),
}
