"""Trees of the store on their way to the disk.

A small tree is written file by file. The data of all its files is handed to the disk first, and only then is each
waited for: what a journalling file system does for the first one takes most of the others along. A large tree takes its
file system's whole cache with it, which is one call for 20,000 files, but also waits for what others wrote.
"""

from __future__ import annotations

import os

from izba.linux.fs import start_writeback, syncfs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_FILES = 64
_MOST_BYTES = 16 << 20


def flush_trees(directory: str, trees: Iterable[str]) -> None:
    """Put `trees`, which nobody changes and which lie in `directory`, on the disk, with their names in it.

    Raises `OSError` if the disk does not take them.
    """
    paths = _small(trees)
    opened = _open([*paths, directory]) if paths is not None else None
    if opened is None:
        syncfs(directory)
        return
    try:
        for fd in opened:
            start_writeback(fd)
        for fd in opened:
            os.fsync(fd)
    finally:
        _close(opened)


def start_flush(trees: Iterable[str]) -> None:
    """Set the disk to work on small `trees`, for whoever has other things to do before `flush_trees`."""
    if (paths := _small(trees)) is not None and (opened := _open(paths)) is not None:
        for fd in opened:
            start_writeback(fd)
        _close(opened)


def _small(trees: Iterable[str]) -> list[str] | None:
    """All files and directories of the trees; None where there is more, or something else.

    Links and devices are no files that can be waited for; their directory need not take them along.
    """
    pending = list(trees)
    paths: list[str] = []
    size = 0
    while pending:
        top = pending.pop()
        paths.append(top)
        try:
            with os.scandir(top) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        paths.append(entry.path)
                        found = entry.stat(follow_symlinks=False)
                        size += found.st_size if found.st_nlink == 1 else 0  # shared with a layer that was flushed
                    else:
                        return None
                    if len(paths) + len(pending) > _MOST_FILES or size > _MOST_BYTES:
                        return None
        except OSError:  # a mode that forbids it, a collection beside us: the whole cache needs nobody's leave
            return None
    return paths


def _open(paths: list[str]) -> list[int] | None:
    """All of them; None where one cannot be opened."""
    opened: list[int] = []
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            _close(opened)
            return None
        opened.append(fd)
    return opened


def _close(opened: list[int]) -> None:
    for fd in opened:
        os.close(fd)
