"""Variables in Compose's texts: `$NAME`, `${NAME}`, `${NAME:-default}` and its kin, nested; `$$` is a dollar.

    ${V:-word} ${V-word}   word where V is unset or empty | unset
    ${V:?word} ${V?word}   an error that says word
    ${V:+word} ${V+word}   word where V is set and not empty | set

A dollar that begins none of these is itself.
"""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    Lookup: TypeAlias = Callable[[str], str | None]
    Missing: TypeAlias = Callable[[str], None]

_DIGITS = "0123456789"
_IN_NAMES = frozenset("_abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" + _DIGITS)
_OPERATORS = (":-", ":?", ":+", "-", "?", "+")
_MAX_DEPTH = 50


class TemplateError(InvalidArgument):
    """A text that is no template, or a variable that must have a value and has none."""


class Variable(Record):
    """One use of a variable: its name, and the operator and word that follow it."""

    name: str
    operator: str = ""
    word: str = ""


def substitute(text: str, lookup: Lookup, missing: Missing = lambda _: None, depth: int = 0) -> str:
    """The text with its variables replaced; `missing` is told of each that has no value. Raises `TemplateError`."""
    if "$" not in text:
        return text
    if depth > _MAX_DEPTH:
        raise TemplateError("variables are nested too deep")
    return "".join(part if isinstance(part, str) else _value(part, lookup, missing, depth) for part in _parts(text))


def variables(text: str) -> list[Variable]:
    """Every use of a variable in the text, those in words of others after them."""
    found: list[Variable] = []
    for part in _parts(text):
        if isinstance(part, Variable):
            found.append(part)
            found += variables(part.word) if part.word else []
    return found


def _value(variable: Variable, lookup: Lookup, missing: Missing, depth: int) -> str:
    value = lookup(variable.name)
    operator = variable.operator
    if not operator:
        if value is None:
            missing(variable.name)
        return value or ""
    present = bool(value) if operator[0] == ":" else value is not None
    kind = operator[-1]
    if kind == "+":
        return substitute(variable.word, lookup, missing, depth + 1) if present else ""
    if present:
        return value or ""
    word = substitute(variable.word, lookup, missing, depth + 1)
    if kind == "-":
        return word
    raise TemplateError(
        f"required variable {variable.name} is missing a value" + (f": {word}" if word else ""),
        hint=f"set {variable.name} in the environment or in .env",
    )


def _parts(text: str) -> Iterator[str | Variable]:
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        yield text[at:dollar]
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            yield "$"
            at = dollar + 2
        elif following == "{":
            end = _closing(text, dollar + 1)
            yield _braced(text[dollar + 2 : end], text)
            at = end + 1
        elif name := _name(text, dollar + 1):
            yield Variable(name=name)
            at = dollar + 1 + len(name)
        else:
            yield "$"
            at = dollar + 1
    yield text[at:]


def _name(text: str, at: int) -> str:
    """The variable's name that begins there; empty where none does."""
    if text[at : at + 1] in _DIGITS:  # or at the end
        return ""
    end = at
    while end < len(text) and text[end] in _IN_NAMES:
        end += 1
    return text[at:end]


def _closing(text: str, at: int) -> int:
    """The brace that closes the one at `at`."""
    level = 0
    for index in range(at, len(text)):
        if text[index] == "{":
            level += 1
        elif text[index] == "}":
            level -= 1
            if not level:
                return index
    raise _invalid(text)


def _braced(inner: str, text: str) -> Variable:
    name = _name(inner, 0)
    if not name:
        raise _invalid(text)
    rest = inner[len(name) :]
    if not rest:
        return Variable(name=name)
    for operator in _OPERATORS:
        if rest.startswith(operator):
            return Variable(name=name, operator=operator, word=rest[len(operator) :])
    raise _invalid(text)


def _invalid(text: str) -> TemplateError:
    return TemplateError(f"invalid interpolation format: {text!r}", hint="write $$ where a dollar sign is meant")
