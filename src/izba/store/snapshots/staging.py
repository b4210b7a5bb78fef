"""Copies of trees that are on their way to become snapshots.

snapshots/native/staging-<id>    held by the lock on the directory itself, as long as its maker lives
"""

from __future__ import annotations

import fcntl
import os
from errno import ENOENT

from izba.ids import new_id
from izba.store.snapshots.snapshotter import SnapshotNotFound
from izba.store.snapshots.trees import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_PREFIX = "staging-"


class Staging:
    """A place for one copy below `parent`; removed at the end of the block, but for what was moved away."""

    def __init__(self, parent: str) -> None:
        self._parent = parent
        self._path = ""
        self._fd = -1

    def copy(self, tree: str) -> None:
        """Copy `tree` here. Raises `SnapshotNotFound` where it is removed meanwhile."""
        from izba.store.snapshots.copy import copy_tree

        try:
            copy_tree(tree, f"{self._path}/fs")
        except FileNotFoundError as error:
            raise SnapshotNotFound(tree) from error

    def move(self, target: str) -> None:
        """Move the copy to its own place."""
        os.rename(f"{self._path}/fs", target)

    def __enter__(self) -> Self:
        while self._fd < 0:
            self._path = f"{self._parent}/{_PREFIX}{new_id()}"
            os.mkdir(self._path, 0o700)
            try:
                self._fd = _lock(self._path)
            except (BlockingIOError, FileNotFoundError):  # a collection took it for abandoned before it was locked
                continue
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            remove_tree(self._path)
        finally:
            os.close(self._fd)


def remove_abandoned(parent: str) -> None:
    """Remove the copies whose makers died."""
    for name in os.listdir(parent):
        if name.startswith(_PREFIX):
            try:
                fd = _lock(f"{parent}/{name}")
            except (BlockingIOError, FileNotFoundError):
                continue
            try:
                remove_tree(f"{parent}/{name}")
            finally:
                os.close(fd)


def _lock(path: str) -> int:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(fd).st_nlink == 0:
            raise FileNotFoundError(ENOENT, os.strerror(ENOENT), path)
    except BaseException:
        os.close(fd)
        raise
    return fd
