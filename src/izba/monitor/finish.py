"""The end of a container's stay: taking it out of the store, with all that only it had."""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.store.store import Store


def discard(store: Store, id: str, *, volumes: tuple[str, ...] = ()) -> None:
    """Remove a container that does not run and whose directory is locked, by the caller or for it.

    The row goes first, and with it the name: what is left behind by a crash after that belongs to nobody, and
    `sweep` finds it.
    """
    store.containers.delete(id)
    remove_files(store, id, volumes)


def sweep(store: Store) -> int:
    """Remove what a killed `discard`, or a killed creation, left behind; of how many containers."""
    base = f"{store.roots.data}/containers"
    count = 0
    for id in os.listdir(base) if os.path.isdir(base) else ():
        directory_lock = lock(f"{base}/{id}")
        if directory_lock is None:
            continue
        try:
            is_old = time.time() - os.fstat(directory_lock).st_mtime > _SETTLED
            if is_old and not store.containers.exists(id):
                count += 1
                remove_files(store, id)
        finally:
            os.close(directory_lock)
    return count


_SETTLED = 60.0
"""A directory this many seconds old without a row will not get one."""


def lock(directory: str) -> int | None:
    """Lock a container's directory: nobody starts or removes it until the descriptor is closed. None: somebody has it.

    Raises `FileNotFoundError` where the container is gone.
    """
    import fcntl

    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def remove_files(store: Store, id: str, volumes: tuple[str, ...] = ()) -> None:
    """The second half of `discard`: what is left once the row is gone."""
    from izba.store.snapshots.snapshotter import SnapshotNotFound

    try:
        store.snapshots.remove(id)
    except SnapshotNotFound:
        pass
    if volumes:
        from izba.volume.store import Volumes

        others = [row.config for row in store.containers.all()]
        for name in volumes:
            if not any(name in config for config in others):  # lent by `--volumes-from`, it goes with the last
                Volumes(f"{store.roots.data}/volumes").discard(name)
    run, data = store.roots.run, store.roots.data
    records = [f"{run}/runtime/{name}/{id}" for name in ("crun", "runc")]  # of one whose monitor was killed
    for directory in (f"{run}/containers/{id}", *records, f"{data}/containers/{id}"):
        _remove_directory(directory)


def _remove_directory(path: str) -> None:
    """A directory of plain files and an empty `rootfs`, as izba makes them."""
    try:
        names = os.listdir(path)
    except FileNotFoundError:
        return
    for name in names:
        try:
            os.unlink(f"{path}/{name}")
        except IsADirectoryError:
            os.rmdir(f"{path}/{name}")
    os.rmdir(path)
