"""Removing the images that nobody asked to keep: those without name, or all that no container was made from."""

from __future__ import annotations

from izba._record import Record
from izba.engine import eventlog
from izba.engine.images.filters import ImageFilter
from izba.engine.images.listing import list_images
from izba.engine.images.remove import Removed, Victim, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine


class Pruned(Record):
    """What was untagged and deleted, and how many bytes that freed on the disk."""

    removed: tuple[Removed, ...]
    size: int


def prune(engine: Engine, filter: ImageFilter | None = None, *, all: bool = False) -> Pruned:
    """Remove images that no container was made from: those without tag, or `all`; if they pass the filter.

    Files are removed, so an ordinary user's process is inside the engine's user namespace.
    """
    wanted = filter or ImageFilter()
    only_dangling = wanted.dangling is not False and not all
    removed: list[Removed] = []
    with engine.store.db.transaction(durable=True):
        for summary in list_images(engine, wanted.replace(dangling=None)):
            image = Victim(engine, summary.id)
            if not image.containers and (summary.is_dangling or not only_dangling):
                gone = [*(image.untag(name) for name in tuple(image.names)), image.delete()]
                tell(engine, image, gone)
                removed += gone
    collected = engine.store.collect()
    layers = [Removed(kind="deleted", what=key) for key in collected.snapshots if key.startswith("sha256:")]
    eventlog.emit(engine, "image", "prune", "", reclaimed=str(collected.size))
    return Pruned(removed=(*removed, *layers), size=collected.size)
