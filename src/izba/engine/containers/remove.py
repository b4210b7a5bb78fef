"""Removing a container, with its writable layer and the volumes that are its own."""

from __future__ import annotations

import os
import time

from izba.engine import eventlog
from izba.engine.containers import lifecycle
from izba.errors import Conflict
from izba.monitor import finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine

PATIENCE = 10.0


class StillRunning(Conflict):
    """A running container is removed only by force; Docker's sentence."""

    def __init__(self, container: Container) -> None:
        super().__init__(
            f"cannot remove container {container.name!r}: container is running: stop the container before removing "
            "or force remove",
            hint=f"`izba stop {container.name}` first, or `izba rm -f {container.name}`",
        )
        self.id = container.id


class BeingUsed(Conflict):
    """Another command starts or removes the container."""

    def __init__(self, container: Container) -> None:
        super().__init__(f"removal of container {container.name} is already in progress, or it is being started")
        self.id = container.id


def remove(engine: Engine, container: Container, *, force: bool = False, volumes: bool = False) -> None:
    """Remove it. Raises `StillRunning` unless `force`, which kills it first."""
    lock = _ended(container, force=force)
    if lock is None:
        return
    try:
        finish.discard(engine.store, container.id, volumes=container.anonymous_volumes if volumes else ())
        eventlog.emit_container(engine, container, "destroy")
    finally:
        os.close(lock)


def _ended(container: Container, *, force: bool) -> int | None:
    """The lock of one that does not run, `force` or not; as `wait_for_lock`."""
    while True:
        if lifecycle.state(container).is_running:
            if not force:
                raise StillRunning(container)
            _kill(container)
        try:
            return wait_for_lock(container)
        except BeingUsed:  # it was being started, and runs by now
            if not force or not lifecycle.state(container).is_running:
                raise


def _kill(container: Container) -> None:
    from izba.engine.containers.stop import kill, wait

    try:
        kill(container)
        wait(container)
    except lifecycle.NotRunning:
        pass


def wait_for_lock(container: Container) -> int | None:
    """The lock of its directory, which its monitor holds for a moment after its end; None: it is gone already."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            lock = finish.lock(container.directory)
        except FileNotFoundError:
            return None
        if lock is not None:
            return lock
        if time.monotonic() > deadline or lifecycle.state(container).is_running:
            raise BeingUsed(container)
        time.sleep(0.002)
