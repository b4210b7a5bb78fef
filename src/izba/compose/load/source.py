"""Where things stand: each file's text with the place of every key and item, so that errors can point."""

from __future__ import annotations

from izba._record import Record
from izba.compose.errors import ComposeError, ComposeFileError
from izba.compose.treepath import show
from izba.errors import Range

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypeAlias

    from izba.compose.treepath import Path
    from izba.errors import InvalidArgument

    Place: TypeAlias = tuple[int, int]


class Source:
    """One document of one file. `places` has line and column, both from 1, by path."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self.places: dict[Path, Place] = {}

    def depth(self, path: Path) -> int:
        """How much of the path stands in this document."""
        length = len(path)
        while length and path[:length] not in self.places:
            length -= 1
        return length

    def place(self, path: Path) -> Place:
        """Where the path stands, or as much of it as stands here."""
        return self.places.get(path[: self.depth(path)], (1, 1))

    def error(self, path: Path, message: str, *, hint: str | None = None) -> ComposeFileError:
        """An error at the path, or at as much of it as stands here."""
        line, column = self.place(path)
        where = f"{show(path)}: " if path else ""
        return self.error_at(line, column, f"{where}{message}", hint=hint)

    def error_at(self, line: int, column: int, message: str, *, hint: str | None = None) -> ComposeFileError:
        """An error at a place."""
        return ComposeFileError(
            message, place=Range(self.file, line, line, column, column), source=self.text, hint=hint
        )


class Document(Record):
    """One document. `resets` are the paths tagged `!reset` (removed) and `overrides` those tagged `!override`."""

    tree: dict[str, Any]
    source: Source
    resets: tuple[Path, ...] = ()
    overrides: tuple[Path, ...] = ()


class Sources:
    """All documents that the tree came from; what was read later says more about a path."""

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        self.all = list(sources)

    def error(self, path: Path, message: str, *, hint: str | None = None) -> InvalidArgument:
        """An error at the path, in the document that says most of it."""
        if not self.all:
            return ComposeError(f"{show(path)}: {message}" if path else message, hint=hint)
        return self._source(path).error(path, message, hint=hint)

    def where(self, path: Path) -> str:
        """The path's place as FILE:LINE."""
        source = self._source(path)
        return f"{source.file}:{source.place(path)[0]}"

    def _source(self, path: Path) -> Source:
        return max(reversed(self.all), key=lambda source: source.depth(path))
