"""Which snapshotter a data root has: tried once, then recorded, for trees of one are no good to the other.

`overlay`, unless overlayfs cannot have an upper directory there for this process: the file system does not carry it
(NFS, overlayfs itself, as inside most containers), or the kernel does not let users mount it (before Linux 5.11). Then
`native`. How overlayfs marks deletions is recorded with it: a user's marks (`userxattr`) are not the ones that root's
overlays read.
"""

from __future__ import annotations

from izba.store.snapshots.overlay import OverlaySnapshotter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.store.db import Database
    from izba.store.leases import Leases
    from izba.store.snapshots.snapshotter import Snapshotter


def choose(directory: str, db: Database, leases: Leases) -> Snapshotter:
    """The snapshotter recorded for this root; at first use, the best that works there."""
    row = db.row("SELECT value FROM settings WHERE key = 'snapshotter'")
    kind = row[0] if row else _record(db, _try(f"{directory}/overlay"))
    if kind == "native":
        from izba.store.snapshots.native import NativeSnapshotter

        return NativeSnapshotter(f"{directory}/native", db, leases)
    from izba.linux.overlay import OverlayEncoding

    return OverlaySnapshotter(
        f"{directory}/overlay", db, leases, OverlayEncoding(userxattr=kind == "overlay-userxattr")
    )


def explain(db: Database) -> str:
    """The recorded choice, in words."""
    row = db.row("SELECT value FROM settings WHERE key = 'snapshotter'")
    words = {
        "overlay": "overlay: the kernel stacks layers",
        "overlay-userxattr": "overlay in a user namespace: the kernel stacks layers, marks are user attributes",
        "native": "native: whole copies, because overlayfs does not work on this file system for this user",
    }
    return words[row[0]] if row else "not chosen yet"


def _try(directory: str) -> str:
    from izba.linux.overlay import probe

    found = probe(directory)
    if found is None:
        return "native"
    return "overlay-userxattr" if found.userxattr else "overlay"


def _record(db: Database, kind: str) -> str:
    with db.transaction(durable=True):
        db.execute("INSERT OR IGNORE INTO settings VALUES ('snapshotter', ?)", kind)
        row = db.row("SELECT value FROM settings WHERE key = 'snapshotter'")
    assert row is not None
    recorded: str = row[0]
    return recorded
