"""Stopping a container and starting it again."""

from __future__ import annotations

import os

from izba.engine import eventlog
from izba.engine.containers.remove import wait_for_lock
from izba.engine.containers.start import start
from izba.engine.containers.stop import AlreadyStopped, stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.spawn import Monitor


def restart(
    engine: Engine,
    container: Container,
    monitor: Monitor | None = None,
    *,
    timeout: int | None = None,
    signal: int | None = None,
) -> None:
    """Stop it if it runs, then start it."""
    try:
        stop(container, timeout=timeout, signal=signal)
    except AlreadyStopped:
        pass
    # The old monitor holds the directory until it has finished; the new one wants it at once.
    if (lock := wait_for_lock(container)) is not None:
        os.close(lock)
    start(engine, container, monitor)
    eventlog.emit_container(engine, container, "restart")
