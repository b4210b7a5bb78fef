"""Leases pin content and snapshots until something lasting refers to them (containerd's word and idea).

Whoever puts things together over some time (a build, a load, a pull) does it under a lease: whatever this process
ingests, prepares or commits meanwhile, or asks for and finds there (`has`), is added to its open leases in the same
transaction, so that a collection in another process never sees it unreferenced.

A lease ends with its block, or with its process: it lives as long as the lock on its file is held.
A lasting lease, such as a record of the build cache, lives until it is ended.
"""

from __future__ import annotations

import os
import time

from izba.ids import new_id
from izba.store.lock import FileLock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Self

    from izba.oci.digest import Digest
    from izba.store.db import Database


class Leases:
    """The leases of one store, and those of them that this process holds open."""

    def __init__(self, directory: str, db: Database) -> None:
        self._directory = directory
        self._db = db
        self._open: list[Lease] = []
        self._pid = os.getpid()

    def open(self, purpose: str) -> Lease:
        """`with leases.open("build"):` pins all that this process adds to the store inside the block."""
        return Lease(self, purpose)

    def hold(self, kind: str, key: str) -> None:
        """Add a resource to the open leases of this process; called in the transaction that makes or finds it."""
        for lease in self._held():
            lease.add(kind, key)

    def hold_if(self, kind: str, key: str, exists: Callable[[], bool]) -> bool:
        """Whether a resource is there; under a lease it then stays there."""
        if not self._held():
            return exists()
        with self._db.transaction():
            if not exists():
                return False
            self.hold(kind, key)
            return True

    def keep(self, id: str, purpose: str, *, content: Iterable[Digest] = (), snapshots: Iterable[str] = ()) -> None:
        """Make or replace the lasting lease `id`, which pins exactly these until `end(id)`."""
        with self._db.transaction():
            self.end(id)
            self._db.execute("INSERT INTO leases VALUES (?, ?, ?, 1)", id, purpose, time.time_ns())
            for kind, keys in (("content", content), ("snapshot", snapshots)):
                for key in keys:
                    self._db.execute("INSERT OR IGNORE INTO lease_resources VALUES (?, ?, ?)", id, kind, key)

    def end(self, id: str) -> None:
        """Let go of what the lease `id` pins; nothing happens if there is none."""
        self._db.execute("DELETE FROM leases WHERE id = ?", id)

    def dead(self) -> list[str]:
        """The leases whose holders died."""
        ids = [id for (id,) in self._db.rows("SELECT id FROM leases WHERE NOT lasting")]
        return [id for id in ids if not self._is_held(id)]

    def end_dead(self) -> None:
        """End the leases whose holders died, and remove the lock files that nobody holds."""
        rows = [id for (id,) in self._db.rows("SELECT id FROM leases WHERE NOT lasting")]
        for id in {*rows, *os.listdir(self._directory)}:
            lock = self._lock(id)
            if lock.try_acquire():
                self.end(id)
                lock.release(remove=True)

    def _held(self) -> list[Lease]:
        return list(self._open) if self._pid == os.getpid() else []

    def _is_held(self, id: str) -> bool:
        if not os.path.exists(f"{self._directory}/{id}"):
            return False
        lock = self._lock(id)
        if lock.try_acquire():
            lock.release()
            return False
        return True

    def _lock(self, id: str) -> FileLock:
        return FileLock(f"{self._directory}/{id}", what=f"lease {id}")


class Lease:
    """One open lease; see `Leases.open`."""

    def __init__(self, leases: Leases, purpose: str) -> None:
        self.id = new_id()
        self._leases = leases
        self._purpose = purpose
        self._lock = leases._lock(self.id)  # noqa: SLF001 - one thing in two classes
        self._db = leases._db  # noqa: SLF001

    def pin_content(self, digest: Digest) -> bool:
        """Pin a blob that may be there; whether it is."""
        return self._pin("content", digest, "SELECT 1 FROM content WHERE digest = ?")

    def pin_snapshot(self, key: str) -> bool:
        """Pin a snapshot that may be there whole, and with it all below it; whether it is."""
        from izba.store.snapshots.rows import boot_id

        whole = "SELECT 1 FROM snapshots WHERE key = ? AND (unsynced IS NULL OR unsynced = ?)"
        return self._pin("snapshot", key, whole, boot_id())

    def add(self, kind: str, key: str) -> None:
        """Pin by kind (`content`, `snapshot`) and key, in the caller's transaction."""
        self._db.execute("INSERT OR IGNORE INTO lease_resources VALUES (?, ?, ?)", self.id, kind, key)

    def _pin(self, kind: str, key: str, exists: str, *values: str) -> bool:
        with self._db.transaction():
            if self._db.row(exists, key, *values) is None:
                return False
            self.add(kind, key)
            return True

    def __enter__(self) -> Self:
        self._lock.acquire()  # before the row: a lease in the table that nobody holds is a dead one
        self._db.execute("INSERT INTO leases VALUES (?, ?, ?, 0)", self.id, self._purpose, time.time_ns())
        leases = self._leases
        if leases._pid != os.getpid():  # noqa: SLF001 - a forked child does not hold its parent's leases
            leases._open.clear()  # noqa: SLF001
            leases._pid = os.getpid()  # noqa: SLF001
        leases._open.append(self)  # noqa: SLF001
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leases._open.remove(self)  # noqa: SLF001
        try:
            self._leases.end(self.id)
        finally:
            self._lock.release(remove=True)
