"""Removing the containers that have ended."""

from __future__ import annotations

import time

from izba._record import Record
from izba.engine import eventlog
from izba.engine.containers import lifecycle
from izba.engine.containers.model import Container
from izba.engine.containers.remove import BeingUsed, StillRunning, remove
from izba.monitor import finish
from izba.store.snapshots.trees import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.engine.engine import Engine


class Pruned(Record):
    """Ids of the containers removed, and the bytes their changes occupied."""

    ids: tuple[str, ...]
    size: int


def prune(engine: Engine, accepts: Callable[[Container], bool], *, until: int | None = None) -> Pruned:
    """Remove all that do not run and `accepts` likes; `until` spares those created after it (nanoseconds).

    What killed commands and monitors left behind is swept away too.
    """
    limit = time.time_ns() if until is None else until
    ids, size = [], 0
    for row in engine.store.containers.all():
        container = Container(engine, row)
        if lifecycle.state(container).is_running or row.created > limit or not accepts(container):
            continue
        used = engine.store.snapshots.usage(row.id).size + usage(container.directory).size
        try:
            remove(engine, container, volumes=container.host_config.get("AutoRemove", False))
        except (StillRunning, BeingUsed):  # started meanwhile
            continue
        ids.append(row.id)
        size += used
    finish.sweep(engine.store)
    eventlog.emit(engine, "container", "prune", "", reclaimed=str(size))
    return Pruned(ids=tuple(ids), size=size)
