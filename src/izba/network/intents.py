"""Changes of networks that have several steps, written down before they begin: what a killed one left is found.

An intent is a file of the run directory, with a lock that lasts as long as who makes the change, or a child of it. One
without a lock was abandoned. Nothing is written to the disk for good: a reboot leaves nothing half done.
"""

from __future__ import annotations

import fcntl
import os
import time

from izba import jsonio
from izba.ids import new_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

_DIRECTORY = "pending"
_NEW = ".new"
_SETTLED = 60.0


class Intent:
    """`with Intent(run, kind="connect", …):` the change is under way; `run` is the run directory of the networks."""

    def __init__(self, run: str, **told: str) -> None:
        self._path = f"{run}/{_DIRECTORY}/{new_id()[:16]}"
        self._told = told
        self._fd = -1

    def __enter__(self) -> None:
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        new = self._path + _NEW
        self._fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        os.write(self._fd, jsonio.dumps(self._told).encode())
        os.rename(new, self._path)  # whoever sees it sees all of it, and locked

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            os.unlink(self._path)
        finally:
            os.close(self._fd)


def for_each_abandoned(run: str, finish: Callable[[dict[str, str]], None]) -> None:
    """Have each change that was abandoned finished, by one process at a time; what `finish` raises is raised."""
    directory = f"{run}/{_DIRECTORY}"
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return
    for name in names:
        path = f"{directory}/{name}"
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            if _take(fd, path):
                if not name.endswith(_NEW):
                    finish(jsonio.loads(os.read(fd, 1 << 16)))
                os.unlink(path)
        finally:
            os.close(fd)


def _take(fd: int, path: str) -> bool:
    if path.endswith(_NEW) and time.time() - os.fstat(fd).st_mtime < _SETTLED:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except (BlockingIOError, FileNotFoundError):  # under way, or just over
        return False
