"""Freezing a container's processes: by its cgroup where it has one, else by stopping each of them.

Done by a child of the monitor, which may signal them whatever user namespace the asking command is in.
"""

from __future__ import annotations

import _signal
import os
import time

from izba.errors import Unavailable
from izba.linux import members
from izba.linux import process as processes

TYPE_CHECKING = False
if TYPE_CHECKING:
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


def _processes(init: int) -> set[int]:
    """Every process of the container, and none of another's that shares its pids."""
    try:
        found = members.members(init)
    except (FileNotFoundError, ProcessLookupError):
        return set()
    except PermissionError:
        raise Unavailable("the processes of the container cannot be told from others") from None
    if os.getpid() in found:
        raise Unavailable("a container in the host's mount namespace can only be paused by a cgroup, which it has not")
    return found


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
