"""The runtime-spec's resources as the values that each cgroup version's files take. Pure."""

from __future__ import annotations

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.oci.runtimespec import LinuxDeviceCgroup, LinuxResources

    Setting = tuple[str, str, str]  # controller, file, value

UNLIMITED = -1

# From null to console: the "Default Devices" of the runtime-spec.
_EVERYBODYS_DEVICES = {(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1)}

# Making any node (using it is another matter), the container's own terminals, and ptmx.
_ALWAYS_ALLOWED: list[LinuxDeviceCgroup] = [
    {"allow": True, "type": "c", "major": -1, "minor": -1, "access": "m"},
    {"allow": True, "type": "b", "major": -1, "minor": -1, "access": "m"},
    {"allow": True, "type": "c", "major": 136, "minor": -1, "access": "rwm"},
    {"allow": True, "type": "c", "major": 5, "minor": 2, "access": "rwm"},
]

_V1_THROTTLES = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)
_V2_THROTTLES = (
    ("throttleReadBpsDevice", "rbps"),
    ("throttleWriteBpsDevice", "wbps"),
    ("throttleReadIOPSDevice", "riops"),
    ("throttleWriteIOPSDevice", "wiops"),
)


def controllers(resources: LinuxResources) -> set[str]:
    """The v1 controllers a container with these resources has to be attached to."""
    used = {controller for controller, _, _ in v1(resources)}
    if "devices" in used and not limits_devices(resources):
        used.discard("devices")
    return used


def limits_devices(resources: LinuxResources) -> bool:
    """Whether a devices cgroup is needed: a device is allowed besides those that every container has.

    With none, it is enough that all mounts of the container are `nodev`, which the runtime sees to and which is free.
    """
    rules = resources.get("devices") or []
    return any(
        rule["allow"] and rule.get("type") and (rule.get("major"), rule.get("minor")) not in _EVERYBODYS_DEVICES
        for rule in rules
    )


def v1(resources: LinuxResources) -> list[Setting]:
    """What to write on v1, in this order."""
    return [*_v1_memory(resources), *_v1_cpu(resources), *_pids(resources), *_v1_block(resources), *_devices(resources)]


def v2(resources: LinuxResources) -> list[Setting]:
    """What to write on v2, in this order; devices have no file there, they take a BPF program."""
    settings = [*_v2_memory(resources), *_v2_cpu(resources), *_pids(resources), *_v2_block(resources)]
    for file, value in (resources.get("unified") or {}).items():
        if "/" in file:
            raise InvalidArgument(f"unified resource {file!r}: not the name of a cgroup file")
        settings.append((file.partition(".")[0], file, value))
    return settings


def weight_of_shares(shares: int) -> int:
    """v2's cpu.weight (1-10000) for v1's cpu.shares (2-262144).

    The curve goes through both ends and through both defaults, 1024 and 100; the straight line that the runtimes drew
    before gave 39 for 1024, so that a container with the default lost against everything else on the machine.
    """
    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    from math import ceil, log2

    logarithm = log2(shares)
    return ceil(10 ** ((logarithm * logarithm + 125 * logarithm) / 612 - 7 / 34))


def io_weight(weight: int) -> int:
    """v2's io.weight (1-10000) for v1's blkio.weight (10-1000)."""
    return 1 + (weight - 10) * 9999 // 990


def _v1_memory(resources: LinuxResources) -> Iterator[Setting]:
    memory = resources.get("memory") or {}
    if (limit := memory.get("limit")) is not None:
        yield "memory", "memory.limit_in_bytes", str(limit)
    if (swap := memory.get("swap")) is not None:
        yield "memory", "memory.memsw.limit_in_bytes", str(swap)
    if (reservation := memory.get("reservation")) is not None:
        yield "memory", "memory.soft_limit_in_bytes", str(reservation)
    if (swappiness := memory.get("swappiness")) is not None:
        yield "memory", "memory.swappiness", str(swappiness)
    if memory.get("disableOOMKiller"):
        yield "memory", "memory.oom_control", "1"


def _v2_memory(resources: LinuxResources) -> Iterator[Setting]:
    memory = resources.get("memory") or {}
    limit, swap = memory.get("limit"), memory.get("swap")
    if swap is not None:
        if swap != UNLIMITED and (limit is None or limit == UNLIMITED):
            raise InvalidArgument("a limit of memory and swap needs a limit of memory")
        # v1 counts memory and swap together, v2 swap alone.
        yield "memory", "memory.swap.max", "max" if swap == UNLIMITED else str(swap - (limit or 0))
    if limit is not None:
        yield "memory", "memory.max", _or_max(limit)
    if (reservation := memory.get("reservation")) is not None:
        yield "memory", "memory.low", _or_max(reservation)


def _v1_cpu(resources: LinuxResources) -> Iterator[Setting]:
    cpu = resources.get("cpu") or {}
    if (shares := cpu.get("shares")) is not None:
        yield "cpu", "cpu.shares", str(shares)
    if (period := cpu.get("period")) is not None:
        yield "cpu", "cpu.cfs_period_us", str(period)
    if (quota := cpu.get("quota")) is not None:
        yield "cpu", "cpu.cfs_quota_us", str(quota)
    yield from _cpuset(resources)


def _v2_cpu(resources: LinuxResources) -> Iterator[Setting]:
    cpu = resources.get("cpu") or {}
    if shares := cpu.get("shares"):
        yield "cpu", "cpu.weight", str(weight_of_shares(shares))
    quota, period = cpu.get("quota"), cpu.get("period")
    if quota is not None or period is not None:
        limit = "max" if quota is None or quota <= 0 else str(quota)
        yield "cpu", "cpu.max", f"{limit} {period or 100_000}"
    yield from _cpuset(resources)


def _cpuset(resources: LinuxResources) -> Iterator[Setting]:
    cpu = resources.get("cpu") or {}
    if cpus := cpu.get("cpus"):
        yield "cpuset", "cpuset.cpus", cpus
    if mems := cpu.get("mems"):
        yield "cpuset", "cpuset.mems", mems


def _pids(resources: LinuxResources) -> Iterator[Setting]:
    pids = resources.get("pids")
    if pids is not None and (limit := pids.get("limit")) is not None:
        yield "pids", "pids.max", str(limit) if limit > 0 else "max"


def _v1_block(resources: LinuxResources) -> Iterator[Setting]:
    block = resources.get("blockIO") or {}
    if weight := block.get("weight"):
        yield "blkio", "blkio.bfq.weight", str(weight)
    for device in block.get("weightDevice") or ():
        yield "blkio", "blkio.bfq.weight_device", f"{device['major']}:{device['minor']} {device['weight']}"
    for key, file in _V1_THROTTLES:
        for device in block.get(key) or ():  # type: ignore[attr-defined]
            yield "blkio", file, f"{device['major']}:{device['minor']} {device['rate']}"


def _v2_block(resources: LinuxResources) -> Iterator[Setting]:
    block = resources.get("blockIO") or {}
    if weight := block.get("weight"):
        yield "io", "io.weight", f"default {io_weight(weight)}"
    for device in block.get("weightDevice") or ():
        yield "io", "io.weight", f"{device['major']}:{device['minor']} {io_weight(device['weight'])}"
    for key, word in _V2_THROTTLES:
        for device in block.get(key) or ():  # type: ignore[attr-defined]
            yield "io", "io.max", f"{device['major']}:{device['minor']} {word}={device['rate'] or 'max'}"


def _devices(resources: LinuxResources) -> Iterator[Setting]:
    for rule in device_rules(resources):
        yield "devices", "devices.allow" if rule["allow"] else "devices.deny", _device(rule)


def device_rules(resources: LinuxResources) -> list[LinuxDeviceCgroup]:
    """The spec's rules, and after a first one that denies all, what runtimes allow besides."""
    rules = list(resources.get("devices") or ())
    return rules[:1] + _ALWAYS_ALLOWED + rules[1:] if rules and not rules[0]["allow"] else rules


def _device(rule: LinuxDeviceCgroup) -> str:
    kind = rule.get("type") or "a"
    if kind == "a":
        return "a"
    return f"{kind} {_or_any(rule.get('major'))}:{_or_any(rule.get('minor'))} {rule.get('access') or 'rwm'}"


def _or_max(limit: int) -> str:
    return "max" if limit == UNLIMITED else str(limit)


def _or_any(number: int | None) -> str:
    return "*" if number is None or number == -1 else str(number)
