"""The processes of a container, as the host sees them."""

from __future__ import annotations

import os

from izba._record import Record
from izba.engine.containers import lifecycle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine


class Process(Record):
    """One line of /proc/<pid>/stat; times in clock ticks, `started` since boot."""

    pid: int
    parent: int
    name: str
    terminal: int
    user_time: int
    system_time: int
    threads: int
    started: int


def processes(engine: Engine, container: Container) -> list[Process]:
    """All of a running container's, by pid: those of its cgroup, or without one (v1 without limits) those that its
    namespaces tell. Raises `NotRunning`.
    """
    from izba.engine.containers.cgroup import cgroup
    from izba.linux import members

    state = lifecycle.require_running(container)
    everybody = _everybody()
    group = cgroup(engine, container)
    if group is not None and group.exists():
        own = set(group.pids())
    else:
        try:
            own = members.members(state.pid)
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            own = set()
    return [everybody[pid] for pid in sorted(own) if pid in everybody]


def _everybody() -> dict[int, Process]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdecimal() and (process := _read(int(name))):
            found[process.pid] = process
    return found


def _read(pid: int) -> Process | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            head, _, tail = file.read().rpartition(b")")
    except OSError:  # it ended meanwhile
        return None
    fields = tail.split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        name=os.fsdecode(head.partition(b"(")[2]),
        terminal=int(fields[4]),
        user_time=int(fields[11]),
        system_time=int(fields[12]),
        threads=int(fields[17]),
        started=int(fields[19]),
    )
