"""`.dockerignore`: which files of a build context are left out. As moby's patternmatcher decides, in one pass.

A path is left out if it, or a directory above it, matches a pattern; a later `!pattern` takes it back; the last word
counts. Patterns that follow one another without a change of sign are one regular expression.
"""

from __future__ import annotations

import os
import posixpath
import stat

from izba.build import gopath
from izba.build.definition import ignore_candidates
from izba.build.dockerfile.source import SPACE
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LARGEST = 4 << 20
_FEW = 1000
"""So many comparisons of a path with a pattern take as long as importing `re`."""


class BadIgnorePattern(InvalidArgument):
    """A pattern is malformed, so that it cannot be told what is left out."""

    def __init__(self, pattern: str, reason: str) -> None:
        super().__init__(f"invalid ignore pattern {pattern!r}: {reason}")
        self.pattern = pattern


class Ignore:
    """Compiled patterns. Raises `BadIgnorePattern`. Without patterns it leaves nothing out."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        signed = [_signed(pattern) for each in patterns if (pattern := each.strip(SPACE))]
        self.patterns = tuple(pattern for _, pattern in signed)
        self.has_exceptions = any(takes_back for takes_back, _ in signed)
        self._groups = _grouped(signed)
        self._exceptions = tuple(_Exception(pattern) for takes_back, pattern in signed if takes_back)

    def excludes(self, path: str) -> bool:
        """Whether `path`, relative to the context and with slashes, is left out."""
        excluded = False
        for takes_back, match in self._groups:
            if takes_back is excluded and match(path):
                excluded = not takes_back
        return excluded

    def prunes(self, directory: str) -> bool:
        """Whether `directory` is left out, and nothing under it can be taken back: no need to look into it."""
        if not self.excludes(directory):
            return False
        components = directory.split("/")
        return not any(exception.may_match_below(components) for exception in self._exceptions)


class _Exception:
    """A `!pattern`, to tell whether it can match below a directory."""

    def __init__(self, pattern: str) -> None:
        components = pattern.split("/")
        # From a component with `**` on, anything may match.
        self._open = any("**" in each for each in components)
        certain = [each for each in components if "**" not in each]
        if self._open:
            certain = components[: next(at for at, each in enumerate(components) if "**" in each)]
        self._components = [_matcher([each]) for each in certain]

    def may_match_below(self, directory: list[str]) -> bool:
        if len(self._components) <= len(directory) and not self._open:
            return False
        return all(matches(name) for matches, name in zip(self._components, directory, strict=False))


def _signed(pattern: str) -> tuple[bool, str]:
    """Whether the pattern takes files back, and the pattern, cleaned and checked."""
    cleaned = clean(pattern)
    takes_back = cleaned.startswith("!")
    bare = cleaned.removeprefix("!")
    if not bare:
        raise BadIgnorePattern(pattern, 'illegal exclusion pattern: "!"')
    try:
        gopath.match(bare, ".")
    except gopath.BadPattern as error:
        raise BadIgnorePattern(pattern, error.message) from None
    return takes_back, bare


def _grouped(signed: list[tuple[bool, str]]) -> list[tuple[bool, Callable[[str], object]]]:
    groups: list[tuple[bool, list[str]]] = []
    for takes_back, pattern in signed:
        if not groups or groups[-1][0] is not takes_back:
            groups.append((takes_back, []))
        groups[-1][1].append(pattern)
    try:
        return [(takes_back, _matcher(patterns)) for takes_back, patterns in groups]
    except ValueError as error:
        raise BadIgnorePattern(" ".join(pattern for _, pattern in signed), str(error)) from None


def _matcher(patterns: list[str]) -> Callable[[str], object]:
    """As `ignorepattern.matcher`, but without `re` as long as that is sooner."""
    if any(mark in each for each in patterns for mark in ("**", "[", "\\")):
        return _compiled(patterns)
    return _Plain(patterns).matches


def _compiled(patterns: list[str]) -> Callable[[str], object]:
    from izba.build.dockerfile.ignorepattern import matcher

    return matcher(patterns)


class _Plain:
    """Patterns that say how many components they match: compared for the first few paths, then an expression."""

    def __init__(self, patterns: list[str]) -> None:
        self._patterns = patterns
        self._each = [(each.count("/") + 1, gopath.matcher(each)) for each in patterns]
        self._left = _FEW
        self._expression: Callable[[str], object] | None = None

    def matches(self, path: str) -> object:
        if self._expression is not None:
            return self._expression(path)
        self._left -= len(self._patterns)
        if self._left < 0:
            self._expression = _compiled(self._patterns)
        components = path.split("/")
        return any(length <= len(components) and match("/".join(components[:length])) for length, match in self._each)


def clean(path: str) -> str:
    """Go's `path.Clean`: the shortest name for the same path."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def parse(text: str) -> Ignore:
    """What an ignore file says: a pattern a line, `#` comments. Raises `BadIgnorePattern`."""
    return Ignore(patterns(text))


def patterns(text: str) -> list[str]:
    """The patterns of an ignore file, those of the context's root made relative to it."""
    found = []
    for raw in text.removeprefix("\ufeff").split("\n"):
        line = raw.strip(SPACE)
        if not line or raw.startswith("#"):
            continue
        sign = "!" if line.startswith("!") else ""
        pattern = line.removeprefix("!").strip(SPACE)
        if pattern:
            pattern = clean(pattern)
            if len(pattern) > 1:
                pattern = pattern.removeprefix("/")
        found.append(sign + pattern)
    return found


def load(context: str, dockerfile: str) -> Ignore:
    """The ignore rules of a build whose Dockerfile is the file `dockerfile`; none if there is no such file.

    Raises `BadIgnorePattern`, `OSError`, and `InvalidArgument` for what is no regular file.
    """
    for path in ignore_candidates(context, dockerfile):
        try:
            # Not waiting, as a context may hold a FIFO of that name.
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except (FileNotFoundError, NotADirectoryError):
            continue
        with open(fd, "rb") as file:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                raise InvalidArgument(f"{path} is no regular file of at most {_LARGEST >> 20} MiB")
            return parse(file.read().decode("utf-8", "surrogateescape"))
    return Ignore()
