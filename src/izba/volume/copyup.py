"""A new volume begins with what the image has at its place, owners and modes included (Docker's copy-up)."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.linux.mount import Mount


class CopyUpFailed(OSError):
    """The image's files could not be copied into the volume."""


def copy_up(rootfs: Sequence[Mount], path: str, volume: str) -> None:
    """Copy the directory `path` of the root that `rootfs` makes into the directory `volume`, if that is empty.

    The root is mounted in a child's own mount namespace: nobody else sees it, and it is gone with the child.
    """
    if os.listdir(volume):
        return
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        reason = b"killed"
        try:
            os.close(read_fd)
            _copy(rootfs, path, volume)
            reason = b""
        except Exception as error:  # the last frame of this process
            reason = str(error).encode() or type(error).__name__.encode()
        finally:
            os.write(write_fd, reason)
            os._exit(0)
    os.close(write_fd)
    reason = os.read(read_fd, 4096)
    os.close(read_fd)
    os.waitpid(child, 0)
    if reason:
        raise CopyUpFailed(f"copying {path} of the image into the volume: {reason.decode(errors='replace')}")


def _copy(rootfs: Sequence[Mount], path: str, volume: str) -> None:
    from izba.layer.apply import apply
    from izba.layer.diff import write_layer
    from izba.layer.fsops import fsops
    from izba.linux import flags, namespaces, rootpath
    from izba.linux.mount import attach_all, set_propagation

    namespaces.unshare(flags.CLONE_NEWNS)
    set_propagation("/", flags.MS_REC | flags.MS_PRIVATE)
    # The volume's own parent serves as the mount point: it is the one directory here that is nobody's but ours.
    volume_fd = os.open(volume, os.O_RDONLY | os.O_DIRECTORY)
    root = os.path.dirname(volume)
    attach_all(rootfs, root)
    root_fd = rootpath.open_root(root)
    try:
        source_fd = rootpath.open_in_root(root_fd, path, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return
    ops = fsops()
    read_fd, write_fd = os.pipe()
    writer = os.fork()
    if writer == 0:
        code = 1
        try:
            os.close(read_fd)
            os.fchdir(source_fd)
            with os.fdopen(write_fd, "wb", buffering=1 << 16) as out:
                write_layer(".", out, ops=ops, overlay=None)
            code = 0
        finally:
            os._exit(code)
    os.close(write_fd)
    os.fchdir(volume_fd)
    with os.fdopen(read_fd, "rb") as stream:
        apply(stream, ".", ops=ops, overlay=None)
    if os.waitpid(writer, 0)[1] != 0:
        raise CopyUpFailed("the image's files could not be read")
