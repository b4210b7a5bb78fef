"""Files of an earlier COPY, used again: by a hard link instead of a copy.

When one file of twenty thousand changes, the layer of `COPY . .` is made anew, and most of what is in it lies in the
layer that it was before. What each file of a layer holds is noted when it is made; a file that is to have the same
content, owner, mode and time is linked. Nobody writes into a layer, so nobody sees that two of them share a file, and
the file is there until the last of them is removed.

The notes are of files that came from a context: they belong to root and have no attributes.
"""

from __future__ import annotations

import os
import stat
from _thread import get_native_id

from izba import log
from izba.oci.digest import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from izba.build.filecopy import FileCopy

_MAGIC = b"izba copied files 2\n"
_CHECKED = len(_MAGIC) + 32
"""After the checksum: how many files there are in eight bytes, their digests, their names."""
_MANY_FILES = 100
_MANY_BYTES = 1 << 20
"""What is less in number and in size is copied as fast."""


class EarlierLayer:
    """A layer that an earlier COPY made: `contents` are the digests of its files, by path."""

    def __init__(self, directory: str, contents: Mapping[str, bytes]) -> None:
        self._directory = directory
        self._contents = contents

    def has(self, copy: FileCopy) -> bool:
        """Whether the layer was noted to hold the same at the same path."""
        return copy.digest is not None and self._contents.get(copy.path) == copy.digest

    def link(self, copy: FileCopy, target: str, time: int) -> bool:
        """Link the file at `target`, if the layer has just the file that the copy would be."""
        if not self.has(copy):
            return False
        found = f"{self._directory}/{copy.path}"
        node = copy.node
        try:
            status = os.lstat(found)
            if (
                status.st_mode == node.mode
                and status.st_uid == node.uid
                and status.st_gid == node.gid
                and status.st_mtime_ns == time
                and status.st_size == copy.status.st_size
                and stat.S_ISREG(status.st_mode)
            ):
                os.link(found, target)
                return True
        except OSError as error:  # too many links, a layer that was removed, a file that is put twice: it is copied
            log.debug("a file of an earlier layer is not linked", path=copy.path, reason=error.strerror)
        return False


def nearest(layers: Sequence[EarlierLayer], copies: Sequence[FileCopy]) -> EarlierLayer | None:
    """The layer that has most of the copies; the first that has half of them is near enough."""
    best, most = None, 0
    for layer in layers:
        count = sum(map(layer.has, copies))
        if count > most:
            best, most = layer, count
        if 2 * most > len(copies):
            break
    return best


def note(path: str, contents: Mapping[str, bytes], size: int) -> None:
    """Keep, in the file `path`, what the files of a layer hold, `size` bytes in all. Lost or torn, it is not used."""
    if not contents or (len(contents) < _MANY_FILES and size < _MANY_BYTES):
        return
    names = "\0".join(contents).encode("utf-8", "surrogateescape")
    body = b"".join([len(contents).to_bytes(8, "little"), *contents.values(), names])
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    temporary = f"{path}.{get_native_id()}.tmp"
    with open(temporary, "wb") as file:
        file.write(_MAGIC + sha256_of(body).digest() + body)
    try:
        os.rename(temporary, path)
    except FileNotFoundError:
        pass  # somebody prunes the cache at this very moment


def noted(path: str) -> dict[str, bytes]:
    """What `note` kept; nothing where there is nothing whole."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    body = data[_CHECKED:]
    if not data.startswith(_MAGIC) or sha256_of(body).digest() != data[len(_MAGIC) : _CHECKED]:
        return {}
    end = 8 + 32 * int.from_bytes(body[:8], "little")
    names = body[end:].decode("utf-8", "surrogateescape").split("\0")
    return dict(zip(names, [body[at : at + 32] for at in range(8, end, 32)], strict=True))
