"""Locks between processes: flock(2) on a file that tells who holds it.

The kernel frees a lock when its holder dies, so none is ever stale, after a reboot either. The file holds the holder's
pid and command for the message of whoever waits in vain; nothing depends on that text.
"""

from __future__ import annotations

import fcntl
import os
import time

from izba.store.db import LockTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


class FileLock:
    """`with FileLock(path):` holds it; `acquire` and `release` do the same by hand.

    Two objects exclude each other in one process too. A child inherits a held lock with the descriptor, and loses it
    when it is freed here; if this process dies first, the child still holds it.
    """

    def __init__(self, path: str, *, what: str, timeout: float = 60.0, writes_owner: bool = True) -> None:
        self.path = path
        self._what = what
        self._timeout = timeout
        self._writes_owner = writes_owner
        self._fd = -1

    def acquire(self) -> None:
        """Wait for the lock. Raises `LockTimeout` that names the holder."""
        if not self.try_acquire():
            self._wait()

    def try_acquire(self) -> bool:
        """Take the lock if it is free."""
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_named = _is_file(fd, self.path)
                if is_named and self._writes_owner:
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, _owner(), 0)
            except BlockingIOError:
                os.close(fd)
                return False
            except BaseException:
                os.close(fd)
                raise
            if is_named:
                self._fd = fd
                return True
            os.close(fd)  # its last holder removed the file between our open and flock

    def release(self, *, remove: bool = False) -> None:
        """Free the lock; `remove` its file too, for locks of things that come and go."""
        fd, self._fd = self._fd, -1
        try:
            if remove:
                os.unlink(self.path)
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)  # a child of another thread's may have the descriptor
            os.close(fd)

    def _wait(self) -> None:
        deadline = time.monotonic() + self._timeout
        pause = 0.001
        while not self.try_acquire():
            if time.monotonic() > deadline:
                raise LockTimeout(f"{self._what} is in use by {holder(self.path)}")
            time.sleep(pause)
            pause = min(pause * 2, 0.05)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.release()


def holder(path: str) -> str:
    """Who holds the lock file `path`, as far as its text tells."""
    try:
        with open(path, "rb") as file:
            text = file.read(200).decode(errors="replace").strip()
    except OSError:
        text = ""
    return text or "another process"


def _owner() -> bytes:
    with open("/proc/self/cmdline", "rb") as file:
        command = file.read(120).replace(b"\0", b" ").strip()
    return b"process %d (%s)\n" % (os.getpid(), command)


def _is_file(fd: int, path: str) -> bool:
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(os.fstat(fd), there)
