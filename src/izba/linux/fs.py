"""File system calls that Python's `os` lacks."""

from __future__ import annotations

import os

from izba.linux import libc

_syncfs = libc.function("syncfs", libc.Int)


def syncfs(directory: str) -> None:
    """Write all that is cached of the file system that holds `directory` to its disk (syncfs(2))."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        libc.check("syncfs", _syncfs(fd), directory)
    finally:
        os.close(fd)


_sync_file_range = libc.function("sync_file_range", libc.Int, libc.Long, libc.Long, libc.Int)
_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h


def start_writeback(fd: int, offset: int = 0, count: int = 0) -> None:
    """Let the kernel begin to write these bytes (0: to the end) to the disk, so that a later sync has less to wait for.

    A wish: it may be refused, and promises nothing (sync_file_range(2)).
    """
    _sync_file_range(fd, offset, count, _SYNC_FILE_RANGE_WRITE)
