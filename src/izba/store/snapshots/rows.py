"""The rows of snapshots and the rules of their lifecycle, the same for every snapshotter.

A snapshot's directory is made inside the transaction that inserts its row, and removed after its row is gone for good.
Row ids are never used again, so a directory without row is garbage that nobody will come back for.
"""

from __future__ import annotations

import os
import time

from izba.oci.digest import Digest
from izba.store.db import IntegrityError
from izba.store.snapshots.removal import Removal
from izba.store.snapshots.snapshotter import Snapshot, SnapshotExists, SnapshotInUse, SnapshotNotFound
from izba.store.snapshots.trees import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from izba.store.db import Database
    from izba.store.leases import Leases
    from izba.store.snapshots.earlyflush import EarlyFlush

_COLUMNS = "s.id, s.key, s.kind, p.key, s.diff_id, s.size, s.created"
_SELECT = f"SELECT {_COLUMNS} FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent"  # noqa: S608 - constant

_ANCESTRY = f"""
WITH RECURSIVE stack(id, depth) AS (
    SELECT id, 0 FROM snapshots WHERE key = ?
    UNION ALL SELECT s.parent, depth + 1 FROM snapshots s JOIN stack USING (id) WHERE s.parent IS NOT NULL
)
SELECT {_COLUMNS} FROM stack JOIN snapshots s ON s.id = stack.id LEFT JOIN snapshots p ON p.id = s.parent ORDER BY depth
"""  # noqa: S608 - constant


class SnapshotRows:
    """What both snapshotters are made of: `directory` has one directory for each row, named by its id."""

    def __init__(self, directory: str, db: Database, leases: Leases) -> None:
        self._directory = directory
        self._db = db
        self._leases = leases
        self._flush: EarlyFlush | None = None

    def begin(
        self, key: str, kind: str, parent: Digest | None, fill: Callable[[str, Snapshot | None], None]
    ) -> Snapshot:
        """Insert a row; `fill(directory, parent)` makes what belongs in its empty directory."""
        with self._db.transaction():
            below = None if parent is None else self.committed(parent)
            try:
                id = self._db.insert(
                    "INSERT INTO snapshots (key, kind, parent, created) VALUES (?, ?, ?, ?)",
                    *(key, kind, below.id if below else None, time.time_ns()),
                )
            except IntegrityError:
                raise SnapshotExists(key) from None
            directory = self.directory(id)
            try:
                os.mkdir(directory, 0o700)
            except FileExistsError:  # of a row that a power cut took back
                remove_tree(directory)
                os.mkdir(directory, 0o700)
            try:
                fill(directory, below)
            except BaseException:
                remove_tree(directory)
                raise
            self._leases.hold("snapshot", key)
        return self.stat(key)

    def commit_row(self, name: Digest, key: str, *, diff_id: Digest, size: int) -> None:
        """Turn an active row into a committed one, or drop it if the name is there already."""
        with self._db.transaction():
            active = self.stat(key)
            if active.kind != "active":
                raise SnapshotNotFound(key)
            self._db.execute("INSERT OR IGNORE INTO layers VALUES (?, ?)", diff_id, size)
            self._leases.hold("snapshot", name)
            if self.has(name):
                self._db.execute("DELETE FROM snapshots WHERE id = ?", active.id)
                self._db.after(Removal(self.directory(active.id)).finish)
                return
            self.drop_torn()  # one of them may have this name
            self._db.execute(
                "UPDATE snapshots SET key = ?, kind = 'committed', diff_id = ?, size = ?, unsynced = ?,"
                " rewritable = NOT EXISTS (SELECT 1 FROM layer_blobs WHERE diff_id = ?) WHERE id = ?",
                *(name, diff_id, size, boot_id(), diff_id, active.id),
            )

    def sync(self) -> None:
        """Write committed snapshots to the disk and note that they are safe; the note may be lost, so may they."""
        ids = self._unsynced()
        if not ids:
            return
        from izba.store.snapshots.flush import flush_trees

        flush_trees(self._directory, map(self.directory, ids))
        if self._flush is not None:
            self._flush.finish()
        with self._db.transaction():
            for id in ids:
                self._db.execute("UPDATE snapshots SET unsynced = NULL WHERE id = ?", id)

    def begin_sync(self) -> None:
        """See `Snapshotter.begin_sync`. One that is under way goes on alone."""
        from izba.store.snapshots.earlyflush import EarlyFlush

        if self._flush is None or self._flush.is_over():
            self._flush = EarlyFlush(self._directory)

    def begin_small_sync(self) -> None:
        """See `Snapshotter.begin_small_sync`."""
        if ids := self._unsynced():
            from izba.store.snapshots.flush import start_flush

            start_flush(map(self.directory, ids))

    def _unsynced(self) -> list[int]:
        return [
            id for (id,) in self._db.rows("SELECT id FROM snapshots WHERE kind = 'committed' AND unsynced IS NOT NULL")
        ]

    def has(self, name: str) -> bool:
        """Whether a committed snapshot of this name is there, whole; if so, the open leases keep it."""
        return self._leases.hold_if("snapshot", name, lambda: self._is_whole(name))

    def _is_whole(self, name: str) -> bool:
        """One that was on its way to the disk when the machine went down does not count."""
        row = self._db.row("SELECT unsynced FROM snapshots WHERE key = ? AND kind = 'committed'", name)
        if row is None:
            return False
        return row[0] is None or row[0] == boot_id()

    def drop_torn(self) -> int:
        """Delete the rows of committed snapshots that a crash of the machine may have torn, and all that stand on them.

        How many. Their directories are left to the collection.
        """
        torn = self._db.rows(
            "WITH RECURSIVE torn(id) AS ("
            " SELECT id FROM snapshots WHERE unsynced IS NOT NULL AND unsynced <> ?"
            " UNION SELECT s.id FROM snapshots s JOIN torn ON s.parent = torn.id) "
            "SELECT id FROM torn ORDER BY id DESC",
            boot_id(),
        )
        for (id,) in torn:
            self._db.execute("DELETE FROM snapshots WHERE id = ?", id)
        return len(torn)

    def stat(self, key: str) -> Snapshot:
        """The row of a snapshot of any kind."""
        row = self._db.row(f"{_SELECT} WHERE s.key = ?", key)
        if row is None:
            raise SnapshotNotFound(key)
        return _snapshot(row)

    def committed(self, name: Digest) -> Snapshot:
        """The row of a committed snapshot."""
        found = self.stat(name)
        if found.kind != "committed" or not self.has(name):
            raise SnapshotNotFound(name)
        return found

    def ancestry(self, key: str) -> list[Snapshot]:
        """The snapshot and all below it, topmost first."""
        rows = self._db.rows(_ANCESTRY, key)
        if not rows:
            raise SnapshotNotFound(key)
        return [_snapshot(row) for row in rows]

    def walk(self) -> Iterator[Snapshot]:
        """All rows; a parent is always older than its children."""
        for row in self._db.rows(f"{_SELECT} ORDER BY s.id"):
            yield _snapshot(row)

    def remove(self, key: str) -> None:
        """Delete the row, durably, then the directory."""
        with self._db.transaction(durable=True):
            found = self.stat(key)
            try:
                self._db.execute("DELETE FROM snapshots WHERE id = ?", found.id)
            except IntegrityError:
                child = self._db.row("SELECT key FROM snapshots WHERE parent = ?", found.id)
                raise SnapshotInUse(key, child=child[0] if child else "?") from None
            self._db.after(Removal(self.directory(found.id)).finish)

    def directory(self, id: int) -> str:
        """Where the files of the row `id` are."""
        return f"{self._directory}/{id}"

    def directories(self) -> dict[int, str]:
        """The directories that are there, with or without row, by id."""
        return {int(name): f"{self._directory}/{name}" for name in os.listdir(self._directory) if name.isdigit()}


def boot_id() -> str:
    """The kernel's random id of this boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        return file.read().strip()


def _snapshot(row: tuple[int, str, str, str | None, str | None, int | None, int]) -> Snapshot:
    id, key, kind, parent, diff_id, size, created = row
    return Snapshot(
        id=id,
        key=key,
        kind=kind,
        parent=None if parent is None else Digest(parent),
        diff_id=None if diff_id is None else Digest(diff_id),
        size=size,
        created=created,
    )
