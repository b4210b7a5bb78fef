"""A new volume begins with what the image has at its place, owners and modes included (Docker's copy-up)."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.layer.fsops import FsOps
    from izba.volume.store import Volume


class CopyUpFailed(OSError):
    """The image's files could not be copied into the volume."""


def copy_up(root: int, path: str, volume: Volume) -> None:
    """Copy the directory `path` of the tree `root` into the volume, if that is empty, or was not filled to the end.

    One at a time: who comes second finds it filled, and writes over nothing that a container of the first has changed.
    """
    import fcntl

    from izba.linux import rootpath

    directory = os.path.dirname(volume.path)
    lock = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        begun = os.path.lexists(f"{directory}/{_FILLING}")
        if os.listdir(volume.path) and not begun:
            return
        try:
            source = rootpath.open_in_root(root, path, os.O_RDONLY | os.O_DIRECTORY)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            _fill(source, path, volume, mark=f"{directory}/{_FILLING}")
        finally:
            os.close(source)
    finally:
        os.close(lock)


_FILLING = "filling"
"""A file beside what is in a volume, as long as that is not all of it: who fills it may be killed."""


def _fill(source: int, path: str, volume: Volume, *, mark: str) -> None:
    from izba.layer.fsops import fsops

    os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    ops = fsops()
    try:
        copy_tree(source, volume.path, write=ops, apply=ops)
    except CopyFailed as error:
        raise CopyUpFailed(f"{path} of the image could not be copied into the volume: {error}") from None
    volume.settings.give(volume.path)
    os.unlink(mark)


class CopyFailed(OSError):
    """The tree could not be read whole."""


def copy_tree(source: int, target: str, *, write: FsOps, apply: FsOps) -> None:
    """Copy the open directory `source` into the directory `target`, owners as `apply` gives them.

    By a tar from one thread to another: it has all that a layer can have, and both ends are tested with worse. Not to
    another process: several containers of a project are created at once, and in a fork the locks stay taken that the
    other threads had, those of imports among them.
    """
    import threading

    from izba.layer import apply as applying
    from izba.layer.diff import write_layer

    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
    failures: list[Exception] = []

    def read_tree() -> None:
        try:
            with os.fdopen(write_fd, "wb", buffering=1 << 16) as out:
                write_layer(f"/proc/self/fd/{source}/.", out, ops=write, overlay=None, marked=True)
        except Exception as error:  # raised by who waits
            failures.append(error)

    reader = threading.Thread(target=read_tree, name="copy-tree")
    reader.start()
    try:
        with os.fdopen(read_fd, "rb") as stream:
            applying.apply(stream, target, ops=apply, overlay=None, plain=True)
    except Exception:
        reader.join()
        if not failures or isinstance(failures[0], BrokenPipeError):  # the reader's failure is but what followed
            raise
    reader.join()
    if failures:
        raise CopyFailed(f"{os.readlink(f'/proc/self/fd/{source}')} could not be read") from failures[0]
