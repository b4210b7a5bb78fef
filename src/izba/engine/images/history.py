"""How an image was made: the history of its config, with the sizes of its layers."""

from __future__ import annotations

from izba._record import Record
from izba.image.stored import require
from izba.oci.reference import familiar
from izba.timestamps import parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine
    from izba.oci.digest import Digest

MISSING = "<missing>"


class HistoryEntry(Record):
    """One step. Only the last has an `id`, the image's own; `created` is nanoseconds, 0 for unknown."""

    id: str
    created: int
    created_by: str
    size: int
    comment: str
    tags: tuple[str, ...] = ()


def history(engine: Engine, name_or_id: str) -> list[HistoryEntry]:
    """The steps, the last first; layers that no step speaks of come before all others. Raises `ImageNotFound`."""
    image = require(engine.store, name_or_id)
    layers = list(image.diff_ids)
    steps = image.config.get("history") or []
    filling = sum(not step.get("empty_layer", False) for step in steps)
    entries = [_entry(engine, MISSING, layer) for layer in layers[: len(layers) - filling]]
    layers = layers[len(layers) - filling :] if filling <= len(layers) else layers
    for step in steps:
        layer = layers.pop(0) if layers and not step.get("empty_layer", False) else None
        entries.append(
            _entry(engine, MISSING, layer).replace(
                created=parse_time(step.get("created")),
                created_by=step.get("created_by", ""),
                comment=step.get("comment", ""),
            )
        )
    if not entries:
        return []
    entries.reverse()
    tags = tuple(familiar(name) for name in image.names if "@" not in name)
    entries[0] = entries[0].replace(id=image.id, tags=tags)
    return entries


def _entry(engine: Engine, id: str, layer: Digest | None) -> HistoryEntry:
    size = 0 if layer is None else engine.store.layers.size(layer)
    return HistoryEntry(id=id, created=0, created_by="", size=size, comment="")
