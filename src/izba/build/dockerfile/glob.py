"""The patterns of `${v#pattern}` and its kin: `*` is any text, `?` any character, both on one line."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

_ANY_TEXT, _ANY_CHARACTER = "*", "?"


class InvalidPattern(ValueError):
    """A pattern escapes a character that needs none."""


class Pattern:
    """A compiled pattern. Raises `InvalidPattern`."""

    def __init__(self, pattern: str) -> None:
        self._tokens = _tokens(pattern)

    def without_prefix(self, value: str, *, longest: bool) -> str:
        return _trim(self._tokens, value, longest=longest)

    def without_suffix(self, value: str, *, longest: bool) -> str:
        # The shortest match that ends at the end is the shortest one from the start of the reversed text.
        return _trim(self._tokens[::-1], value[::-1], longest=longest)[::-1]

    def replace(self, value: str, replacement: str, *, everywhere: bool) -> str:
        """`value` with the leftmost longest match, or all of them, replaced."""
        result: list[str] = []
        done = 0
        for match in _regex(self._tokens, longest=True).finditer(value):
            if match.start() == match.end() == done > 0:
                continue  # the empty text right behind a match is no further match
            result += [value[done : match.start()], replacement]
            done = match.end()
            if not everywhere:
                break
        return "".join([*result, value[done:]])


def _tokens(pattern: str) -> list[tuple[str, bool]]:
    """The characters of a pattern, each with whether it is meant literally."""
    tokens: list[tuple[str, bool]] = []
    characters = iter(pattern)
    for character in characters:
        if character != "\\":
            tokens.append((character, character not in {_ANY_TEXT, _ANY_CHARACTER}))
            continue
        following = next(characters, "")
        # `}` and `/` are escaped on account of `${…}`, not of the pattern.
        if not following or following not in "*?\\}/":
            raise InvalidPattern(f"invalid escape '\\{following}'")
        tokens.append((following, True))
    return tokens


def _trim(tokens: Sequence[tuple[str, bool]], value: str, *, longest: bool) -> str:
    match = _regex(tokens, longest=longest).match(value)
    return value[match.end() :] if match else value


def _regex(tokens: Sequence[tuple[str, bool]], *, longest: bool) -> re.Pattern[str]:
    """A regular expression that never backtracks into an earlier `*`.

    What follows a `*` is best matched as early as possible: that gives the shortest match, and leaves the last `*`, the
    only one that decides about the longest, the most room.
    """
    import re  # the costliest import of a build that has nothing to do, and few have patterns

    pieces = [""]
    for character, literal in tokens:
        if literal:
            pieces[-1] += re.escape(character)
        elif character == _ANY_CHARACTER:
            pieces[-1] += "."
        else:
            pieces.append("")
    first, *others = pieces
    if not others:
        return re.compile(first)
    *inner, last = others
    middle = "".join(f"(?>.*?{piece})" for piece in inner if piece)
    return re.compile(f"{first}{middle}{'.*' if longest else '.*?'}{last}")
