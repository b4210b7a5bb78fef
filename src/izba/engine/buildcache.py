"""Pruning the build cache: records go, and with them the snapshots that nothing else keeps."""

from __future__ import annotations

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine


class Pruned(Record):
    """The keys of the records removed, and the bytes that this freed on the disk."""

    keys: tuple[str, ...]
    size: int


def prune(engine: Engine, *, all: bool = False, until: int | None = None) -> Pruned:
    """Remove records not used since `until` (nanoseconds): those whose layer no image has, or `all`.

    What an image has costs nothing to remember, and makes its next build fast. Files are removed, so an ordinary user's
    process is inside the engine's user namespace.
    """
    from izba.build.cache import BuildCache

    cache = BuildCache(engine.store)
    in_images = {chain for (chain,) in engine.store.db.rows(_IN_IMAGES)}
    removed = [
        record.key
        for record in cache.records()
        if (all or record.chain not in in_images) and (until is None or record.used < until)
    ]
    with engine.store.db.transaction(durable=True):
        for key in removed:
            cache.forget(key)
    return Pruned(keys=tuple(removed), size=engine.store.collect().size)


_IN_IMAGES = """
WITH RECURSIVE stack(id) AS (
    SELECT id FROM snapshots WHERE key IN (SELECT chain_id FROM images)
    UNION SELECT parent FROM snapshots JOIN stack USING (id) WHERE parent IS NOT NULL
)
SELECT key FROM snapshots JOIN stack USING (id)
"""
