"""The build cache: which tree a cache key stands for. Rows in the store's database, so that all survives together.

A record says what one step put on top of its base: a layer, or nothing. It pins the snapshot by a lasting lease, and
goes with the record of its base, without which it would not be found. Aliases lead from how a step's inputs were made
to what was in them: a COPY from a stage that is cached is found without looking at a single file.
"""

from __future__ import annotations

import time

from izba._record import Record
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.build.graph import Tree
    from izba.store.store import Store

_LEASE = "build-cache-"


class CacheRecord(Record):
    """One step's result. `diff_id` is None for a step that changed nothing; times are in nanoseconds.

    `definition` is the op's own digest: records of the same step with other inputs share it.
    """

    key: Digest
    parent: Digest | None
    definition: Digest
    diff_id: Digest | None
    chain: Digest | None
    description: str
    created: int
    used: int
    uses: int


class BuildCache:
    """The records of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db

    def find(self, key: Digest) -> CacheRecord | None:
        """The record of a key."""
        row = self._db.row(f"{_SELECT} WHERE key = ?", key)
        return None if row is None else _record(row)

    def latest_chains(self, definition: Digest, *, limit: int) -> list[Digest]:
        """The newest trees that this very step made a layer of, whatever its inputs were."""
        rows = self._db.rows(
            "SELECT chain FROM build_cache WHERE definition = ? AND diff_id IS NOT NULL"
            " GROUP BY chain ORDER BY max(used) DESC LIMIT ?",
            *(definition, limit),
        )
        return [Digest(chain) for (chain,) in rows]

    def put(
        self,
        key: Digest,
        *,
        parent: Digest | None,
        definition: Digest,
        base: Tree,
        tree: Tree,
        description: str,
        created: int | None = None,
    ) -> int:
        """Remember that the step `key` makes `tree` of `base`; when that was first done: now, or when `created` says.

        A step that is done again, or twice at once, and makes the very same keeps its time, and its image its id.
        """
        now = time.time_ns()
        diff_id = tree.layers[-1].diff_id if len(tree.layers) > len(base.layers) else None
        with self._db.transaction():
            self._db.execute(
                "INSERT INTO build_cache VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (key) DO UPDATE SET"
                " parent = excluded.parent, diff_id = excluded.diff_id, chain = excluded.chain,"
                " created = iif(chain IS excluded.chain, created, excluded.created), used = excluded.used",
                *(key, parent, definition, diff_id, tree.chain, description, now if created is None else created, now),
            )
            if tree.chain is not None and diff_id is not None:
                self._store.leases.keep(_LEASE + key.hex, f"build cache: {description}", snapshots=(tree.chain,))
            row = self._db.row("SELECT created FROM build_cache WHERE key = ?", key)
        assert row is not None
        first: int = row[0]
        return first

    def forget(self, key: Digest) -> None:
        """Drop a record, and those of the steps on top of it."""
        rows = self._db.rows(
            "WITH RECURSIVE gone(key) AS ("
            " VALUES (?) UNION SELECT c.key FROM build_cache c JOIN gone ON c.parent = gone.key)"
            " SELECT key FROM gone",
            key,
        )
        with self._db.transaction():
            for (each,) in rows:
                self._store.leases.end(_LEASE + Digest(each).hex)
                self._db.execute("DELETE FROM build_cache WHERE key = ?", each)

    def forget_id(self, id: str) -> None:
        """The same by the digits of a key."""
        self.forget(Digest(f"sha256:{id}"))

    def drop_orphans(self) -> None:
        """Drop the aliases of keys that have no record."""
        self._db.execute("DELETE FROM build_aliases WHERE key NOT IN (SELECT key FROM build_cache)")

    def note_use(self, keys: Iterable[Digest]) -> None:
        """These records served a build."""
        now = time.time_ns()
        with self._db.transaction():
            for key in keys:
                self._db.execute("UPDATE build_cache SET used = ?, uses = uses + 1 WHERE key = ?", now, key)

    def alias(self, name: Digest) -> Digest | None:
        """The content key that a step had when its inputs were made like this."""
        row = self._db.row("SELECT key FROM build_aliases WHERE name = ?", name)
        return None if row is None else Digest(row[0])

    def set_alias(self, name: Digest, key: Digest) -> None:
        """Remember a content key; it lives as long as the record of that key."""
        self._db.execute("INSERT OR REPLACE INTO build_aliases VALUES (?, ?)", name, key)

    def aliases(self, keys: Iterable[Digest]) -> dict[Digest, Digest]:
        """The aliases that lead to these keys."""
        wanted = set(keys)
        rows = self._db.rows("SELECT name, key FROM build_aliases")
        return {Digest(name): Digest(key) for name, key in rows if key in wanted}

    def records(self) -> list[CacheRecord]:
        """All records, the least recently used first."""
        return [_record(row) for row in self._db.rows(f"{_SELECT} ORDER BY used")]


_SELECT = "SELECT key, parent, definition, diff_id, chain, description, created, used, uses FROM build_cache"


def _record(row: tuple[str, str | None, str, str | None, str | None, str, int, int, int]) -> CacheRecord:
    key, parent, definition, diff_id, chain, description, created, used, uses = row
    return CacheRecord(
        key=Digest(key),
        parent=None if parent is None else Digest(parent),
        definition=Digest(definition),
        diff_id=None if diff_id is None else Digest(diff_id),
        chain=None if chain is None else Digest(chain),
        description=description,
        created=created,
        used=used,
        uses=uses,
    )
