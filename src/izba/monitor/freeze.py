"""Freezing a container's processes: by its cgroup where it has one, else by stopping each of them.

Done by a child of the monitor, which may signal them whatever user namespace the asking command is in.
"""

from __future__ import annotations

import _signal
import os
import time

from izba.errors import Unavailable
from izba.linux import process as processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.cgroups.manager import CgroupManager

_PATIENCE = 5.0


def freeze(init: int, cgroup: str) -> None:
    """Returns when none of its processes runs. Raises `Unavailable` where that cannot be had."""
    group = _group(cgroup)
    if group is not None:
        group.freeze()
    else:
        _stop_all(init)


def thaw(init: int, cgroup: str) -> None:
    """Let them go on."""
    group = _group(cgroup)
    if group is not None:
        group.thaw()
    else:
        for pid in _processes(init):
            _send(pid, _signal.SIGCONT)


def _group(path: str) -> CgroupManager | None:
    if not path:
        return None
    from izba.cgroups.manager import detect, manager

    found = detect()
    if found is None or "freezer" not in found.controllers:  # nobody delegated that one
        return None
    group = manager(path, found)
    return group if group is not None and group.exists() else None


def _stop_all(init: int) -> None:
    """SIGSTOP to each, again and again until none runs that could have forked meanwhile."""
    deadline = time.monotonic() + _PATIENCE
    while running := [pid for pid in _processes(init) if not _is_stopped(pid)]:
        if time.monotonic() > deadline:
            raise Unavailable(f"processes {running} do not stop")
        for pid in running:
            _send(pid, _signal.SIGSTOP)
        time.sleep(0.001)


def _processes(init: int) -> Iterator[int]:
    """Every process in the pid namespace of `init`, and of those below it."""
    namespace = _pid_namespace(init)
    if namespace == 0:
        raise Unavailable("the pid namespace of the container cannot be read")
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
