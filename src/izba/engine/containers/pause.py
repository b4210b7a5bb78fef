"""Freezing a container: by its cgroup where it has one, else by stopping each of its processes."""

from __future__ import annotations

import _signal
import os
import time

from izba.engine.containers import lifecycle
from izba.errors import Conflict, Unavailable
from izba.linux import process as processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.cgroups.manager import CgroupManager
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine

_PATIENCE = 5.0


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


def pause(engine: Engine, container: Container) -> None:
    """Freeze all its processes. The state says so first: a crash between leaves what `unpause` can undo."""
    state = lifecycle.require_running(container)
    if state.status == "paused":
        raise AlreadyPaused(container)
    lifecycle.ask(container, {"verb": "paused", "value": True})
    group = cgroup(engine, container)
    if group is not None and group.exists():
        group.freeze()
    else:
        _stop_all(container, state.pid)


def unpause(engine: Engine, container: Container) -> None:
    """Let them go on."""
    state = lifecycle.require_running(container)
    if state.status != "paused":
        raise NotPaused(container)
    group = cgroup(engine, container)
    if group is not None and group.exists():
        group.thaw()
    else:
        for pid in _processes(state.pid):
            _send(pid, _signal.SIGCONT)
    lifecycle.ask(container, {"verb": "paused", "value": False})


def cgroup(engine: Engine, container: Container) -> CgroupManager | None:
    """The container's cgroup; None where it has none."""
    from izba.cgroups.manager import manager
    from izba.runtime import bundle

    path = bundle.read(container.directory)["linux"].get("cgroupsPath")
    return manager(path, engine.cgroups) if path and engine.cgroups else None


def _stop_all(container: Container, init: int) -> None:
    """SIGSTOP to each, again and again until none runs that could have forked meanwhile."""
    deadline = time.monotonic() + _PATIENCE
    while running := [pid for pid in _processes(init) if not _is_stopped(pid)]:
        if time.monotonic() > deadline:
            raise Unavailable(f"cannot pause container {container.name}: processes {running} do not stop")
        for pid in running:
            _send(pid, _signal.SIGSTOP)
        time.sleep(0.001)


def _processes(init: int) -> Iterator[int]:
    """Every process in the pid namespace of `init`, and of those below it."""
    namespace = _pid_namespace(init)
    if namespace == _pid_namespace(os.getpid()):
        raise Unavailable("a container in the host's pid namespace can only be paused by a cgroup, which it has not")
    for name in os.listdir("/proc"):
        if name.isdecimal() and _is_below(int(name), namespace):
            yield int(name)


def _is_below(pid: int, namespace: int) -> bool:
    """Whether the process has a pid in the namespace, told by its first ancestor there."""
    seen = 0
    while pid > 1 and seen < 1000:
        found = _pid_namespace(pid)
        if found == namespace:
            return True
        pid = _parent(pid)
        seen += 1
    return False


def _pid_namespace(pid: int) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _is_stopped(pid: int) -> bool:
    try:
        return processes.state(pid) in "TtZXx"
    except ProcessLookupError:
        return True


def _send(pid: int, signal: int) -> None:
    try:
        os.kill(pid, signal)
    except ProcessLookupError:
        return
