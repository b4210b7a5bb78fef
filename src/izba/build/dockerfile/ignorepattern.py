"""Patterns of `.dockerignore` as a regular expression, as moby's patternmatcher reads it.

`*` and `?` stay within a path's component, `[…]` is a class, `\\` escapes, `**` is any number of components. Where `**`
is not a component of its own, moby's habits are kept: `**.log` and `a**` are suffix and prefix, and in `a**b` it stands
for nothing, or for text that ends in a slash.

Where the first match is as good as any other, the expression is atomic, `(?>…)`: many stars cost no more than one.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_SOME_COMPONENTS = "(?:.*/)?"
_FEW_COMPONENTS = "(?:.*?/)??"
_CHARACTER, _CHARACTERS = "[^/]", "[^/]*"


def matcher(patterns: Sequence[str]) -> Callable[[str], object]:
    """Whether a path, or a directory above it, matches one of the patterns. Raises `ValueError`."""
    try:
        return re.compile(f"(?:{'|'.join(map(regex, patterns))})(?:/.*)?", re.DOTALL).fullmatch
    except re.error as error:
        raise ValueError(str(error)) from None


def regex(pattern: str) -> str:
    """An expression that matches the whole of the paths that a cleaned and checked pattern names."""
    if pattern.startswith("**") and _is_literal(suffix := pattern[2:]):
        if suffix.startswith("/"):
            return _SOME_COMPONENTS + re.escape(suffix[1:])
        return f".*{re.escape(suffix)}"
    if pattern.endswith("**") and _is_literal(prefix := pattern[:-2]):
        return f"{re.escape(prefix)}.*"
    first, *others = _pieces(pattern)
    expression = _piece(first)
    for number, piece in enumerate(others, 1):
        # Another `**/` follows, and takes whatever this one leaves.
        if number < len(others) and piece[-1] == "/":
            expression += f"(?>{_FEW_COMPONENTS}{_piece(piece)})"
        else:
            expression += _SOME_COMPONENTS + _piece(piece)
    return expression


def _is_literal(text: str) -> bool:
    return not any(character in "*?[]\\" for character in text)


def _pieces(pattern: str) -> list[list[str]]:
    """The pattern's tokens, parted at each `**/` and `**`; `**` at the end is a token like any other."""
    pieces: list[list[str]] = [[]]
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "*" and pattern.startswith("*", at):
            at += 1
            at += pattern.startswith("/", at)
            if at == len(pattern):
                pieces[-1].append(".*")
            elif pieces[-1] or len(pieces) == 1:  # `**/**/` is no more than `**/`
                pieces.append([])
        elif character == "[":
            end = _end_of_class(pattern, at)
            pieces[-1].append(f"[{_class(pattern[at:end])}]")
            at = end + 1
        elif character == "\\":
            pieces[-1].append(re.escape(pattern[at : at + 1]))
            at += 1
        else:
            pieces[-1].append({"*": _CHARACTERS, "?": _CHARACTER}.get(character) or re.escape(character))
    return pieces


def _piece(tokens: list[str]) -> str:
    components: list[list[str]] = [[]]
    for part in tokens:
        if part == "/":
            components.append([])
        else:
            components[-1].append(part)
    return "/".join(_component(each) for each in components)


def _component(tokens: list[str]) -> str:
    """Where a component has several stars, only the last one decides how it ends."""
    runs: list[list[str]] = [[]]
    for part in tokens:
        if part == _CHARACTERS:
            runs.append([])
        else:
            runs[-1].append(part)
    first, *others = ["".join(run) for run in runs]
    if not others:
        return first
    *inner, last = others
    return first + "".join(f"(?>{_CHARACTERS}?{run})" for run in inner if run) + _CHARACTERS + last


def _end_of_class(pattern: str, at: int) -> int:
    while pattern[at] != "]":
        at += 2 if pattern[at] == "\\" else 1
    return at


def _class(inside: str) -> str:
    result = "^" if inside.startswith("^") else ""
    at = len(result)
    while at < len(inside):
        if inside[at] == "-":
            result += "-"
        else:
            at += inside[at] == "\\"
            result += re.escape(inside[at])
        at += 1
    return result
