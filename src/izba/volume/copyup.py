"""A new volume begins with what the image has at its place, owners and modes included (Docker's copy-up)."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.layer.fsops import FsOps


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
    from izba.layer.fsops import fsops

    ops = fsops()
    try:
        copy_tree(source, volume, write=ops, apply=ops)
    except CopyFailed as error:
        raise CopyUpFailed(f"{path} of the image could not be copied into the volume: {error}") from None
    finally:
        os.close(source)


class CopyFailed(OSError):
    """The tree could not be read whole."""


def copy_tree(source: int, target: str, *, write: FsOps, apply: FsOps) -> None:
    """Copy the open directory `source` into the directory `target`, owners as `apply` gives them.

    By a tar from one process to another: it has all that a layer can have, and both ends are tested with worse.
    """
    from izba.layer import apply as applying
    from izba.layer.diff import write_layer

    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    writer = os.fork()
    if writer == 0:
        code = 1
        try:
            os.close(read_fd)
            with os.fdopen(write_fd, "wb", buffering=1 << 16) as out:
                write_layer(f"/proc/self/fd/{source}/.", out, ops=write, overlay=None, marked=True)
            code = 0
        finally:
            os._exit(code)
    os.close(write_fd)
    try:
        with os.fdopen(read_fd, "rb") as stream:
            applying.apply(stream, target, ops=apply, overlay=None, plain=True)
    finally:
        status = os.waitpid(writer, 0)[1]
    if status != 0:
        raise CopyFailed(f"{os.readlink(f'/proc/self/fd/{source}')} could not be read")
