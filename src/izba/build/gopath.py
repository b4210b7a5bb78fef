"""Go's `path/filepath.Match`, which gives COPY and ADD their wildcards.

`*` and `?` do not match `/`, `[a-z]` and `[^a-z]` are classes, `\\` escapes. Python's fnmatch differs in each of these.
"""

from __future__ import annotations

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class BadPattern(InvalidArgument):
    """A wildcard is malformed."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"syntax error in pattern {pattern!r}")
        self.pattern = pattern


def has_wildcards(text: str) -> bool:
    """Whether `text` is more than a name."""
    escaped = False
    for each in text:
        if escaped:
            escaped = False
        elif each == "\\":
            escaped = True
        elif each in "*?[":
            return True
    return False


def unescape(text: str) -> str:
    """The name that a pattern without wildcards stands for."""
    if "\\" not in text:
        return text
    result, escaped = "", False
    for each in text:
        if each == "\\" and not escaped:
            escaped = True
        else:
            result += each
            escaped = False
    return result


def match(pattern: str, name: str) -> bool:
    """Whether the whole of `name` matches. Raises `BadPattern`, whether or not it would have come to the bad part."""
    return _match(_compile(pattern), name)


def matcher(pattern: str) -> Callable[[str], bool]:
    """`match` for many names. Raises `BadPattern`."""
    tokens = _compile(pattern)
    return lambda name: _match(tokens, name)


def _match(tokens: Sequence[str | _Set | None], name: str) -> bool:
    # The classic two-pointer walk: on a mismatch go back to the last star and let it take one character more.
    token = position = 0
    star, star_position = -1, 0
    while position < len(name):
        if token < len(tokens) and tokens[token] is None:
            star, star_position = token, position
            token += 1
        elif token < len(tokens) and _matches(tokens[token], name[position]):
            token += 1
            position += 1
        elif star >= 0 and name[star_position] != "/":
            star_position += 1
            token, position = star + 1, star_position
        else:
            return False
    return all(each is None for each in tokens[token:])


class _Set:
    """A character class, or `?` (nothing, negated)."""

    __slots__ = ("negated", "ranges")

    def __init__(self, ranges: tuple[tuple[str, str], ...], negated: bool) -> None:
        self.ranges = ranges
        self.negated = negated


def _matches(token: str | _Set | None, character: str) -> bool:
    if isinstance(token, _Set):
        if character == "/":
            return False
        return any(low <= character <= high for low, high in token.ranges) != token.negated
    return token == character


def _compile(pattern: str) -> list[str | _Set | None]:
    """A character, a set, or None for a star."""
    tokens: list[str | _Set | None] = []
    at = 0
    while at < len(pattern):
        each = pattern[at]
        at += 1
        if each == "*":
            if not tokens or tokens[-1] is not None:
                tokens.append(None)
        elif each == "?":
            tokens.append(_Set((), negated=True))
        elif each == "[":
            token, at = _compile_set(pattern, at)
            tokens.append(token)
        elif each == "\\":
            if at == len(pattern):
                raise BadPattern(pattern)
            tokens.append(pattern[at])
            at += 1
        else:
            tokens.append(each)
    return tokens


def _compile_set(pattern: str, at: int) -> tuple[_Set, int]:
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[tuple[str, str]] = []
    while pattern[at : at + 1] != "]" or not ranges:
        low, at = _set_character(pattern, at)
        high = low
        if pattern[at : at + 1] == "-":
            high, at = _set_character(pattern, at + 1)
        ranges.append((low, high))
    return _Set(tuple(ranges), negated), at + 1


def _set_character(pattern: str, at: int) -> tuple[str, int]:
    if at >= len(pattern) or pattern[at] in "-]":
        raise BadPattern(pattern)
    if pattern[at] == "\\":
        at += 1
    if at + 1 >= len(pattern):
        raise BadPattern(pattern)
    return pattern[at], at + 1
