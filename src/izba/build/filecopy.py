"""One regular file of a context or a stage on its way into a layer."""

from __future__ import annotations

import os

from izba.build.contenthash import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.layer.fsops import Node

_SMALL = 64 << 10


class FileCopy:
    """One regular file to be copied: `path` in the tree, its status when it was looked at.

    No Record: there may be a hundred thousand, and this takes a third of the time.
    """

    __slots__ = ("attributes", "digest", "node", "path", "source", "status")

    def __init__(
        self,
        source: str,
        path: str,
        status: os.stat_result,
        node: Node,
        *,
        digest: bytes | None = None,
        attributes: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        self.source = source
        self.path = path
        self.status = status
        self.node = node
        self.digest = digest
        self.attributes = attributes


def differ(now: os.stat_result, then: os.stat_result) -> bool:
    """Whether a file was changed, or replaced by another, between two looks at it."""
    return (now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns) != (
        then.st_ino,
        then.st_size,
        then.st_mtime_ns,
        then.st_ctime_ns,
    )


def copy_data(source: int, target: int, size: int) -> None:
    """Copy a whole file, which had `size` bytes, into an empty one; both are at their beginning."""
    if size <= _SMALL:
        data = os.read(source, _SMALL + 1)
        if len(data) <= _SMALL:
            os.write(target, data)
            return
        os.lseek(source, 0, os.SEEK_SET)
    try:
        # Shares the blocks where the file system can, and copies inside the kernel where not.
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except OSError:
        os.lseek(source, 0, os.SEEK_SET)
        os.lseek(target, 0, os.SEEK_SET)
        while data := os.read(source, CHUNK):
            view = memoryview(data)
            while view:
                view = view[os.write(target, view) :]


def set_attributes(target: int | str, pairs: Sequence[tuple[str, bytes]]) -> None:
    """Set extended attributes; one that the file system does not take is left out."""
    for name, value in pairs:
        try:
            os.setxattr(target, name, value)
        except OSError as error:
            from izba import log

            log.debug("an extended attribute could not be kept", name=name, reason=error.strerror)
