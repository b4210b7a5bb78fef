"""Which containers there are, and what each does now: `izba ps`."""

from __future__ import annotations

from izba._record import Record
from izba.engine.containers import lifecycle, selection
from izba.engine.containers.model import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from izba.engine.engine import Engine
    from izba.monitor.state import State


class Summary(Record):
    """A container and its state at the time of listing."""

    container: Container
    state: State


class Query(Record):
    """Which containers. `filters` are values by name, any of which will do; without `all` only those with processes.

    `last` is how many of the latest, whatever they do; 0 is no limit.
    """

    all: bool = False
    last: int = 0
    filters: Mapping[str, Sequence[str]] = {}


def list_containers(engine: Engine, query: Query) -> list[Summary]:
    """The containers asked for, the latest first. Raises `InvalidArgument` for a filter that cannot be meant."""
    everything = query.all or query.last > 0 or bool(query.filters.keys() & {"status", "exited"})
    containers = [Container(engine, row) for row in engine.store.containers.all()]
    passing = selection.tests(engine, query.filters)
    found = []
    for container in containers:
        state = lifecycle.state(container)
        if (everything or state.is_running) and all(test(container, state) for test in passing):
            found.append(Summary(container=container, state=state))
            if query.last and len(found) == query.last:
                break
    return found
