"""Image names: `docker.io/library/alpine:3`, or `docker.io/library/alpine@sha256:…`, to the manifest or index meant."""

from __future__ import annotations

import time

from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.reference import Reference
    from izba.store.db import Database


class Names:
    """The names of one store, always in their canonical form."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def set(self, reference: Reference, descriptor: Descriptor) -> None:
        """Let `reference` name `descriptor`, whatever it named before; on the disk when this returns."""
        with self._db.transaction(), self._db.transaction(durable=self.get(reference) != descriptor):
            self._db.execute(
                "INSERT INTO names VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, updated = excluded.updated",
                *(reference.canonical(), descriptor.digest, time.time_ns()),
            )

    def get(self, reference: Reference) -> Descriptor | None:
        """What `reference` names."""
        row = self._db.row(
            "SELECT digest, size, media_type FROM names JOIN content USING (digest) WHERE name = ?",
            reference.canonical(),
        )
        return None if row is None else Descriptor(digest=Digest(row[0]), size=row[1], media_type=row[2])

    def delete(self, name: str) -> None:
        """Forget one canonical name; nothing happens if it is none."""
        self._db.execute("DELETE FROM names WHERE name = ?", name)

    def updated(self, name: str) -> int:
        """When the canonical name got its present meaning, in nanoseconds; 0 if it is none."""
        row = self._db.row("SELECT updated FROM names WHERE name = ?", name)
        return row[0] if row else 0

    def of(self, digest: Digest) -> list[str]:
        """The canonical names of a manifest or index."""
        return [name for (name,) in self._db.rows("SELECT name FROM names WHERE digest = ? ORDER BY name", digest)]

    def all(self) -> list[tuple[str, Digest]]:
        """Every name and what it names, by name."""
        return [
            (name, Digest(digest)) for name, digest in self._db.rows("SELECT name, digest FROM names ORDER BY name")
        ]
