"""After the machine went down: what should run is started again, what should be gone goes."""

from __future__ import annotations

from izba._record import Record
from izba.engine.containers import lifecycle
from izba.engine.containers.lifecycle import NotRunning
from izba.engine.containers.model import Container
from izba.engine.containers.remove import remove
from izba.engine.containers.start import AlreadyStarted, start
from izba.errors import IzbaError
from izba.monitor import finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.engine.engine import Engine
    from izba.monitor.spawn import Monitor
    from izba.monitor.state import State


class Resumed(Record):
    """The containers that were started, and those that could not be started or removed, each with the reason."""

    started: tuple[Container, ...]
    failed: tuple[tuple[Container, IzbaError], ...]


def resume(engine: Engine, monitor: Callable[[], Monitor]) -> Resumed:
    """Start what its restart policy wants to run and does not, as Docker does when its daemon starts.

    Those that join another's namespaces come after it. Containers of `--rm` that the machine took down are removed,
    with what else killed commands left. `monitor` gives a new monitor for each.
    """
    waiting: list[Container] = []
    failed: list[tuple[Container, IzbaError]] = []
    for row in reversed(engine.store.containers.all()):
        container = Container(engine, row)
        state = lifecycle.state(container)
        if state.is_running or not state.started:
            continue
        if container.host_config.get("AutoRemove"):
            try:
                remove(engine, container, volumes=True)
            except IzbaError as error:
                failed.append((container, error))
        elif is_wanted(container, state):
            waiting.append(container)
    finish.sweep(engine.store)
    started: list[Container] = []
    while waiting:
        late: list[tuple[Container, IzbaError]] = []
        for container in waiting:
            try:
                start(engine, container, monitor())
            except AlreadyStarted:  # by somebody else
                continue
            except NotRunning as error:  # whose namespaces it joins
                late.append((container, error))
            except IzbaError as error:
                failed.append((container, error))
            else:
                started.append(container)
        if len(late) == len(waiting):
            failed += late
            break
        waiting = [container for container, _ in late]
    return Resumed(started=tuple(started), failed=tuple(failed))


def is_wanted(container: Container, state: State) -> bool:
    """Whether a container that ended should run (moby's restartmanager, at the start of the daemon)."""
    policy = container.host_config.get("RestartPolicy") or {"Name": "no", "MaximumRetryCount": 0}
    match policy["Name"]:
        case "always":
            return True
        case "unless-stopped":
            return not state.stopped_by_user
        case "on-failure":
            tries = policy["MaximumRetryCount"]
            return not state.stopped_by_user and state.exit_code != 0 and (not tries or state.restarts < tries)
    return False
