"""The tree that a snapshot shows, to be read: an overlay that is mounted nowhere, only open."""

from __future__ import annotations

import errno
import os

from izba.errors import NotImplemented as NotOffered
from izba.linux import mount, overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.oci.digest import Digest
    from izba.store.store import Store

_VALUE_LIMIT = 255  # of one option, fsconfig(2)
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_merged(store: Store, key: str) -> int:
    """A descriptor of the whole tree of an active snapshot, read-only; also while a container runs on it.

    Nobody else sees the mount, and it is gone when the descriptor is closed.
    """
    top = store.snapshots.stat(key)
    upper = store.snapshots.upper(key)
    if store.snapshots.kind != "overlay" or top.parent is None:
        return os.open(upper, _OPEN)
    return _overlay((upper, *store.snapshots.lowers(top.parent)))


def open_committed(store: Store, chain_id: Digest) -> int:
    """A descriptor of the whole tree of a committed snapshot, read-only."""
    lowers = store.snapshots.lowers(chain_id)
    return os.open(lowers[0], _OPEN) if len(lowers) == 1 else _overlay(lowers)


def _overlay(lowers: Sequence[str]) -> int:
    fixed = overlay.options((), None, None, overlay.encoding())
    words = [word for word in fixed if not word.startswith("lowerdir")]
    try:
        return mount.new_filesystem("overlay", "overlay", [*words, *(f"lowerdir+={lower}" for lower in lowers)])
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    return _joined_overlay(lowers, words)


def _joined_overlay(lowers: Sequence[str], words: list[str]) -> int:
    """Before Linux 6.8 all directories are one value, so they get short names."""
    fds = [os.open(lower, _OPEN) for lower in lowers]
    try:
        joined = ":".join(f"/proc/self/fd/{fd}" for fd in fds)
        if len(joined) > _VALUE_LIMIT:
            raise NotOffered(f"a tree of {len(lowers)} layers cannot be read on this kernel", hint="use Linux 6.8")
        return mount.new_filesystem("overlay", "overlay", [*words, f"lowerdir={joined}"])
    finally:
        for fd in fds:
            os.close(fd)
