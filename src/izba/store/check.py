"""What a store can suffer, found and mended: `izba system check [--verify] [--repair]`.

A crash leaves nothing of this but orphans, which cost space and no more. The rest is for disks that forget and people
who delete. What can be had again (a blob, a layer of a base image) is removed with the images that need it, so that the
next pull, load or build brings it back whole.
"""

from __future__ import annotations

import os

from izba._record import Record
from izba.oci.digest import DigestMismatch, VerifiedReader
from izba.store.content import BlobNotFound
from izba.store.gc import WAIT_SECONDS
from izba.store.snapshots.removal import is_going
from izba.store.snapshots.trees import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.store.store import Store

KINDS = {
    "blob-missing": "a blob's file is gone",
    "blob-corrupt": "a blob's bytes are not those of its digest",
    "blob-orphaned": "a file among the blobs belongs to nothing",
    "snapshot-missing": "a snapshot's directory is gone",
    "snapshot-torn": "a snapshot was on its way to the disk when the machine went down",
    "snapshot-corrupt": "a snapshot's files no longer give the layer they came from",
    "snapshot-orphaned": "a snapshot's directory belongs to nothing",
    "layer-lost": "an image's layer is neither a snapshot nor a blob",
    "container-broken": "a container's snapshot is gone",
    "lease-dead": "a lease's holder died",
}

LEFTOVERS = frozenset(("blob-orphaned", "snapshot-orphaned", "snapshot-torn", "lease-dead"))
"""What a crash may leave: it costs space until the next collection, and nothing else."""


class Problem(Record):
    """One thing that is wrong: its kind (of `KINDS`), the digest, key or path it is about, and what depends on it."""

    kind: str
    subject: str
    images: tuple[str, ...] = ()

    def __str__(self) -> str:
        tail = f"; needed by {', '.join(self.images)}" if self.images else ""
        return f"{self.subject}: {KINDS[self.kind]}{tail}"


def check(store: Store, *, verify: bool = False) -> list[Problem]:
    """All that is wrong. `verify` reads every blob and every layer, which takes as long as hashing the store.

    Reads one consistent state of the rows; what other processes finish meanwhile is no problem, what they began is not
    seen as orphaned.
    """
    # A collection removes files after their rows. The transaction keeps new ones from appearing between the two looks.
    with store.lock("collect", what="the collection of unused content", timeout=WAIT_SECONDS), store.db.transaction():
        problems = [*_content(store), *_snapshots(store), *_containers(store), *_leases(store)]
    if verify:
        broken = {problem.subject for problem in problems}
        problems += [
            problem for problem in (*_verify_content(store), *_verify_snapshots(store)) if problem.subject not in broken
        ]
    return problems


def repair(store: Store, problems: list[Problem]) -> None:
    """Mend them: orphans go, and what is damaged goes with the images that cannot be whole without it."""
    damaged = [problem for problem in problems if problem.kind in _DAMAGE]
    with store.db.transaction(durable=True):
        for problem in damaged:
            _DAMAGE[problem.kind](store, problem.subject)
    store.collect()


def _content(store: Store) -> Iterator[Problem]:
    files = set(store.content.files())
    for blob in store.content.walk():
        if blob.digest.hex not in files or os.stat(store.content.path(blob.digest)).st_size != blob.size:
            kind = "blob-corrupt" if blob.digest.hex in files else "blob-missing"
            yield Problem(kind=kind, subject=blob.digest, images=_images_of_content(store, blob.digest))
        files.discard(blob.digest.hex)
    for name in sorted(files):
        yield Problem(kind="blob-orphaned", subject=name)


def _snapshots(store: Store) -> Iterator[Problem]:
    if not store.has_snapshots:
        return
    snapshots = store.snapshots
    directories = snapshots.directories()
    for snapshot in snapshots.walk():
        if snapshot.id not in directories or not snapshots.is_whole(snapshot.key):
            yield Problem(
                kind="snapshot-missing", subject=snapshot.key, images=_images_of_snapshot(store, snapshot.key)
            )
        elif snapshot.kind == "committed" and not snapshots.has(snapshot.key):
            yield Problem(kind="snapshot-torn", subject=snapshot.key, images=_images_of_snapshot(store, snapshot.key))
        directories.pop(snapshot.id, None)
    for path in directories.values():
        if is_going(path):
            continue
        yield Problem(kind="snapshot-orphaned", subject=path)
    lost = store.db.rows("SELECT DISTINCT chain_id FROM images WHERE chain_id NOT IN (SELECT key FROM snapshots)")
    for (chain,) in lost:
        yield Problem(kind="layer-lost", subject=chain, images=_images_with_chain(store, [chain]))


def _containers(store: Store) -> Iterator[Problem]:
    for (id,) in store.db.rows("SELECT id FROM containers WHERE snapshot NOT IN (SELECT key FROM snapshots)"):
        yield Problem(kind="container-broken", subject=id)


def _leases(store: Store) -> Iterator[Problem]:
    for id in store.leases.dead():
        yield Problem(kind="lease-dead", subject=id)


def _verify_content(store: Store) -> Iterator[Problem]:
    for blob in store.content.walk():
        try:
            with store.content.open(blob.digest) as file:
                VerifiedReader(file, digest=blob.digest, size=blob.size).finish()
        except BlobNotFound:  # told already, or removed since
            continue
        except (OSError, DigestMismatch):
            yield Problem(kind="blob-corrupt", subject=blob.digest, images=_images_of_content(store, blob.digest))


def _verify_snapshots(store: Store) -> Iterator[Problem]:
    """The layers that izba made: what was unpacked from a tar written elsewhere need not give that tar again."""
    from izba.layer.streams import Discard

    if not store.has_snapshots:
        return
    for key, diff_id in store.db.rows("SELECT key, diff_id FROM snapshots WHERE rewritable"):
        if not store.snapshots.is_whole(key) or store.snapshots.write_layer(key, Discard()).diff_id != diff_id:
            yield Problem(kind="snapshot-corrupt", subject=key, images=_images_of_snapshot(store, key))


# -- what depends on a damaged thing


def _images_of_content(store: Store, digest: str) -> tuple[str, ...]:
    rows = store.db.rows(
        "SELECT id FROM images WHERE manifest = ? OR manifest IN (SELECT parent FROM content_children WHERE child = ?)",
        *(digest, digest),
    )
    return tuple(id for (id,) in rows)


def _images_of_snapshot(store: Store, key: str) -> tuple[str, ...]:
    return _images_with_chain(store, [row[0] for row in store.db.rows(_ABOVE, key)])


def _images_with_chain(store: Store, chains: list[str]) -> tuple[str, ...]:
    return tuple(id for chain in chains for (id,) in store.db.rows("SELECT id FROM images WHERE chain_id = ?", chain))


_ABOVE = """
WITH RECURSIVE above(id, key) AS (
    SELECT id, key FROM snapshots WHERE key = ?
    UNION SELECT s.id, s.key FROM snapshots s JOIN above ON s.parent = above.id
)
SELECT key FROM above ORDER BY id DESC
"""


# -- mending


def _drop_content(store: Store, digest: str) -> None:
    """With the images that name it, and with what the registry serves of it."""
    for (manifest,) in store.db.rows(
        "SELECT manifest FROM images WHERE manifest = ? OR id = ?"
        " UNION SELECT parent FROM content_children WHERE child = ?",
        *(digest, digest, digest),
    ):
        _drop_manifest(store, manifest)
    for table in ("names", "registry_tags", "registry_manifests", "registry_blobs", "content"):
        store.db.execute(f"DELETE FROM {table} WHERE digest = ?", digest)  # noqa: S608 - names of tables


def _drop_manifest(store: Store, manifest: str) -> None:
    store.db.execute("DELETE FROM names WHERE digest = ?", manifest)
    store.db.execute("DELETE FROM images WHERE manifest = ?", manifest)


def _drop_snapshot(store: Store, key: str) -> None:
    """With all that stand on it, and with the containers and images whose files these were."""
    for (above,) in store.db.rows(_ABOVE, key):
        _drop_chain(store, above)
        store.db.execute("DELETE FROM containers WHERE snapshot = ?", above)
        store.db.execute("DELETE FROM snapshots WHERE key = ?", above)


def _drop_chain(store: Store, chain: str) -> None:
    for (manifest,) in store.db.rows("SELECT manifest FROM images WHERE chain_id = ?", chain):
        _drop_manifest(store, manifest)


def _drop_container(store: Store, id: str) -> None:
    store.db.execute("DELETE FROM containers WHERE id = ?", id)
    store.db.after(lambda: remove_tree(f"{store.roots.data}/containers/{id}"))


_DAMAGE = {
    "blob-missing": _drop_content,
    "blob-corrupt": _drop_content,
    "snapshot-missing": _drop_snapshot,
    "snapshot-torn": _drop_snapshot,
    "snapshot-corrupt": _drop_snapshot,
    "layer-lost": _drop_chain,
    "container-broken": _drop_container,
}
