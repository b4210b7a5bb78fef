"""Repositories, tags, manifests and links to blobs, as rows beside the content store.

A blob is seen in a repository only by a link: who knows a digest cannot read it through another repository. The links
are roots of the store's collection; a link that no manifest of its repository needs is dropped after a while.
"""

from __future__ import annotations

import time

from izba._record import Record
from izba.jsonio import dumps, loads
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.store.store import Store

UNUSED_SECONDS = 24 * 3600
"""How long a blob may wait for the manifest that needs it."""

USES_SECONDS = 60
"""How exactly it is known when a manifest was asked for last."""


_NEEDED = """
SELECT 1 FROM registry_manifests JOIN content_children ON parent = registry_manifests.digest
WHERE registry_manifests.repository = registry_blobs.repository AND child = registry_blobs.digest
"""
"""Whether a manifest of its repository names a blob."""


class ManifestRow(Record):
    """A manifest in a repository. `subject` and `artifact_type` are empty where it has none."""

    descriptor: Descriptor
    artifact_type: str = ""
    subject: str = ""
    annotations: tuple[tuple[str, str], ...] = ()


class _NotEnough(Exception):
    """Whatever is forgotten, there is not the room."""


class Catalog:
    """The rows of one registry."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db

    def link(self, repository: str, digest: Digest) -> None:
        """Show a blob of the content store in a repository; done while a lease or another link keeps it."""
        self._db.execute(
            "INSERT INTO registry_blobs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET created = excluded.created",
            *(repository, digest, time.time_ns()),
        )

    def has_blob(self, repository: str, digest: Digest) -> bool:
        """Whether the repository shows the blob."""
        return (
            self._db.row("SELECT 1 FROM registry_blobs WHERE repository = ? AND digest = ?", repository, digest)
            is not None
        )

    def mount(self, repository: str, source: str, digest: Digest) -> bool:
        """Show a blob of another repository here; whether it was there."""
        with self._db.transaction():
            if not self.has_blob(source, digest):
                return False
            self.link(repository, digest)
            return True

    def unlink(self, repository: str, digest: Digest) -> bool:
        """Take a blob out of a repository; other repositories keep it."""
        return bool(
            self._db.execute("DELETE FROM registry_blobs WHERE repository = ? AND digest = ?", repository, digest)
        )

    def manifest(self, repository: str, reference: str) -> ManifestRow | None:
        """The manifest under a tag or digest."""
        if ":" not in reference:
            row = self._db.row(
                "SELECT digest FROM registry_tags WHERE repository = ? AND tag = ?", repository, reference
            )
            if row is None:
                return None
            reference = row[0]
        rows = self._manifests("digest = ?", repository, reference)
        return rows[0] if rows else None

    def put_manifest(
        self, repository: str, row: ManifestRow, children: Iterable[Digest], tag: str | None, *, is_cached: bool = False
    ) -> None:
        """Add a manifest whose bytes are in the content store, and point `tag` to it, in one step.

        `is_cached`: another registry has it too, so it may be forgotten (`make_room`).
        """
        digest = row.descriptor.digest
        with self._db.transaction(durable=True):
            self._db.execute(
                "INSERT OR REPLACE INTO registry_manifests VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                *(repository, digest, row.descriptor.size, row.descriptor.media_type),
                *(row.artifact_type, row.subject, dumps(dict(row.annotations))),
                time.time_ns() if is_cached else 0,
            )
            for child in children:
                self._db.execute("INSERT OR IGNORE INTO content_children VALUES (?, ?)", digest, child)
            if tag is not None:
                self._db.execute("INSERT OR REPLACE INTO registry_tags VALUES (?, ?, ?)", repository, tag, digest)

    def delete_tag(self, repository: str, tag: str) -> bool:
        """Take a tag away; the manifest stays."""
        return bool(self._db.execute("DELETE FROM registry_tags WHERE repository = ? AND tag = ?", repository, tag))

    def delete_manifest(self, repository: str, digest: str) -> bool:
        """Take a manifest away, and every tag of it."""
        with self._db.transaction(durable=True):
            self._db.execute("DELETE FROM registry_tags WHERE repository = ? AND digest = ?", repository, digest)
            deleted = "DELETE FROM registry_manifests WHERE repository = ? AND digest = ?"
            return bool(self._db.execute(deleted, repository, digest))

    def tags(self, repository: str, *, after: str, count: int) -> list[str]:
        """Up to `count` tags after `after`, in the order of their bytes."""
        rows = self._db.rows(
            "SELECT tag FROM registry_tags WHERE repository = ? AND tag > ? ORDER BY tag LIMIT ?",
            *(repository, after, count),
        )
        return [tag for (tag,) in rows]

    def repositories(self, *, after: str, count: int) -> list[str]:
        """Up to `count` names of repositories that have a manifest."""
        rows = self._db.rows(
            "SELECT DISTINCT repository FROM registry_manifests WHERE repository > ? ORDER BY repository LIMIT ?",
            *(after, count),
        )
        return [repository for (repository,) in rows]

    def exists(self, repository: str) -> bool:
        """Whether the repository has anything."""
        return (
            self._db.row("SELECT 1 FROM registry_manifests WHERE repository = ? LIMIT 1", repository) is not None
            or self._db.row("SELECT 1 FROM registry_blobs WHERE repository = ? LIMIT 1", repository) is not None
        )

    def referrers(self, repository: str, subject: str) -> list[ManifestRow]:
        """The manifests that say they are about `subject`."""
        return self._manifests("subject = ?", repository, subject)

    def size(self) -> int:
        """The bytes of all blobs and manifests that are linked, each counted once."""
        row = self._db.row(
            "SELECT COALESCE(SUM(size), 0) FROM content WHERE digest IN"
            " (SELECT digest FROM registry_blobs UNION SELECT digest FROM registry_manifests)"
        )
        return int(row[0]) if row else 0

    def touch(self, repository: str, digest: Digest) -> None:
        """A manifest was asked for, or a blob that it names: those that are cached are in use."""
        now = time.time_ns()
        which = (
            "WHERE repository = ? AND 0 < used AND used < ?"
            " AND (digest = ? OR digest IN (SELECT parent FROM content_children WHERE child = ?))"
        )
        values = (repository, now - USES_SECONDS * 10**9, digest, digest)
        # To write is to wait for other writers, so it is asked first.
        if self._db.row(f"SELECT 1 FROM registry_manifests {which} LIMIT 1", *values):  # noqa: S608 - constant
            self._db.execute(f"UPDATE registry_manifests SET used = ? {which}", now, *values)  # noqa: S608 - constant

    def make_room(self, size: int, *, quota: int, unused_since: int) -> int | None:
        """Forget cached manifests with their blobs, those first that nobody asked for for the longest time.

        Until `size` bytes fit into the `quota`; how many were forgotten. None, and nothing is, where what was not used
        since `unused_since` (ns) is not enough.
        """
        forgotten = 0
        try:
            with self._db.transaction(durable=True):
                while self.size() + size > quota:
                    if not self._forget_oldest(unused_since):
                        raise _NotEnough
                    forgotten += 1
        except _NotEnough:
            return None
        return forgotten

    def _forget_oldest(self, unused_since: int) -> bool:
        row = self._db.row(
            "SELECT repository, digest FROM registry_manifests WHERE 0 < used AND used < ? ORDER BY used LIMIT 1",
            unused_since,
        )
        if row is None:
            return False
        repository, digest = row
        self.delete_manifest(repository, digest)
        self._db.execute(
            "DELETE FROM registry_blobs WHERE repository = ?"  # noqa: S608 - constant
            " AND digest IN (SELECT child FROM content_children WHERE parent = ?)"
            f" AND NOT EXISTS ({_NEEDED})",
            *(repository, digest),
        )
        return True

    def sweep(self) -> int:
        """Drop links that no manifest of their repository has needed for a day; how many."""
        return self._db.execute(
            f"DELETE FROM registry_blobs WHERE created < ? AND NOT EXISTS ({_NEEDED})",  # noqa: S608 - constant
            time.time_ns() - UNUSED_SECONDS * 10**9,
        )

    def _manifests(self, condition: str, repository: str, value: str) -> list[ManifestRow]:
        rows = self._db.rows(
            "SELECT digest, size, media_type, artifact_type, subject, annotations FROM registry_manifests"  # noqa: S608
            f" WHERE repository = ? AND {condition} ORDER BY digest",
            *(repository, value),
        )
        return [
            ManifestRow(
                descriptor=Descriptor(media_type=media_type, digest=Digest(digest), size=size),
                artifact_type=artifact_type,
                subject=subject,
                annotations=tuple(loads(annotations).items()),
            )
            for digest, size, media_type, artifact_type, subject, annotations in rows
        ]
