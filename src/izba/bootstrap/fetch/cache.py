"""The download cache: files by the hash that a signed index gave them.

<directory>/<algorithm>/<hex>         verified when it came; verified again whenever it is used
<directory>/<algorithm>/<hex>.part    what has come so far; its holder has it locked
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from contextlib import contextmanager

from izba._record import Record
from izba.bootstrap.errors import Corrupt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_CHUNK = 1 << 20


class Promise(Record):
    """What an index says of a file: hash and, where it says so, size. `what` names the file to people."""

    what: str
    algorithm: str
    hex: str
    size: int | None = None
    limit: int = 1 << 30


class Cache:
    """A directory of verified files; many processes may use it at once."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """While it lasts, nobody prunes the cache (`build.prune`)."""
        os.makedirs(os.path.dirname(self.directory), exist_ok=True)
        fd = os.open(f"{self.directory}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_SH)
            yield
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)  # a child of another thread's may have the descriptor
            os.close(fd)

    def path(self, promise: Promise) -> str:
        """Where the file is, or will be."""
        return f"{self.directory}/{promise.algorithm}/{promise.hex}"

    def find(self, promise: Promise) -> str | None:
        """The path of the file if it is here and still what was promised; one that has rotted is removed."""
        path = self.path(promise)
        try:
            verify(path, promise)
        except FileNotFoundError:
            return None
        except Corrupt:
            os.unlink(path)
            return None
        return path

    @contextmanager
    def part(self, promise: Promise) -> Iterator[Part]:
        """The file while it comes, locked for this process; it keeps what it has when the download breaks off."""
        path = self.path(promise)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = _open_locked(f"{path}.part")
        with open(fd, "r+b", closefd=True) as file:
            yield Part(path, file, promise)


class Part:
    """An incomplete file of the cache."""

    def __init__(self, path: str, file: BinaryIO, promise: Promise) -> None:
        self._path = path
        self._file = file
        self._promise = promise
        self._hash = hashlib.new(promise.algorithm)
        self.size = 0
        while chunk := self._file.read(_CHUNK):
            self._hash.update(chunk)
            self.size += len(chunk)
        if promise.size is not None and self.size > promise.size:
            self.restart()

    def restart(self) -> None:
        """Forget what came."""
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.new(self._promise.algorithm)
        self.size = 0

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises `Corrupt` as soon as there are more than promised."""
        self.size += len(data)
        limit = self._promise.size if self._promise.size is not None else self._promise.limit
        if self.size > limit:
            self.discard()
            raise Corrupt(self._promise.what, f"longer than the {limit} bytes promised")
        self._hash.update(data)
        self._file.write(data)

    def commit(self) -> str:
        """Verify the whole, then give it its name. Raises `Corrupt`, and keeps nothing then."""
        promise = self._promise
        if promise.size is not None and self.size != promise.size:
            self.discard()
            raise Corrupt(promise.what, f"has {self.size} bytes instead of {promise.size}")
        if self._hash.hexdigest() != promise.hex:
            self.discard()
            raise _wrong_hash(promise, self._hash.hexdigest())
        self._file.flush()
        os.rename(f"{self._path}.part", self._path)
        return self._path

    def discard(self) -> None:
        """Remove the file."""
        os.unlink(f"{self._path}.part")


def verify(path: str, promise: Promise) -> None:
    """Hash the file at `path`. Raises `Corrupt`."""
    with open(path, "rb") as file:
        if promise.size is not None and (size := os.fstat(file.fileno()).st_size) != promise.size:
            raise Corrupt(promise.what, f"has {size} bytes instead of {promise.size}")
        actual = hashlib.file_digest(file, promise.algorithm).hexdigest()
    if actual != promise.hex:
        raise _wrong_hash(promise, actual)


def _wrong_hash(promise: Promise, actual: str) -> Corrupt:
    return Corrupt(
        promise.what,
        f"its {promise.algorithm} is {actual}, and {promise.hex} was promised",
        hint="the mirror is being updated, is damaged, or was tampered with; try again later or name another mirror",
    )


def _open_locked(path: str) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        # Whoever held it before may have renamed or removed the file that we waited for.
        try:
            if os.stat(path).st_ino == os.fstat(fd).st_ino:
                return fd
        except FileNotFoundError:
            pass
        os.close(fd)
