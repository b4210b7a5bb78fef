"""The `linux.resources` of a spec, and what of the limits asked for this host cannot give (Docker's sentences)."""

from __future__ import annotations

import os

from izba.errors import InvalidArgument
from izba.runtime.specgen import devices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import LinuxBlockIO, LinuxCPU, LinuxMemory, LinuxResources
    from izba.runtime.specgen.request import DeviceRate, HostFacts, ResourceLimits, SpecRequest

CPU_PERIOD = 100_000
MINIMUM_MEMORY = 6 << 20

_MISSING = {
    "memory": "Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
    "Limitation discarded.",
    "pids": "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
    "cpu": "Your kernel does not support CPU limits or the cgroup is not mounted. Limitation discarded.",
    "cpuset": "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.",
    "blkio": "Your kernel does not support Block I/O limits or the cgroup is not mounted. Limitation discarded.",
}

_FIELDS = {
    "memory": ("memory", "memory_swap", "memory_reservation", "memory_swappiness", "oom_kill_disable"),
    "pids": ("pids_limit",),
    "cpu": ("nano_cpus", "cpu_shares", "cpu_period", "cpu_quota"),
    "cpuset": ("cpuset_cpus", "cpuset_mems"),
    "blkio": (
        "blkio_weight",
        "blkio_weight_device",
        "device_read_bps",
        "device_write_bps",
        "device_read_iops",
        "device_write_iops",
    ),
}


def resources(request: SpecRequest) -> LinuxResources:
    """The limits as the runtime-spec has them; what was not asked for is absent."""
    result: LinuxResources = {"devices": devices.rules(request)}
    return result | of_limits(request.resources)


def of_limits(limits: ResourceLimits) -> LinuxResources:
    """The limits alone, as for changing those of a running container."""
    result: LinuxResources = {}
    if memory := _memory(limits):
        result["memory"] = memory
    if cpu := _cpu(limits):
        result["cpu"] = cpu
    if limits.pids_limit is not None:
        result["pids"] = {"limit": limits.pids_limit if limits.pids_limit > 0 else -1}
    if block := _block(limits):
        result["blockIO"] = block
    return result


def wanted(limits: ResourceLimits) -> bool:
    """Whether any limit is asked for."""
    return any(_is_set(limits, field) for fields in _FIELDS.values() for field in fields)


def checked(limits: ResourceLimits, host: HostFacts) -> tuple[ResourceLimits, list[str]]:
    """The limits that can be had on this host, and a warning for each that cannot. Nonsense raises."""
    _check(limits, host)
    warnings = []
    for controller, fields in _FIELDS.items():
        if controller not in host.cgroup_controllers and any(_is_set(limits, field) for field in fields):
            warnings.append(_MISSING[controller])
            limits = limits.replace(**{field: _DEFAULTS[field] for field in fields})
    if warnings and host.rootless:
        from izba.cgroups.delegate import remedy

        warnings.append(f"An ordinary user's limits need a cgroup that was delegated to them: {remedy()}")
    if limits.oom_kill_disable and host.cgroup_version != 1:
        warnings.append("Your kernel does not support OomKillDisable. OomKillDisable discarded.")
        limits = limits.replace(oom_kill_disable=False)
    if limits.oom_kill_disable and not limits.memory:
        warnings.append(
            "OOM killer is disabled for the container, but no memory limit is set, this can result in the system "
            "running out of resources."
        )
    if limits.memory_swappiness is not None and host.cgroup_version != 1:
        warnings.append(
            "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. "
            "Memory swappiness discarded."
        )
        limits = limits.replace(memory_swappiness=None)
    return limits, warnings


def _check(limits: ResourceLimits, host: HostFacts) -> None:
    memory, swap, reservation = limits.memory or 0, limits.memory_swap or 0, limits.memory_reservation or 0
    _refuse(0 != memory < MINIMUM_MEMORY, "Minimum memory limit allowed is 6MB")
    _refuse(memory and 0 < swap < memory, "Minimum memoryswap limit should be larger than memory limit, see usage")
    _refuse(not memory and swap > 0, "You should always set the Memory limit when using Memoryswap limit, see usage")
    _refuse(0 != reservation < MINIMUM_MEMORY, "Minimum memory reservation allowed is 6MB")
    _refuse(
        memory and memory < reservation,
        "Minimum memory limit can not be less than memory reservation limit, see usage",
    )
    swappiness = limits.memory_swappiness
    _refuse(
        swappiness is not None and not 0 <= swappiness <= 100,
        f"Invalid value: {swappiness}, valid memory swappiness range is 0-100",
    )
    nano = limits.nano_cpus or 0
    _refuse(nano and limits.cpu_period, "Conflicting options: Nano CPUs and CPU Period cannot both be set")
    _refuse(nano and limits.cpu_quota, "Conflicting options: Nano CPUs and CPU Quota cannot both be set")
    _refuse(
        nano < 0 or nano > host.cpus * 10**9,
        f"range of CPUs is from 0.01 to {host.cpus}.00, as there are only {host.cpus} CPUs available",
    )
    shares = limits.cpu_shares or 0
    _refuse(shares < 0, f"invalid CPU shares ({shares}): value must be a positive integer")
    _refuse(
        limits.cpu_period and not 1000 <= limits.cpu_period <= 1_000_000,
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    )
    _refuse(0 < (limits.cpu_quota or 0) < 1000, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
    if limits.cpuset_cpus:
        cpus = cpu_list(limits.cpuset_cpus)
        _refuse(
            max(cpus) >= host.cpus,
            f"Requested CPUs are not available - requested {limits.cpuset_cpus}, available: 0-{host.cpus - 1}",
        )
    _refuse(limits.blkio_weight and not 10 <= limits.blkio_weight <= 1000, "Range of blkio weight is from 10 to 1000")


def cpu_list(text: str) -> list[int]:
    """`0-2,4` as numbers. Raises `InvalidArgument`."""
    result: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or len(part) > 12:
            raise InvalidArgument(f"Invalid value {text} for cpuset cpus")
        start, end = int(first), int(last or first)
        if end < start or end > 1 << 16:
            raise InvalidArgument(f"Invalid value {text} for cpuset cpus")
        result += range(start, end + 1)
    return result


def _refuse(condition: object, reason: str) -> None:
    if condition:
        raise InvalidArgument(reason)


def _memory(limits: ResourceLimits) -> LinuxMemory:
    result: LinuxMemory = {}
    if limits.memory:
        result["limit"] = limits.memory
    if limits.memory_reservation:
        result["reservation"] = limits.memory_reservation
    if limits.memory_swap:
        result["swap"] = limits.memory_swap
    elif limits.memory:
        result["swap"] = limits.memory * 2
    if limits.memory_swappiness is not None:
        result["swappiness"] = limits.memory_swappiness
    if limits.oom_kill_disable:
        result["disableOOMKiller"] = True
    return result


def _cpu(limits: ResourceLimits) -> LinuxCPU:
    result: LinuxCPU = {}
    if limits.cpu_shares:
        result["shares"] = limits.cpu_shares
    if limits.cpuset_cpus:
        result["cpus"] = limits.cpuset_cpus
    if limits.cpuset_mems:
        result["mems"] = limits.cpuset_mems
    if limits.nano_cpus:
        result["period"] = CPU_PERIOD
        result["quota"] = limits.nano_cpus * CPU_PERIOD // 10**9
    if limits.cpu_period:
        result["period"] = limits.cpu_period
    if limits.cpu_quota:
        result["quota"] = limits.cpu_quota
    return result


def _block(limits: ResourceLimits) -> LinuxBlockIO:
    result: LinuxBlockIO = {}
    if limits.blkio_weight:
        result["weight"] = limits.blkio_weight
    if limits.blkio_weight_device:
        result["weightDevice"] = [
            {"major": major, "minor": minor, "weight": rate}
            for major, minor, rate in map(_device_rate, limits.blkio_weight_device)
        ]
    throttles = (
        ("throttleReadBpsDevice", limits.device_read_bps),
        ("throttleWriteBpsDevice", limits.device_write_bps),
        ("throttleReadIOPSDevice", limits.device_read_iops),
        ("throttleWriteIOPSDevice", limits.device_write_iops),
    )
    for key, rates in throttles:
        if rates:
            result[key] = [  # type: ignore[literal-required]
                {"major": major, "minor": minor, "rate": rate} for major, minor, rate in map(_device_rate, rates)
            ]
    return result


def _device_rate(rate: DeviceRate) -> tuple[int, int, int]:
    number = os.stat(rate.path).st_rdev
    return os.major(number), os.minor(number), rate.rate


_DEFAULTS: dict[str, object] = {
    field: () if field.endswith(("_device", "_bps", "_iops")) else False if field == "oom_kill_disable" else None
    for fields in _FIELDS.values()
    for field in fields
}


def _is_set(limits: ResourceLimits, field: str) -> bool:
    return bool(getattr(limits, field) != _DEFAULTS[field])
