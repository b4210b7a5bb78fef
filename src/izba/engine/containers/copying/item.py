"""One file on its way from one tree to another."""

from __future__ import annotations

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Item(Record):
    """A file by its path below what is copied ("" is that itself). `read` gives the content of a regular file.

    type    file, directory, symlink, fifo, character or block
    target  of a symlink
    link    of a regular file: the path of the same file, copied before
    """

    path: str
    type: str
    mode: int
    uid: int
    gid: int
    mtime: int
    size: int = 0
    target: str = ""
    link: str | None = None
    device: tuple[int, int] = (0, 0)
    read: Callable[[], Iterator[bytes]] | None = None
