"""What a container's cgroup can do, whichever version the host has; and finding out which it has."""

from __future__ import annotations

import os

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from izba.cgroups.stats import Stats
    from izba.oci.runtimespec import LinuxResources

    class CgroupManager(Protocol):
        """One container's cgroup.

        Nothing is made before `apply`, which may be called again with other limits; `remove` is idempotent.
        """

        version: int
        path: str  # as `linux.cgroupsPath` has it

        def apply(self, resources: LinuxResources) -> None:
            """Make the cgroup if it is not there, and set what `resources` names; other limits stay."""

        def add(self, pid: int) -> None:
            """Move the process into the cgroup. On v1 this takes milliseconds."""

        def fd(self) -> int | None:
            """A new descriptor for CLONE_INTO_CGROUP; None on v1."""

        def directories(self) -> tuple[tuple[str, str], ...]:
            """Controllers (joined by commas as in mount options; empty on v2) and the directory of each that exists."""

        def exists(self) -> bool: ...

        def pids(self) -> list[int]:
            """The processes in it and below it, in this process's pid namespace."""

        def stats(self) -> Stats: ...

        def oom_kills(self) -> int:
            """How many processes the kernel killed because the memory limit was reached."""

        def freeze(self) -> None:
            """Returns when all processes are frozen."""

        def thaw(self) -> None: ...

        def is_frozen(self) -> bool: ...

        def kill(self) -> None:
            """SIGKILL to all processes, frozen ones too; returns without waiting for their end."""

        def remove(self) -> None:
            """Remove the cgroup and those below it; waits a moment for processes that are about to end."""


class Hierarchy(Record):
    """Where this process may make cgroups.

    base         v2: the directory below which cgroups are made; v1: unused
    mounts       v1: (controllers of the hierarchy, joined by commas; the directory below which cgroups are made in it)
    controllers  those that limits can be set with
    delegated    v1: to an ordinary user, whom the kernel lets set no rules for devices
    """

    version: int
    controllers: tuple[str, ...]
    base: str = ""
    mounts: tuple[tuple[str, str], ...] = ()
    delegated: bool = False


LIMITS = ("memory", "cpu", "cpuset", "pids", "blkio", "devices", "freezer", "cpuacct", "hugetlb")
"""The v1 controllers izba uses; `io` of v2 is called blkio here, as in the runtime-spec of old and in Docker."""


def detect() -> Hierarchy | None:
    """The hierarchy this process can make cgroups in, v2 if that has controllers; None where it can in none."""
    mounted = _mounts()
    for kind, point, _ in mounted:
        if kind == "cgroup2":
            from izba.cgroups import delegate

            if (base := delegate.base(point)) and (controllers := delegate.controllers(base)):
                return Hierarchy(version=2, controllers=controllers, base=base)
    v1 = [
        (",".join(names), point)
        for kind, point, options in mounted
        if kind == "cgroup" and (names := [name for name in options.split(",") if name in LIMITS])
    ]
    usable = tuple((names, point) for names, point in v1 if os.access(point, os.W_OK))
    delegated = False
    if not usable and v1:
        from izba.cgroups import delegate

        usable = tuple(
            (names, base) for names, point in v1 if (base := delegate.v1_base(point, names)) and names != "devices"
        )
        delegated = True
    if not usable:
        return None
    controllers = tuple(name for names, _ in usable for name in names.split(","))
    return Hierarchy(version=1, controllers=controllers, mounts=usable, delegated=delegated)


def manager(path: str, hierarchy: Hierarchy | None = None) -> CgroupManager | None:
    """The manager of the cgroup `path` (a spec's `linux.cgroupsPath`); None where there can be none."""
    found = hierarchy or detect()
    if found is None:
        return None
    if found.version == 2:
        from izba.cgroups.v2 import CgroupV2

        return CgroupV2(path, found)
    from izba.cgroups.v1 import CgroupV1

    return CgroupV1(path, found)


def _mounts() -> list[tuple[str, str, str]]:
    """Type, mount point and super options of the cgroup file systems, the root of the unified hierarchy first."""
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            left, _, right = line.partition(" - ")
            kind, _, options = right.split(" ", 2)
            if kind in {"cgroup", "cgroup2"}:
                found.append((kind, left.split(" ")[4].replace("\\040", " "), options.strip()))
    return found
