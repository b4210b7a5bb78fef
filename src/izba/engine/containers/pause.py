"""Freezing a container, and letting it go on; its monitor does it (see `monitor.freeze`)."""

from __future__ import annotations

from izba.engine.containers import lifecycle
from izba.errors import Conflict, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container


class AlreadyPaused(Conflict):
    """Docker's sentence."""

    def __init__(self, container: Container) -> None:
        super().__init__(f"Container {container.id} is already paused")
        self.id = container.id


class NotPaused(Conflict):
    """Docker's sentence."""

    def __init__(self, container: Container) -> None:
        super().__init__(f"Container {container.id} is not paused")
        self.id = container.id


class CannotFreeze(Unavailable):
    """Its processes could not be stopped, or let go."""


def pause(container: Container) -> None:
    """Freeze all its processes. Raises `NotRunning`, `AlreadyPaused`."""
    if lifecycle.require_running(container).status == "paused":
        raise AlreadyPaused(container)
    _ask(container, paused=True)


def unpause(container: Container) -> None:
    """Let them go on. Raises `NotRunning`, `NotPaused`."""
    if lifecycle.require_running(container).status != "paused":
        raise NotPaused(container)
    _ask(container, paused=False)


def _ask(container: Container, *, paused: bool) -> None:
    answer = lifecycle.ask(container, {"verb": "paused", "value": paused})
    if "error" in answer:
        raise CannotFreeze(f"container {container.name}: {answer['error']}")
