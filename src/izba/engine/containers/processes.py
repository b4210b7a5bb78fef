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
    """All of a running container's, by pid: those of its cgroup, or of its pid namespace, or below its monitor.

    The cgroup knows all; without one (v1 without limits) the pid namespace does, and in the host's pid namespace, which
    a container shares with everybody, only who descends from the monitor is known to be its own. Raises `NotRunning`.
    """
    from izba.engine.containers.cgroup import cgroup

    state = lifecycle.require_running(container)
    everybody = _everybody()
    group = cgroup(engine, container)
    if group is not None and group.exists():
        members = set(group.pids())
    elif (namespace := _pid_namespace(state.pid)) != _pid_namespace(os.getpid()):
        members = _descendants({pid for pid in everybody if _pid_namespace(pid) == namespace}, everybody)
    else:
        members = _descendants({state.pid}, everybody)
        members |= _descendants({state.monitor.pid} if state.monitor else set(), everybody)
        members -= {state.monitor.pid} if state.monitor else set()
    return [everybody[pid] for pid in sorted(members) if pid in everybody]


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


def _descendants(roots: set[int], everybody: dict[int, Process]) -> set[int]:
    """`roots` and all below them: processes in a namespace nested in the container's have one of their own."""
    children: dict[int, list[int]] = {}
    for process in everybody.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    todo = list(roots)
    while todo:
        pid = todo.pop()
        if pid not in found:
            found.add(pid)
            todo += children.get(pid, ())
    return found


def _pid_namespace(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0
