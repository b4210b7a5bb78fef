"""Collection: mark what roots reach, in SQL; sweep the rest.

Roots are images, names, containers, leases and what the registry serves. From them: an image keeps its manifest, its
config, the blobs of its layers and its stack of snapshots; an index what it names; a snapshot all below it, and the
blob that its layer came from, if it does not give the layer's tar again by itself. Nothing else keeps anything.

Rows go first, in one durable transaction that no writer can interleave with; files after it, by rules that make a crash
between the two harmless (`content`, `snapshots.rows`). So a collection may run beside builds, loads and starts.
"""

from __future__ import annotations

import os
import time

from izba._record import Record
from izba.oci.digest import Digest
from izba.store.content import ONCE
from izba.store.lock import FileLock
from izba.store.snapshots.staging import remove_abandoned
from izba.store.snapshots.trees import freed_by_removing, remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.store.store import Store

INGEST_SECONDS = 24 * 3600
"""How long a begun, unfinished ingest is kept to be resumed."""

WAIT_SECONDS = 1800.0
"""How long to wait for another collection, which may have a lot to remove."""

UNLINK_BATCH = 64
"""How many blobs are unlinked while writers wait."""

_REACHABLE_CONTENT = """
WITH RECURSIVE reachable(digest) AS (
    SELECT manifest FROM images
    UNION SELECT digest FROM names
    UNION SELECT key FROM lease_resources WHERE kind = 'content'
    UNION SELECT digest FROM registry_blobs
    UNION SELECT digest FROM registry_manifests
    UNION SELECT blob FROM layer_blobs JOIN snapshots USING (diff_id) WHERE NOT rewritable
    UNION SELECT child FROM content_children JOIN reachable ON parent = digest
)
SELECT digest FROM reachable
"""

_REACHABLE_SNAPSHOTS = """
WITH RECURSIVE reachable(id) AS (
    SELECT id FROM snapshots WHERE key IN (
        SELECT chain_id FROM images
        UNION SELECT snapshot FROM containers
        UNION SELECT key FROM lease_resources WHERE kind = 'snapshot'
    )
    UNION SELECT parent FROM snapshots JOIN reachable USING (id) WHERE parent IS NOT NULL
)
SELECT id FROM reachable
"""


class Collected(Record):
    """What a collection removed: blobs, snapshots, and the bytes that this freed on the disk."""

    content: tuple[Digest, ...]
    snapshots: tuple[str, ...]
    size: int


def collect(store: Store) -> Collected:
    """Remove what nothing refers to. Collections of several processes follow one another."""
    with store.lock("collect", what="the collection of unused content", timeout=WAIT_SECONDS):
        store.leases.end_dead()
        with store.db.transaction(durable=True):
            if store.has_snapshots:
                store.snapshots.drop_torn()
            snapshots = _sweep_snapshots(store)
            content = _sweep_content(store)
            _sweep_layers(store)
        size = _remove_directories(store) + _unlink_blobs(store) + _remove_ingests(store)
        _remove_locks(store)
    return Collected(content=content, snapshots=snapshots, size=size)


def _sweep_snapshots(store: Store) -> tuple[str, ...]:
    """Children before parents, as the foreign key wants it."""
    store.db.execute("CREATE TEMP TABLE IF NOT EXISTS kept (id INTEGER PRIMARY KEY)")
    store.db.execute("DELETE FROM kept")
    store.db.execute(f"INSERT INTO kept {_REACHABLE_SNAPSHOTS}")
    rows = store.db.rows("SELECT id, key FROM snapshots WHERE id NOT IN (SELECT id FROM kept) ORDER BY id DESC")
    for id, _ in rows:
        store.db.execute("DELETE FROM snapshots WHERE id = ?", id)
    return tuple(key for _, key in rows)


def _sweep_content(store: Store) -> tuple[Digest, ...]:
    rows = store.db.rows(f"SELECT digest FROM content WHERE digest NOT IN ({_REACHABLE_CONTENT})")  # noqa: S608 - constant
    for (digest,) in rows:
        store.db.execute("DELETE FROM content WHERE digest = ?", digest)
    return tuple(Digest(digest) for (digest,) in rows)


def _sweep_layers(store: Store) -> None:
    """A layer that is neither a blob nor a snapshot any more cannot be had: forget its size."""
    store.db.execute(
        "DELETE FROM layers WHERE diff_id NOT IN (SELECT diff_id FROM layer_blobs)"
        " AND diff_id NOT IN (SELECT diff_id FROM snapshots WHERE diff_id IS NOT NULL)"
    )


def _remove_directories(store: Store) -> int:
    """The directories of snapshots without row; a new one is made in the transaction that inserts its row."""
    if not store.has_snapshots:
        return 0
    with store.db.transaction():
        known = {id for (id,) in store.db.rows("SELECT id FROM snapshots")}
        garbage = [path for id, path in store.snapshots.directories().items() if id not in known]
    remove_abandoned(f"{store.roots.data}/snapshots/native")
    freed = 0
    for path in garbage:
        freed += freed_by_removing(path)
        remove_tree(path)
    return freed


def _unlink_blobs(store: Store) -> int:
    known = {digest for (digest,) in store.db.rows("SELECT digest FROM content")}
    garbage = [name for name in store.content.files() if f"sha256:{name}" not in known]
    batches = [garbage[start : start + UNLINK_BATCH] for start in range(0, len(garbage), UNLINK_BATCH)]
    return sum(map(store.content.unlink_unknown, batches))


def _remove_ingests(store: Store) -> int:
    """Unfinished ingests that nobody writes and nobody came back for."""
    freed = 0
    for path in store.content.ingests():
        lock = FileLock(path, what="ingest", writes_owner=False)
        try:
            found = os.stat(path)
        except FileNotFoundError:
            continue
        is_old = path.endswith(ONCE) or found.st_mtime < time.time() - INGEST_SECONDS
        if is_old and lock.try_acquire():
            freed += found.st_blocks * 512
            lock.release(remove=True)
    return freed


def _remove_locks(store: Store) -> None:
    for name in os.listdir(f"{store.roots.data}/locks"):
        lock = store.lock(name, what=name)
        if name != "collect" and lock.try_acquire():
            lock.release(remove=True)
