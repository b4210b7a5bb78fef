"""Directories of snapshots on their way out, told from those that a crash left behind.

Between the end of its row and the end of its directory a snapshot belongs to nothing, and rightly so: whoever removes
it is at work. The lock on the directory says that; the kernel frees it when the remover dies.
"""

from __future__ import annotations

import fcntl
import os

from izba.store.snapshots.trees import remove_tree

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Removal:
    """Begun before the row's end is committed, finished after it; dropped where the transaction fails."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        try:
            self._fd = os.open(path, _DIRECTORY)
        except FileNotFoundError:
            return
        fcntl.flock(self._fd, fcntl.LOCK_SH)  # several may remove the same

    def finish(self) -> None:
        """Remove the directory."""
        remove_tree(self._path)

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)


def is_going(path: str) -> bool:
    """Whether somebody removes the directory, or did meanwhile."""
    try:
        fd = os.open(path, _DIRECTORY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
