"""Directory trees of the store: removing and measuring them, whatever a container left in them.

Nothing here follows a symbolic link, recurses on the call stack or keeps a descriptor for each level, so names, depth
and number of entries are the container's to choose.
"""

from __future__ import annotations

import os
import stat
from errno import EEXIST, ENOENT, ENOTDIR, ENOTEMPTY

from izba.store.snapshots.snapshotter import Usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


ENCOUNTERS = 10_000
"""How often two who remove the same tree may meet. Something is gone each time, so it ends by itself."""


def remove_tree(path: str) -> None:
    """Remove a directory and all in it; nothing happens if it is not there. Nobody may be adding to it.

    Others may be removing it too, as a collection does beside a container that is on its way out.
    """
    for _ in range(ENCOUNTERS):
        try:
            _remove(path)
        except OSError as error:
            if error.errno not in {ENOENT, ENOTEMPTY}:
                raise
        if not os.path.lexists(path):
            return
    raise OSError(ENOTEMPTY, "somebody adds to the tree while it is removed", path)


def _remove(path: str) -> None:
    top = _open_writable(path)
    try:
        while _remove_two_levels(top):
            pass
    finally:
        os.close(top)
    os.rmdir(path)


def _remove_two_levels(top: int) -> bool:
    """Empty the directories in `top`, moving what is deeper up into it; whether anything is left.

    Moved up, every directory is two names away however deep it was, and each is moved only once.
    """
    moved = 0
    for name in os.listdir(top):
        if _remove_entry(top, name):
            continue
        child = _open_writable(name, top)
        try:
            for inner in os.listdir(child):
                if not _remove_entry(child, inner):
                    _move_up(child, inner, top, f"{os.getpid()}-{moved}.removed")
                    moved += 1
        finally:
            os.close(child)
        os.rmdir(name, dir_fd=top)
    return moved > 0


def _remove_entry(directory: int, name: str) -> bool:
    """Remove a file or an empty directory; False for one that is not empty."""
    try:
        os.unlink(name, dir_fd=directory)
    except IsADirectoryError:
        try:
            os.rmdir(name, dir_fd=directory)
        except OSError as error:
            if error.errno != ENOTEMPTY:
                raise
            return False
    return True


def _move_up(source: int, name: str, top: int, new_name: str) -> None:
    os.close(_open_writable(name, source))  # a directory that moves must be writable itself: its ".." changes
    while True:
        try:
            os.rename(name, new_name, src_dir_fd=source, dst_dir_fd=top)
        except OSError as error:
            if error.errno not in {EEXIST, ENOTDIR, ENOTEMPTY}:
                raise
            new_name += "."  # the container chose this name too
        else:
            return


def _open_writable(name: str, directory: int | None = None) -> int:
    """Open a directory that we own, which its mode may forbid."""
    try:
        fd = os.open(name, _OPEN, dir_fd=directory)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=directory)
        return os.open(name, _OPEN, dir_fd=directory)
    if os.fstat(fd).st_mode & 0o700 != 0o700:
        os.fchmod(fd, 0o700)
    return fd


def usage(path: str, *, counted: set[tuple[int, int]] | None = None) -> Usage:
    """What the tree occupies on the disk now. What vanishes meanwhile or is too deep for a path is left out.

    Of a file with several names only one counts; `counted` are files of other trees, to which those of this one are
    added.
    """
    size = content = inodes = 0
    seen = set() if counted is None else counted
    for entry, found in _files(path):
        if (found.st_dev, found.st_ino) not in seen:
            seen.add((found.st_dev, found.st_ino))
            inodes += 1
            size += found.st_blocks * 512
            if not entry.is_dir(follow_symlinks=False):
                content += found.st_size
    return Usage(size=size, content=content, inodes=inodes)


def freed_by_removing(path: str) -> int:
    """How many bytes of the disk will be free when the tree is gone: layers may share files with others."""
    size = 0
    names: dict[tuple[int, int], int] = {}
    for entry, found in _files(path):
        if found.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
            file = (found.st_dev, found.st_ino)
            names[file] = names.get(file, 0) + 1
            if names[file] < found.st_nlink:
                continue
        size += found.st_blocks * 512
    return size


def _files(path: str) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    pending = [path]
    while pending:
        try:
            entries = os.scandir(pending.pop())
        except OSError:
            continue
        with entries:
            for entry in entries:
                try:
                    found = entry.stat(follow_symlinks=False)
                except OSError:
                    continue
                yield entry, found
                if stat.S_ISDIR(found.st_mode):
                    pending.append(entry.path)
