"""Digests of files' contents, and the memory of them.

Opening a file costs more than hashing a small one, so a digest is remembered for as long as the file's inode, times and
size stay the same. That is git's index, and has its trap: a file written again within the same tick of the file
system's clock looks unchanged ("racy git"). So a digest is only remembered for a file whose last change was safely over
when it was read.
"""

from __future__ import annotations

import os
import stat
import time
from _struct import Struct
from _thread import get_native_id

from izba import log
from izba.build.fingerprint import is_settled
from izba.oci.digest import sha256_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

CHUNK = 1 << 20
_MAGIC = b"izba stat cache 1\n"
_ROW = Struct("<QQqqQ32s")
_WORTH_A_THREAD = 64
_FORGETTING = 50_000
"""Rows beyond those in use, from which on the others are forgotten."""


class StatCache:
    """Digests by inode, for the files below one directory; kept in the file `path`."""

    def __init__(self, path: str | None) -> None:
        self._path = path
        self._rows: dict[int, tuple[int, int, int, int, bytes]] = {}
        self._seen: set[int] = set()
        self._changed = False
        if path is not None:
            self._load(path)

    def find(self, status: os.stat_result) -> bytes | None:
        """The digest of the file with this status, if it is known."""
        self._seen.add(status.st_ino)
        row = self._rows.get(status.st_ino)
        if row is None or row[:4] != (status.st_dev, status.st_mtime_ns, status.st_ctime_ns, status.st_size):
            return None
        return row[4]

    def remember(self, status: os.stat_result, digest: bytes, *, read_at: int) -> None:
        """Keep what was read at the time `read_at`, unless the file was just being changed."""
        if is_settled(status.st_mtime_ns, status.st_ctime_ns, read_at):
            row = (status.st_dev, status.st_mtime_ns, status.st_ctime_ns, status.st_size, digest)
            self._rows[status.st_ino] = row
            self._changed = True

    def save(self) -> None:
        """Write what was learned. A lost or torn file costs time, never truth."""
        if self._path is None or not self._changed:
            return
        rows = self._rows
        if len(rows) > _FORGETTING + 2 * len(self._seen):  # mostly of files that are gone
            rows = {inode: rows[inode] for inode in self._seen if inode in rows}
        pack = _ROW.pack
        body = b"".join([pack(row[0], inode, row[1], row[2], row[3], row[4]) for inode, row in rows.items()])
        temporary = f"{self._path}.{get_native_id()}.tmp"
        with open(temporary, "wb") as file:
            file.write(_MAGIC + sha256_of(body).digest() + body)
        os.rename(temporary, self._path)
        self._changed = False

    def _load(self, path: str) -> None:
        try:
            with open(path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return
        start = len(_MAGIC) + 32
        body = memoryview(data)[start:]
        if data[: len(_MAGIC)] != _MAGIC or sha256_of(body).digest() != data[len(_MAGIC) : start]:
            log.debug("a stat cache is damaged and will be made anew", path=path)
            return
        self._rows = {
            inode: (device, mtime, ctime, size, digest)
            for device, inode, mtime, ctime, size, digest in _ROW.iter_unpack(body)
        }


def hash_files(files: Sequence[tuple[str, os.stat_result]], cache: StatCache) -> list[bytes]:
    """The sha256 of each file's content, in order. Raises `OSError`, also for what is no regular file any more."""
    digests = [cache.find(status) for _, status in files]
    missing = [index for index, digest in enumerate(digests) if digest is None]
    if len(missing) < _WORTH_A_THREAD:
        _hash_some(files, missing, digests, cache)
    else:
        from izba.build.threads import in_two_threads

        # Neighbours take about as long: deal them out like cards.
        in_two_threads(
            lambda: _hash_some(files, missing[::2], digests, cache),
            lambda: _hash_some(files, missing[1::2], digests, cache),
        )
    return [digest for digest in digests if digest is not None]


def _hash_some(
    files: Sequence[tuple[str, os.stat_result]],
    indexes: Sequence[int],
    digests: list[bytes | None],
    cache: StatCache,
) -> None:
    for index in indexes:
        digests[index] = hash_file(files[index][0], cache)


def hash_file(path: str, cache: StatCache) -> bytes:
    """The sha256 of one file's content, read now."""
    # O_NONBLOCK: a fifo that took the file's place must not make us wait.
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        read_at = time.time_ns()
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is no regular file any more")
        data = os.read(fd, CHUNK)
        hasher = sha256_of(data)
        done = len(data)
        while data and done != status.st_size:
            data = os.read(fd, CHUNK)
            hasher.update(data)
            done += len(data)
    finally:
        os.close(fd)
    digest = hasher.digest()
    cache.remember(status, digest, read_at=read_at)
    return digest
