"""The images of an engine, from rows alone: a thousand images cost no more file reads than one."""

from __future__ import annotations

from izba._record import Record
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.engine.engine import Engine
    from izba.engine.images.filters import ImageFilter
    from izba.store.images import ImageRow


class ImageSummary(Record):
    """One image by its id. `tags` and `digests` are its canonical names of either kind; `created` is nanoseconds."""

    id: Digest
    manifests: tuple[Digest, ...]
    chain_id: Digest | None
    created: int
    size: int
    labels: tuple[tuple[str, str], ...]
    tags: tuple[str, ...]
    digests: tuple[str, ...]

    @property
    def is_dangling(self) -> bool:
        """Whether no tag is left."""
        return not self.tags


def list_images(engine: Engine, filter: ImageFilter | None = None) -> list[ImageSummary]:
    """The images that pass, the latest created first; a filter by name shows only the names that pass."""
    found = summaries(engine.store.images.all())
    if filter is None:
        return found
    passed = [image for image in found if filter.accepts(image)]
    if not filter.references:
        return passed
    named = [
        image.replace(
            tags=tuple(name for name in image.tags if filter.accepts_name(name)),
            digests=tuple(name for name in image.digests if filter.accepts_name(name)),
        )
        for image in passed
    ]
    return [image for image in named if image.tags or image.digests]


def summaries(rows: Iterable[ImageRow]) -> list[ImageSummary]:
    """Rows as people count images: manifests that differ in compression only are one."""
    grouped: dict[Digest, list[ImageRow]] = {}
    for row in rows:
        grouped.setdefault(row.id, []).append(row)
    return [_summary(group) for group in grouped.values()]


def _summary(rows: list[ImageRow]) -> ImageSummary:
    first = rows[0]
    names = sorted(name for row in rows for name in row.names)
    return ImageSummary(
        id=first.id,
        manifests=tuple(row.manifest for row in rows),
        chain_id=first.chain_id,
        created=first.created,
        size=first.size,
        labels=first.labels,
        tags=tuple(name for name in names if "@" not in name),
        digests=tuple(name for name in names if "@" in name),
    )
