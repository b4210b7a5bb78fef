"""Walking and removing trees that a hostile process made: any depth, any names, and no link is ever followed."""

from __future__ import annotations

import errno
import os

from izba.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Cursor:
    """Where a walk is. However deep the tree, one descriptor: `leave` goes back by `..` and checks where it arrived."""

    def __init__(self, path: str | bytes, *, dir_fd: int | None = None) -> None:
        self.fd = os.open(path, _OPEN, dir_fd=dir_fd)
        self._above: list[tuple[int, int]] = []

    def enter(self, name: bytes | str) -> None:
        """Go down into the directory `name`."""
        status = os.fstat(self.fd)
        self._move(os.open(name, _OPEN, dir_fd=self.fd))
        self._above.append((status.st_dev, status.st_ino))

    def leave(self) -> None:
        """Go back up. Raises `Conflict` if the directory was moved meanwhile."""
        self._move(os.open("..", _OPEN, dir_fd=self.fd))
        status = os.fstat(self.fd)
        if self._above.pop() != (status.st_dev, status.st_ino):
            raise Conflict("a directory was moved while it was read")

    def entries(self) -> list[os.DirEntry[str]]:
        """What is here, in the order of the names' bytes."""
        with os.scandir(self.fd) as scan:
            return sorted(scan, key=_name)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.fd)

    def _move(self, fd: int) -> None:
        # The number stays: entries of a directory that was left and entered again look at their files by it.
        try:
            os.dup2(fd, self.fd, inheritable=False)
        finally:
            os.close(fd)


def walk(cursor: Cursor) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Each entry below the cursor as (directory, entry): a directory before what is in it, names in order.

    `directory` is `""` or ends with a slash; while an entry is looked at, `cursor.fd` is the directory it is in. The
    one who walks may not rename a directory.
    """
    prefix = ""
    pending = [iter(cursor.entries())]
    prefixes: list[str] = []
    while pending:
        entry = next(pending[-1], None)
        if entry is None:
            pending.pop()
            if prefixes:
                prefix = prefixes.pop()
                cursor.leave()
            continue
        yield prefix, entry
        if entry.is_dir(follow_symlinks=False):
            try:
                cursor.enter(entry.name)
            except (FileNotFoundError, NotADirectoryError):
                continue  # removed since it was listed
            prefixes.append(prefix)
            prefix = f"{prefix}{entry.name}/"
            pending.append(iter(cursor.entries()))


def remove(name: bytes, directory: int) -> None:
    """Remove `name` in `directory` and all below it."""
    try:
        os.unlink(name, dir_fd=directory)
        return
    except IsADirectoryError:
        pass
    except PermissionError as error:  # what unlink of a directory gives by POSIX
        if error.errno != errno.EPERM:
            raise
    cursor = Cursor(name, dir_fd=directory)
    try:
        _empty(cursor)
    finally:
        cursor.close()
    os.rmdir(name, dir_fd=directory)


def _empty(cursor: Cursor) -> None:
    inside: list[str] = []
    while True:
        directory = next((entry.name for entry in _unlink_files(cursor) if entry.is_dir(follow_symlinks=False)), None)
        if directory is not None:
            cursor.enter(directory)
            inside.append(directory)
        elif inside:
            cursor.leave()
            os.rmdir(inside.pop(), dir_fd=cursor.fd)
        else:
            return


def _unlink_files(cursor: Cursor) -> list[os.DirEntry[str]]:
    """Unlink what is no directory; the directories are left."""
    directories = []
    with os.scandir(cursor.fd) as scan:
        for entry in list(scan):
            if entry.is_dir(follow_symlinks=False):
                directories.append(entry)
            else:
                os.unlink(entry.name, dir_fd=cursor.fd)
    return directories


def _name(entry: os.DirEntry[str]) -> bytes:
    return os.fsencode(entry.name)
