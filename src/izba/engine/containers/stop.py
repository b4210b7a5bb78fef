"""Ending a container: its stop signal, patience, and then SIGKILL; or any signal by `kill`."""

from __future__ import annotations

import _signal

from izba.engine.containers import lifecycle
from izba.engine.containers.lifecycle import NotRunning
from izba.engine.containers.start import stop_signal
from izba.errors import NotModified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container


class AlreadyStopped(NotModified):
    """The container has no processes."""

    def __init__(self, container: Container) -> None:
        super().__init__(f"container {container.name} is not running")
        self.id = container.id


def stop(container: Container, *, timeout: int | None = None, signal: int | None = None) -> int:
    """Stop it and wait; its exit code. `timeout` -1 waits without end. Raises `AlreadyStopped`."""
    if not lifecycle.state(container).is_running:
        raise AlreadyStopped(container)
    _thaw(container)
    patience = container.config.get("StopTimeout", 10) if timeout is None else timeout
    request = {"verb": "stop", "number": signal or stop_signal(container.config), "timeout": patience}
    try:
        return int(lifecycle.ask(container, request)["exit_code"])
    except NotRunning:  # it ended by itself meanwhile
        return lifecycle.state(container).exit_code


def kill(container: Container, signal: int = _signal.SIGKILL) -> None:
    """Send a signal. SIGKILL and the stop signal are final: no restart policy starts the container again.

    Raises `NotRunning`.
    """
    if not lifecycle.state(container).is_running:
        raise NotRunning(container)
    final = signal in {_signal.SIGKILL, stop_signal(container.config)}
    lifecycle.ask(container, {"verb": "signal", "number": int(signal), "final": final})
    if signal == _signal.SIGKILL:
        _thaw(container)


def wait(container: Container) -> int:
    """Wait for the end of this run; the exit code. At once for a container that does not run."""
    if lifecycle.state(container).is_running:
        try:
            return int(lifecycle.ask(container, {"verb": "wait"})["exit_code"])
        except NotRunning:
            pass
    return lifecycle.state(container).exit_code


def _thaw(container: Container) -> None:
    """A frozen process takes no signal, not even the last one."""
    if lifecycle.state(container).status == "paused":
        from izba.engine.containers.pause import unpause

        unpause(container)
