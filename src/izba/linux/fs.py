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
