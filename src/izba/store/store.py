"""The store of one data root: everything that survives a reboot, behind one sqlite file.

    <data>/izba.db                      rows: what there is and what refers to what
    <data>/content/{blobs,ingest}/      bytes by digest
    <data>/snapshots/<driver>/<id>/     file system changes
    <data>/leases/<id>                  the locks of live leases
    <data>/locks/<name>                 other locks

The order of every change makes a crash harmless: files are made before the row that speaks of them, and removed after
it.
"""

from __future__ import annotations

import os
from errno import ENOTDIR

from izba.errors import Unavailable
from izba.store.containers import ContainerRows
from izba.store.content import ContentStore
from izba.store.db import Database
from izba.store.images import ImageRows
from izba.store.layers import Layers
from izba.store.leases import Leases
from izba.store.lock import FileLock
from izba.store.names import Names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from izba.paths import Roots
    from izba.store.check import Problem
    from izba.store.gc import Collected
    from izba.store.leases import Lease
    from izba.store.snapshots.snapshotter import Snapshotter

_DIRECTORIES = (
    "content",
    "content/blobs",
    "content/blobs/sha256",
    "content/ingest",
    "containers",
    "leases",
    "locks",
    "snapshots",
    "snapshots/overlay",
    "snapshots/native",
)


class StoreUnavailable(Unavailable):
    """The data root cannot be used."""


class Store:
    """Opens cheaply; snapshots are decided on when they are first asked for."""

    def __init__(self, roots: Roots, db: Database) -> None:
        self.roots = roots
        self.db = db
        self.leases = Leases(f"{roots.data}/leases", db)
        self.content = ContentStore(f"{roots.data}/content", db, self.leases)
        self.names = Names(db)
        self.images = ImageRows(db)
        self.containers = ContainerRows(db)
        self._snapshots: Snapshotter | None = None

    @classmethod
    def open(cls, roots: Roots) -> Store:
        """Open the store, making what is missing. Raises `StoreUnavailable`."""
        path = f"{roots.data}/izba.db"
        try:
            if not os.path.exists(path):
                _make(roots.data)
        except OSError as error:
            raise StoreUnavailable(
                f"the data root {roots.data} cannot be used: {error.strerror}",
                hint="choose another with --root or IZBA_ROOT",
            ) from error
        return cls(roots, Database(path))

    @property
    def snapshots(self) -> Snapshotter:
        """The snapshotter that this data root was begun with."""
        if self._snapshots is None:
            from izba.store.snapshots.choose import choose

            # Two threads would be in each other's way, and take the file system for a bad one. The database's lock and
            # no other: who asks in the middle of a transaction has it already.
            with self.db.alone():
                if self._snapshots is None:
                    self._snapshots = choose(f"{self.roots.data}/snapshots", self.db, self.leases)
        return self._snapshots

    @property
    def has_snapshots(self) -> bool:
        """Whether any snapshot was ever begun here; asking chooses no snapshotter."""
        return (
            self._snapshots is not None or self.db.row("SELECT 1 FROM settings WHERE key = 'snapshotter'") is not None
        )

    @property
    def layers(self) -> Layers:
        """The layers, by diff_id."""
        return Layers(self.db, self.content, lambda: self.snapshots)

    def lease(self, purpose: str) -> Lease:
        """`with store.lease("build"):` all that this process adds meanwhile is safe from collection."""
        return self.leases.open(purpose)

    def lock(self, name: str, *, what: str, timeout: float = 60.0) -> FileLock:
        """`with store.lock("unpack-…", what="layer …"):` one process or thread at a time; `what` is for the message."""
        return FileLock(f"{self.roots.data}/locks/{name}", what=what, timeout=timeout)

    def collect(self) -> Collected:
        """Remove what nothing refers to; see `gc`."""
        from izba.store.gc import collect

        return collect(self)

    def check(self, *, verify: bool = False) -> list[Problem]:
        """What is wrong with the store; see `check`."""
        from izba.store.check import check

        return check(self, verify=verify)

    def repair(self, problems: list[Problem]) -> None:
        """Mend what can be mended; see `check`."""
        from izba.store.check import repair

        repair(self, problems)

    def close(self) -> None:
        """Close the database."""
        self.db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _make(data: str) -> None:
    """Make what is missing of the data root, for its owner alone: images hold setuid programs, the rows passwords."""
    os.makedirs(os.path.dirname(data), exist_ok=True)
    for path in (data, *(f"{data}/{name}" for name in _DIRECTORIES)):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not os.path.isdir(path):
                raise NotADirectoryError(ENOTDIR, os.strerror(ENOTDIR), path) from None
    os.close(os.open(f"{data}/izba.db", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))  # sqlite's own files follow it
