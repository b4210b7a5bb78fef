"""A tar stream as a sequence of items, and a sequence of items as a tar stream."""

from __future__ import annotations

import tarfile

from izba.engine.containers.copying.item import Item
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

_BLOCK = 1 << 20
_TO_TAR = {
    "file": tarfile.REGTYPE,
    "directory": tarfile.DIRTYPE,
    "symlink": tarfile.SYMTYPE,
    "fifo": tarfile.FIFOTYPE,
    "character": tarfile.CHRTYPE,
    "block": tarfile.BLKTYPE,
}
_FROM_TAR = {kind: name for name, kind in _TO_TAR.items()} | {tarfile.AREGTYPE: "file", tarfile.CONTTYPE: "file"}


class BadArchive(InvalidArgument):
    """The stream is no tar, or ends early."""


def write(items: Iterable[Item], name: str, out: IO[bytes]) -> None:
    """Write the items as a tar in which what is copied is called `name`."""
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for item in items:
            path = f"{name}/{item.path}" if item.path else name
            info = tarfile.TarInfo(path)
            info.type = _TO_TAR[item.type]
            info.mode, info.uid, info.gid = item.mode, item.uid, item.gid
            info.mtime = item.mtime / 1e9 if item.mtime % 1_000_000_000 else item.mtime // 1_000_000_000
            info.linkname = item.target
            info.devmajor, info.devminor = item.device
            if item.link is not None:
                info.type, info.linkname = tarfile.LNKTYPE, f"{name}/{item.link}" if item.link else name
            if item.read is None or item.link is not None:
                tar.addfile(info)
                continue
            info.size = item.size
            tar.addfile(info, _Exactly(item))


class _Exactly:
    """A file's content in the size that its header tells, whatever becomes of the file meanwhile."""

    def __init__(self, item: Item) -> None:
        self._pieces = item.read() if item.read else iter(())
        self._left = item.size
        self._kept = b""

    def read(self, count: int = -1) -> bytes:
        while len(self._kept) < count and (piece := next(self._pieces, b"")):
            self._kept += piece
        data, self._kept = self._kept[:count], self._kept[count:]
        data = data[: self._left].ljust(min(count, self._left), b"\0")
        self._left -= len(data)
        return data


def read(stream: IO[bytes]) -> Iterator[Item]:
    """The items of a tar, compressed by gzip, bzip2 or xz or not; paths as they are in it."""
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as tar:
            for info in tar:
                if (item := _item(tar, info)) is not None:
                    yield item
                tar.members = []  # type: ignore[attr-defined]  # it would keep all of them
    except (tarfile.TarError, EOFError, UnicodeError) as error:
        raise BadArchive(f"not a tar archive: {error}") from None


def _item(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Item | None:
    kind = "file" if info.islnk() or info.issparse() else _FROM_TAR.get(info.type)
    if kind is None:
        return None
    item = Item(
        path=info.name,
        type=kind,
        mode=info.mode & 0o7777,
        uid=info.uid,
        gid=info.gid,
        mtime=int(info.mtime * 1_000_000_000),
        size=info.size,
        target=info.linkname if info.issym() else "",
        device=(info.devmajor, info.devminor) if kind in {"character", "block"} else (0, 0),
    )
    if info.islnk():
        return item.replace(link=info.linkname)
    return item.replace(read=lambda: _content(tar, info)) if kind == "file" else item


def _content(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Iterator[bytes]:
    content = tar.extractfile(info)
    assert content is not None
    while data := content.read(_BLOCK):
        yield data
