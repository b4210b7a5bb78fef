"""A container's state, derived each time from what its monitor wrote and what the kernel says. Nothing stores it.

created ──start──▶ running ──end──▶ exited          restarting: between two runs of a restart policy
                    ▲   │
             unpause└───┘pause
"""

from __future__ import annotations

from izba.errors import Conflict
from izba.monitor import control
from izba.monitor import state as states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.engine.containers.model import Container
    from izba.monitor.state import State


class NotRunning(Conflict):
    """The container has no processes; Docker's sentence."""

    def __init__(self, container: Container) -> None:
        super().__init__(f"container {container.id} is not running", hint=f"`izba start {container.name}` starts it")
        self.id = container.id


class IsPaused(Conflict):
    """The container's processes are frozen; Docker's sentence."""

    def __init__(self, container: Container) -> None:
        super().__init__(
            f"Container {container.name} is paused, unpause the container before exec",
            hint=f"`izba unpause {container.name}`",
        )
        self.id = container.id


def state(container: Container) -> State:
    """What the container does at this moment. Whoever finds that its monitor was killed tells its end."""
    return states.read(container.directory, lambda found: _settle_loss(container, found))


def _settle_loss(container: Container, found: State) -> None:
    from izba.engine.losses import settle

    settle(container.engine, container.id, found)


def require_running(container: Container) -> State:
    """The state of a container with processes. Raises `NotRunning`."""
    found = state(container)
    if found.status not in {"running", "paused"}:
        raise NotRunning(container)
    return found


def ask(container: Container, request: dict[str, Any]) -> dict[str, Any]:
    """Ask the container's monitor. Raises `NotRunning` where there is none, or it ended meanwhile."""
    try:
        return control.request(container.run, request)
    except (OSError, EOFError):
        raise NotRunning(container) from None
