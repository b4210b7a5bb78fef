"""The target's files as ordinary files of the user's, in a directory."""

from __future__ import annotations

import os
import stat

from izba.build.files import FileSource

_CHUNK = 1 << 20


def export_directory(view: str, destination: str) -> None:
    """Copy the tree shown at `view` into the directory `destination`, which is made if missing.

    Files belong to who builds. What is there stays, unless a file of the tree takes its place; a link that is in the
    way is replaced, never followed. Device nodes and the like stay behind.
    """
    os.makedirs(destination, exist_ok=True)
    source = FileSource(view)
    modes: list[tuple[str, int]] = []
    for relative, status in source.walk(""):
        target = f"{destination}/{relative}"
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISDIR(status.st_mode):
            _make_directory(target)
            modes.append((target, mode))
        elif stat.S_ISREG(status.st_mode):
            _give_way(target)
            _copy(source.absolute(relative), target, mode & 0o777, status)
        elif stat.S_ISLNK(status.st_mode):
            _give_way(target)
            os.symlink(os.readlink(source.absolute(relative)), target)
    for target, mode in reversed(modes):
        os.chmod(target, mode & 0o1777)


def _make_directory(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            os.mkdir(path, 0o700)
        else:
            os.chmod(path, 0o700)


def _give_way(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _copy(source: str, target: str, mode: int, status: os.stat_result) -> None:
    with open(source, "rb") as reading:
        fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "wb") as writing:
            while data := reading.read(_CHUNK):
                writing.write(data)
            writing.flush()
            os.fchmod(fd, mode)
            os.utime(fd, ns=(status.st_mtime_ns, status.st_mtime_ns))
