"""A new volume begins with what the image has at its place, owners and modes included (Docker's copy-up)."""

from __future__ import annotations

import os


class CopyUpFailed(OSError):
    """The image's files could not be copied into the volume."""


def copy_up(root: int, path: str, volume: str) -> None:
    """Copy the directory `path` of the tree `root` into the directory `volume`, if that is empty."""
    from izba.linux import rootpath

    if os.listdir(volume):
        return
    try:
        source = rootpath.open_in_root(root, path, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return
    try:
        _copy(source, path, volume)
    finally:
        os.close(source)


def _copy(source: int, path: str, volume: str) -> None:
    """By a tar from one process to another: it has all that a layer can have, and both ends are tested with worse."""
    from izba.layer.apply import apply
    from izba.layer.diff import write_layer
    from izba.layer.fsops import fsops

    ops = fsops()
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    writer = os.fork()
    if writer == 0:
        code = 1
        try:
            os.close(read_fd)
            with os.fdopen(write_fd, "wb", buffering=1 << 16) as out:
                write_layer(f"/proc/self/fd/{source}/.", out, ops=ops, overlay=None, marked=True)
            code = 0
        finally:
            os._exit(code)
    os.close(write_fd)
    try:
        with os.fdopen(read_fd, "rb") as stream:
            apply(stream, volume, ops=ops, overlay=None, plain=True)
    finally:
        status = os.waitpid(writer, 0)[1]
    if status != 0:
        raise CopyUpFailed(f"{path} of the image could not be copied into the volume")
