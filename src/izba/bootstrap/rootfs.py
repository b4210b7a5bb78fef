"""Files of a recipe's own, and tar streams put together from parts."""

from __future__ import annotations

from izba._record import Record
from izba.layer.tarheader import DIRECTORY, FILE, LINK, SYMLINK, Entry, pack, padding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class File(Record):
    """A file of the recipe's own. A name that ends in `/` is a directory; `link` and `hard_link` make links."""

    name: str
    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    link: str = ""
    hard_link: str = ""

    def blocks(self, mtime: int) -> bytes:
        """As tar, with `mtime` in seconds."""
        entry = Entry(self.name.rstrip("/").encode(), self._type())
        entry.mode = 0o777 if self.link else self.mode
        entry.uid, entry.gid = self.uid, self.gid
        entry.link = (self.link or self.hard_link).encode()
        entry.size = len(self.data)
        entry.mtime = mtime * 10**9
        return pack(entry) + self.data + bytes(padding(len(self.data)))

    def _type(self) -> bytes:
        if self.link:
            return SYMLINK
        if self.hard_link:
            return LINK
        return DIRECTORY if self.name.endswith("/") else FILE


class Stream:
    """Pieces of bytes as a reader."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._left = memoryview(b"")

    def read(self, count: int = -1, /) -> bytes:
        """Up to `count` bytes, or all that is left; `b""` only at the end."""
        if count < 0:
            return b"".join(iter(lambda: self.read(1 << 20), b""))
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._left = memoryview(piece)
        data, self._left = self._left[:count], self._left[count:]
        return bytes(data)
