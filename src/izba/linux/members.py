"""Whose a process is, where containers share a pid namespace: each has a mount namespace of its own.

What a container's process unshares is still the container's, so that ancestors tell where a namespace does not.
"""

from __future__ import annotations

import os


def members(init: int) -> set[int]:
    """The processes of the container whose first is `init`, and nobody else's that are in its pid namespace.

    Raises `ProcessLookupError` where it is gone, `PermissionError` where it may not be looked at.
    """
    own, shared = os.stat(f"/proc/{init}/ns/mnt").st_ino, os.stat(f"/proc/{init}/ns/pid").st_ino
    mounts, parents = {}, {}
    others = set()
    for pid in everybody():
        mounts[pid], parents[pid] = _namespace(pid, "mnt"), _parent(pid)
        # Whoever came from outside is its own container's first process, or was executed in it.
        if _namespace(pid, "pid") == shared and parents[pid] and _namespace(parents[pid], "pid") != shared:
            others.add(mounts[pid])
    others.discard(own)
    return {pid for pid in mounts if _belongs(pid, own, others, mounts, parents)}


def _belongs(pid: int, own: int, others: set[int], mounts: dict[int, int], parents: dict[int, int]) -> bool:
    for _ in range(len(mounts)):
        namespace = mounts.get(pid, 0)
        if namespace == own:
            return True
        if namespace in others or pid <= 1:
            return False
        pid = parents.get(pid, 0)
    return False


def has_own_pids(pid: int) -> bool:
    """Whether it is process 1 of a pid namespace, with which all others there end."""
    with open(f"/proc/{pid}/status", "rb") as file:
        numbers = next(line for line in file.read().splitlines() if line.startswith(b"NSpid:")).split()
    return numbers[-1] == b"1"


def with_mounts(namespace: int) -> list[int]:
    """Descriptors (pidfds) of the processes in the mount namespace that is open as `namespace`; the caller's."""
    found = []
    for pid in everybody():
        if not _is_in(pid, namespace):
            continue
        try:
            pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        if _is_in(pid, namespace):  # the very same: the pid was not used again in between
            found.append(pidfd)
        else:
            os.close(pidfd)
    return found


def everybody() -> list[int]:
    """All pids of the moment."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _is_in(pid: int, namespace: int) -> bool:
    try:
        return os.path.samestat(os.stat(f"/proc/{pid}/ns/mnt"), os.fstat(namespace))
    except OSError:
        return False


def _namespace(pid: int, kind: str) -> int:
    try:
        return os.stat(f"/proc/{pid}/ns/{kind}").st_ino
    except OSError:
        return 0


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0
