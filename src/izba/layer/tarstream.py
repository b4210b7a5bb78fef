"""Tar archives read entry by entry from a stream that cannot seek, in bounded memory.

Understood: v7, ustar, pax, GNU's long names, and sparse files in all of GNU's forms. Global pax headers are skipped, as
Docker and containerd do: what one header says about all later entries is not for a layer to say.
"""

from __future__ import annotations

from izba._record import Record
from izba.layer import sparse
from izba.layer.tarheader import (
    BLOCK,
    BODILESS,
    GNU_LINK,
    GNU_NAME,
    NAME_LIMIT,
    PAX,
    PAX_GLOBAL,
    ZEROS,
    BadTar,
    Entry,
    Truncated,
    override,
    padding,
    parse,
    parse_pax,
    shown,
)
from izba.oci.digest import Hasher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from izba.oci.digest import Digest


class Limits(Record):
    """What an archive may ask of us. The defaults stop bombs, not large layers."""

    entries: int = 20_000_000
    size: int = 1 << 40  # bytes of all files together, holes included
    extension: int = 1 << 20  # bytes of one entry's extended headers
    link_steps: int = 4_000_000  # directories passed behind symbolic links: links of links make long ways of few bytes


DEFAULT_LIMITS = Limits()


class Source:
    """The bytes of a stream, taken in the pieces that a parser wants; `frame` hashes all but the bodies of files."""

    def __init__(self, chunk: Callable[[], bytes]) -> None:
        self._chunk = chunk
        self.frame = Hasher()
        self._view = memoryview(b"")
        self._position = 0
        self._before = 0  # bytes of the chunks before this one

    @property
    def offset(self) -> int:
        """How many bytes were taken."""
        return self._before + self._position

    def block(self) -> bytes:
        """The next 512 bytes, or `b""` at the end of the stream."""
        if self._position == len(self._view) and not self._more():
            return b""
        return self.take(BLOCK)

    def take(self, count: int) -> bytes:
        """Exactly `count` bytes, which must be few. Raises `Truncated`."""
        end = self._position + count
        if end <= len(self._view):
            data = bytes(self._view[self._position : end])
            self._position = end
        else:
            data = b"".join(self._pieces(count))
        self.frame.update(data)
        return data

    def skip(self, count: int) -> None:
        """Pass over `count` bytes that are no file's body. Raises `Truncated`."""
        for piece in self._pieces(count):
            self.frame.update(piece)

    def piece(self, count: int) -> memoryview:
        """Some bytes, at least one and at most `count`. Raises `Truncated`."""
        if self._position == len(self._view) and not self._more():
            raise Truncated
        piece = self._view[self._position : self._position + count]
        self._position += len(piece)
        return piece

    def drain(self) -> None:
        """Read to the end of the stream."""
        self.frame.update(self._view[self._position :])
        while self._more():
            self.frame.update(self._view)

    def _pieces(self, count: int) -> Iterator[memoryview]:
        while count:
            piece = self.piece(count)
            count -= len(piece)
            yield piece

    def _more(self) -> bool:
        self._before += len(self._view)
        self._view = memoryview(self._chunk())
        self._position = 0
        return len(self._view) > 0


class TarReader:
    """Iterates over the entries of a tar. The body of the last entry is read with `body`, or skipped."""

    def __init__(self, chunk: Callable[[], bytes], limits: Limits = DEFAULT_LIMITS) -> None:
        self._source = Source(chunk)
        self._limits = limits
        self._unread = 0  # of the current entry's body
        self._padding = 0
        self._extended = 0  # bytes of the next entry's extended headers so far
        self.entries = 0
        self._total = 0

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            self._count(entry)
            yield entry
        self._source.drain()  # what follows the end mark belongs to the digest all the same

    def body(self) -> Iterator[memoryview]:
        """The bytes that the archive holds for the current entry, once; what is not taken is skipped."""
        while self._unread:
            piece = self._source.piece(self._unread)
            self._unread -= len(piece)
            yield piece

    @property
    def offset(self) -> int:
        """Where in the archive the reader is: with a new entry, where its body begins."""
        return self._source.offset

    def frame(self) -> Digest:
        """The digest of all bytes but the bodies that were read, after the last entry."""
        return self._source.frame.digest()

    def _next(self) -> Entry | None:
        records: list[tuple[bytes, bytes]] = []
        self._extended = 0
        while True:
            self._skip()
            block = self._source.block()
            if not block or block == ZEROS:
                if records:
                    raise BadTar("an extended header is followed by no entry")
                return None
            entry = parse(block)
            self._unread, self._padding = entry.stored, padding(entry.stored)
            if entry.type == PAX:
                records += parse_pax(self._extension())
            elif entry.type == GNU_NAME:
                records.insert(0, (b"path", self._extension().partition(b"\0")[0]))
            elif entry.type == GNU_LINK:
                records.insert(0, (b"linkpath", self._extension().partition(b"\0")[0]))
            elif entry.type != PAX_GLOBAL:
                return self._finish(entry, block, records)

    def _finish(self, entry: Entry, block: bytes, records: list[tuple[bytes, bytes]]) -> Entry:
        if records:
            override(entry, records)
        if entry.type in BODILESS:  # POSIX: their size is not that of a body
            entry.size = entry.stored = 0
        self._padding = padding(entry.stored)
        self._unread = entry.stored - sparse.locate(entry, block, records, self._source.take)
        if max(len(entry.name), len(entry.link)) > NAME_LIMIT:
            raise BadTar(f"{shown(entry.name)}: a name of more than {NAME_LIMIT} bytes")
        return entry

    def _extension(self) -> bytes:
        self._extended += self._unread
        if self._extended > self._limits.extension:
            raise BadTar(f"an entry's extended headers have more than {self._limits.extension} bytes")
        count, self._unread = self._unread, 0
        return self._source.take(count)

    def _skip(self) -> None:
        self._source.skip(self._unread + self._padding)
        self._unread = self._padding = 0

    def _count(self, entry: Entry) -> None:
        self.entries += 1
        self._total += entry.size
        if self.entries > self._limits.entries:
            raise BadTar(f"the archive has more than {self._limits.entries} entries")
        if self._total > self._limits.size:
            raise BadTar(f"the files of the archive have more than {self._limits.size} bytes")
