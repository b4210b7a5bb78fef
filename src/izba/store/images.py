"""The rows of images: what listing, filtering and the collection need, so that none of them reads a manifest."""

from __future__ import annotations

import time

from izba._record import Record
from izba.jsonio import dumps, loads
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.store.db import Database


class ImageRow(Record):
    """One image. `id` is the config's digest; `created` (of the config) and `stored` (here) are nanoseconds; `size` is
    that of the layers' tars together; `names` are canonical."""

    manifest: Digest
    id: Digest
    chain_id: Digest | None
    created: int
    stored: int
    size: int
    os: str
    architecture: str
    variant: str
    labels: tuple[tuple[str, str], ...]
    names: tuple[str, ...] = ()


_COLUMNS = "manifest, id, chain_id, created, stored, size, os, architecture, variant, labels"


class ImageRows:
    """The images of one store. An image stays until it is removed, whether or not a name is left."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def insert(self, row: ImageRow, children: Iterable[Descriptor]) -> None:
        """Add an image whose manifest and config are stored; nothing changes if it is there."""
        with self._db.transaction():
            for child in children:
                self._db.execute("INSERT OR IGNORE INTO content_children VALUES (?, ?)", row.manifest, child.digest)
            self._db.execute(
                f"INSERT INTO images ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constant
                " ON CONFLICT (manifest) DO UPDATE SET size = excluded.size",
                *(row.manifest, row.id, row.chain_id, row.created, time.time_ns(), row.size),
                *(row.os, row.architecture, row.variant, dumps(dict(row.labels))),
            )

    def all(self) -> list[ImageRow]:
        """Every image with its names, the latest created first."""
        names: dict[str, list[str]] = {}
        for name, digest in self._db.rows("SELECT name, digest FROM names ORDER BY name"):
            names.setdefault(digest, []).append(name)
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM images ORDER BY created DESC, stored DESC, id")  # noqa: S608
        return [_image(row, names.get(row[0], ())) for row in rows]

    def by_manifest(self, manifest: Digest) -> ImageRow | None:
        """The image with this manifest."""
        return self._one("manifest = ?", manifest)

    def by_id(self, id: Digest) -> list[ImageRow]:
        """The images with this config: one, or several that differ in how their layers are compressed."""
        rows = self._db.rows(f"SELECT {_COLUMNS} FROM images WHERE id = ? ORDER BY stored", id)  # noqa: S608
        return [_image(row, self._names(row[0])) for row in rows]

    def ids_with_prefix(self, prefix: str) -> list[Digest]:
        """The ids that begin with `prefix`, which has `sha256:` in front."""
        rows = self._db.rows("SELECT DISTINCT id FROM images WHERE id >= ? AND id < ? LIMIT 2", prefix, prefix + "g")
        return [Digest(id) for (id,) in rows]

    def delete(self, manifest: Digest) -> None:
        """Forget an image that has no name any more; its content and snapshots are left to the collection."""
        self._db.execute("DELETE FROM images WHERE manifest = ?", manifest)

    def _one(self, condition: str, value: str) -> ImageRow | None:
        row = self._db.row(f"SELECT {_COLUMNS} FROM images WHERE {condition}", value)  # noqa: S608
        return None if row is None else _image(row, self._names(row[0]))

    def _names(self, manifest: str) -> tuple[str, ...]:
        rows = self._db.rows("SELECT name FROM names WHERE digest = ? ORDER BY name", manifest)
        return tuple(name for (name,) in rows)


def _image(row: tuple[str, str, str | None, int, int, int, str, str, str, str], names: Iterable[str]) -> ImageRow:
    manifest, id, chain, created, stored, size, os, architecture, variant, labels = row
    return ImageRow(
        manifest=Digest(manifest),
        id=Digest(id),
        chain_id=None if chain is None else Digest(chain),
        created=created,
        stored=stored,
        size=size,
        os=os,
        architecture=architecture,
        variant=variant,
        labels=() if labels == "{}" else tuple(loads(labels).items()),
        names=tuple(names),
    )
