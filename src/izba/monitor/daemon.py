"""The monitor process from its fork to its end."""

from __future__ import annotations

import os
import time

from izba.errors import Conflict
from izba.linux import process, wire
from izba.monitor import failure, finish, state, telling
from izba.monitor.plan import from_json
from izba.monitor.starter import Starter
from izba.monitor.supervise import Supervisor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from typing import Any

    from izba.monitor.plan import Plan


_PATIENCE = 10.0


class AlreadyStarting(Conflict):
    """Another command starts or removes the container at this moment."""

    def __init__(self, id: str) -> None:
        super().__init__(f"container {id[:12]} is being started or removed by another command")
        self.id = id


def main(channel: socket, streams: socket | None) -> None:
    """Wait for a plan and see it through."""
    with open("/proc/self/comm", "w", encoding="utf-8") as file:
        file.write("izba-monitor")
    process.set_subreaper()
    starter = Starter()
    try:
        value, uses = wire.receive(channel)
    except EOFError:
        starter.close()
        return
    plan = from_json(value)
    lock = _lock(plan.directory)
    if lock is None:
        starter.close()
        wire.send(channel, {"error": failure.to_json(AlreadyStarting(plan.id))})
        return
    if plan.network is None:  # no ports that would have to be reserved before
        starter.create(plan)
    supervisor = Supervisor(plan, lock, channel, streams)
    _see_through(supervisor, lambda: supervisor.begin(starter, uses))


def _lock(directory: str) -> int | None:
    """None: it runs. The monitor of the run before has the lock until it is gone; whoever only looks, for a moment."""
    deadline = time.monotonic() + _PATIENCE
    while (lock := finish.lock(directory)) is None:
        if state.recorded(directory).is_running or time.monotonic() > deadline:
            break
        time.sleep(0.002)
    return lock


def resume(value: dict[str, Any], quiet: float) -> None:
    """Go on where `Supervisor.pack` left off (`slumber`), and sleep again after `quiet` seconds of nothing."""
    channel, gone = wire.pair()  # whoever started the container has left
    gone.close()
    supervisor = Supervisor(from_json(value["plan"]), value["lock"], channel, None)
    _see_through(supervisor, lambda: supervisor.resume(value, quiet))


def _see_through(supervisor: Supervisor, life: Callable[[], None]) -> None:
    try:
        life()
    except Exception as error:  # the last frame of this process: nobody else can tell what went wrong
        _fail(supervisor.plan, supervisor, error)
        raise


def _fail(plan: Plan, supervisor: Supervisor, error: Exception) -> None:
    """End the container, which has nobody any more, and say why."""
    import traceback

    supervisor.signal(9)
    failed = supervisor.state.replace(
        status="exited", exit_code=state.LOST, monitor=None, process=None, error=f"the monitor failed: {error!r}"
    )
    if os.path.isdir(plan.directory):
        state.write(plan.directory, failed)
        if supervisor.state.pid:
            telling.tell_end(plan, failed.replace(finished=time.time_ns()))
        with open(f"{plan.directory}/monitor.log", "a", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
