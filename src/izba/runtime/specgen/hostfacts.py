"""Gathering `HostFacts`: a few reads of /proc and /sys, done once per process."""

from __future__ import annotations

import os

from izba.linux import caps
from izba.runtime.specgen.request import HostFacts, Rlimit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.runtime.specgen.request import DeviceNode

# uname's machine → the OCI's architecture.
_ARCHITECTURES = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "armv6l": "arm",
    "i686": "386",
    "i386": "386",
    "loongarch64": "loong64",
}


def host_facts(
    *, rootless: bool, cgroup_version: int = 0, cgroup_controllers: Sequence[str] = (), devices: bool = False
) -> HostFacts:
    """The facts of this machine, as this process sees them; call it inside izba's user namespace if it has one.

    The cgroup facts come from the manager that will be used (`cgroups.detect`); `devices` lists the host's devices too,
    for a privileged container.
    """
    name = os.uname()
    major, minor = name.release.split(".")[:2]
    status = _read("/proc/self/status")
    return HostFacts(
        rootless=rootless,
        single_id=rootless and _mapped_ids() == 1,
        architecture=_ARCHITECTURES.get(name.machine, name.machine),
        kernel=(int(major), int("".join(c for c in minor if c.isdigit()) or "0")),
        hostname=name.nodename,
        cgroup_version=cgroup_version,
        cgroup_controllers=tuple(cgroup_controllers),
        seccomp="\nSeccomp:" in status,
        apparmor=_read("/sys/module/apparmor/parameters/enabled").startswith("Y"),
        capabilities=tuple(caps.names(int(_field(status, "CapBnd") or "0", 16))),
        cpus=os.cpu_count() or 1,
        memory=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        throttled_cpus=_throttled_cpus(),
        rlimits=_rlimits(),
        devices=_devices() if devices else (),
        message_queues=os.path.isdir("/dev/mqueue"),
    )


def _throttled_cpus() -> tuple[int, ...]:
    pattern = "/sys/devices/system/cpu/cpu{}/thermal_throttle"
    if not os.path.isdir(pattern.format(0)):
        return ()
    return tuple(cpu for cpu in range(os.sysconf("SC_NPROCESSORS_CONF")) if os.path.isdir(pattern.format(cpu)))


def _rlimits() -> tuple[Rlimit, ...]:
    """The limits of this process, from /proc/self/limits: the `resource` module is a shared object of its own."""
    result = []
    for line in _read("/proc/self/limits").splitlines()[1:]:
        if name := _LIMITS.get(line[:25].rstrip()):
            soft, hard = line[25:].split()[:2]
            result.append(Rlimit(name=name, soft=_limit(soft), hard=_limit(hard)))
    return tuple(result)


_LIMITS = {
    "Max open files": "nofile",
    "Max processes": "nproc",
    "Max cpu time": "cpu",
    "Max file size": "fsize",
    "Max data size": "data",
    "Max stack size": "stack",
    "Max core file size": "core",
    "Max resident set": "rss",
    "Max locked memory": "memlock",
    "Max address space": "as",
    "Max file locks": "locks",
    "Max pending signals": "sigpending",
    "Max msgqueue size": "msgqueue",
    "Max nice priority": "nice",
    "Max realtime priority": "rtprio",
    "Max realtime timeout": "rttime",
}


def _limit(text: str) -> int:
    return -1 if text == "unlimited" else int(text)


def _mapped_ids() -> int:
    return sum(int(line.split()[2]) for line in _read("/proc/self/uid_map").splitlines())


def _devices() -> tuple[DeviceNode, ...]:
    from izba.runtime.specgen.devices import host_devices

    return host_devices()


def _field(status: str, name: str) -> str:
    _, _, rest = status.partition(f"\n{name}:")
    return rest.partition("\n")[0].strip()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
