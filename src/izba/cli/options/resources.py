"""The flags that limit a container, or give it devices."""

from __future__ import annotations

from izba.cli.options.flags import UsageError
from izba.cli.options.units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Flags
    from izba.engine.containers.documents import Device, HostConfig, ThrottleDevice, Ulimit

_ULIMITS = frozenset(
    "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split()
)


def read(flags: Flags, host: HostConfig) -> None:
    """Put what was given into `host`. Raises `UsageError`."""
    for name, key in (("memory", "Memory"), ("memory-reservation", "MemoryReservation"), ("shm-size", "ShmSize")):
        if text := flags.text(name):
            host[key] = size(text, name)  # type: ignore[literal-required]
    if text := flags.text("memory-swap"):
        host["MemorySwap"] = -1 if text == "-1" else size(text, "memory-swap")
    if cpus := flags.text("cpus"):
        host["NanoCpus"] = _cpus(cpus)
    for name, key in (
        ("blkio-weight", "BlkioWeight"),
        ("cpu-period", "CpuPeriod"),
        ("cpu-quota", "CpuQuota"),
        ("cpu-shares", "CpuShares"),
        ("memory-swappiness", "MemorySwappiness"),
        ("pids-limit", "PidsLimit"),
    ):
        if (number := flags.number(name)) is not None:
            host[key] = number  # type: ignore[literal-required]
    for name, key in (("cpuset-cpus", "CpusetCpus"), ("cpuset-mems", "CpusetMems")):
        if text := flags.text(name):
            host[key] = text  # type: ignore[literal-required]
    if flags.on("oom-kill-disable"):
        host["OomKillDisable"] = True
    host["Ulimits"] = [ulimit(text) for text in flags.all("ulimit")]
    host["Devices"] = [_device(text) for text in flags.all("device")]
    host["DeviceCgroupRules"] = list(flags.all("device-cgroup-rule"))
    host["BlkioWeightDevice"] = [
        {"Path": each["Path"], "Weight": each["Rate"]}
        for each in (_rate(text, "blkio-weight-device") for text in flags.all("blkio-weight-device"))
    ]
    for name, key in (
        ("device-read-bps", "BlkioDeviceReadBps"),
        ("device-write-bps", "BlkioDeviceWriteBps"),
        ("device-read-iops", "BlkioDeviceReadIOps"),
        ("device-write-iops", "BlkioDeviceWriteIOps"),
    ):
        host[key] = [_rate(text, name) for text in flags.all(name)]  # type: ignore[literal-required]


def _cpus(text: str) -> int:
    whole, _, fraction = text.partition(".")
    if not (whole or fraction) or not (whole + fraction).isdecimal() or len(fraction) > 9:
        raise UsageError(f'invalid argument "{text}" for "--cpus" flag: not a number of CPUs')
    return int(whole or 0) * 10**9 + int(fraction.ljust(9, "0"))


def ulimit(text: str) -> Ulimit:
    name, equals, values = text.partition("=")
    soft, colon, hard = values.partition(":")
    if not equals or name not in _ULIMITS:
        raise UsageError(f"invalid ulimit argument: {text}", hint="write it as nofile=1024:2048")
    numbers = [_limit(value, text) for value in (soft, hard if colon else soft)]
    if numbers[1] != -1 and (numbers[0] > numbers[1] or numbers[0] == -1):
        raise UsageError(f"ulimit soft limit must be less than or equal to hard limit: {numbers[0]} > {numbers[1]}")
    return {"Name": name, "Soft": numbers[0], "Hard": numbers[1]}


def _limit(text: str, whole: str) -> int:
    if text in {"-1", "unlimited"}:
        return -1
    if not text.isdecimal():
        raise UsageError(f"invalid ulimit argument: {whole}", hint="write it as nofile=1024:2048")
    return int(text)


def _device(text: str) -> Device:
    source, *rest = text.split(":")
    permissions = rest.pop() if rest and set(rest[-1]) <= set("rwm") and rest[-1] else "rwm"
    target = rest.pop() if rest else source
    if rest or not source:
        raise UsageError(f"invalid device specification: {text}", hint="write it as HOST[:CONTAINER][:rwm]")
    return {"PathOnHost": source, "PathInContainer": target, "CgroupPermissions": permissions}


def _rate(text: str, flag: str) -> ThrottleDevice:
    path, colon, value = text.rpartition(":")
    if not colon or not path.startswith("/dev/"):
        raise UsageError(f"bad format for device path: {path or text}", hint=f"--{flag} /dev/sda:1mb")
    if flag.endswith("bps"):
        return {"Path": path, "Rate": size(value, flag)}
    if not value.isdecimal():
        raise UsageError(f"invalid rate for device: {text}")
    return {"Path": path, "Rate": int(value)}
