"""What containers use at this moment: two samples and what changed between them, as `docker stats` shows it."""

from __future__ import annotations

import os
import time

from izba._record import Record
from izba.cgroups.stats import Stats
from izba.engine.containers import lifecycle
from izba.engine.containers.lifecycle import NotRunning

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.containers.processes import Process
    from izba.engine.engine import Engine


class Sample(Record):
    """Counters at one instant. `time` and `host_cpu` in nanoseconds, the latter summed over all CPUs, idle or not."""

    time: int
    host_cpu: int
    cpus: int
    stats: Stats
    received: int = 0
    sent: int = 0


class Usage(Record):
    """What is shown of a container. `cpu` and `memory_share` are percentages; one CPU fully used is 100."""

    cpu: float = 0.0
    memory: int = 0
    memory_limit: int = 0
    memory_share: float = 0.0
    received: int = 0
    sent: int = 0
    block_read: int = 0
    block_written: int = 0
    pids: int = 0


def sample(engine: Engine, container: Container) -> Sample | None:
    """Read the counters of a container; None if it does not run, or ends meanwhile."""
    try:
        state = lifecycle.require_running(container)
        stats = _stats(engine, container)
    except NotRunning:
        return None
    mode = container.host_config.get("NetworkMode", "host")
    received, sent = (0, 0) if mode == "host" else _network(state.pid)
    return Sample(
        time=time.time_ns(),
        host_cpu=_host_cpu(),
        cpus=os.cpu_count() or 1,
        stats=stats,
        received=received,
        sent=sent,
    )


def usage(before: Sample | None, after: Sample | None, *, host_memory: int) -> Usage:
    """What to show of two samples of one container; zeros for one that does not run."""
    if after is None:
        return Usage()
    stats = after.stats
    limit = min(stats.memory_limit or host_memory, host_memory)
    return Usage(
        cpu=_cpu_share(before, after),
        memory=stats.memory_used,
        memory_limit=limit,
        memory_share=100 * stats.memory_used / limit if limit else 0.0,
        received=after.received,
        sent=after.sent,
        block_read=stats.block_read,
        block_written=stats.block_written,
        pids=stats.pids,
    )


def _cpu_share(before: Sample | None, after: Sample) -> float:
    if before is None:
        return 0.0
    used, passed = after.stats.cpu - before.stats.cpu, after.host_cpu - before.host_cpu
    return max(100 * after.cpus * used / passed, 0.0) if passed > 0 else 0.0


def _stats(engine: Engine, container: Container) -> Stats:
    """From the cgroup; what no cgroup of the container's counts (v1 without a limit), from its processes."""
    from izba.engine.containers.cgroup import cgroup

    group = cgroup(engine, container)
    counted = group.stats() if group is not None and group.exists() else Stats()
    if counted.cpu and counted.memory and counted.pids:
        return counted
    from izba.engine.containers.processes import processes

    own = _of_processes(processes(engine, container))
    return counted.replace(
        cpu=counted.cpu or own.cpu,
        memory=counted.memory or own.memory,
        pids=counted.pids or own.pids,
        block_read=counted.block_read or own.block_read,
        block_written=counted.block_written or own.block_written,
    )


def _of_processes(members: list[Process]) -> Stats:
    """The sum over living processes: what ended ones used is not in it, and shared pages count for each."""
    tick = 10**9 // os.sysconf("SC_CLK_TCK")
    page = os.sysconf("SC_PAGE_SIZE")
    statm = (_read(f"/proc/{process.pid}/statm").split() for process in members)
    resident = sum(int(words[1]) - int(words[2]) for words in statm if len(words) > 2)
    transfers = [_transfers(process.pid) for process in members]
    return Stats(
        cpu=tick * sum(process.user_time + process.system_time for process in members),
        memory=resident * page,
        pids=sum(process.threads for process in members),
        block_read=sum(read for read, _ in transfers),
        block_written=sum(written for _, written in transfers),
    )


def _transfers(pid: int) -> tuple[int, int]:
    counted = dict(line.split(": ") for line in _read(f"/proc/{pid}/io").splitlines())
    return int(counted.get("read_bytes", 0)), int(counted.get("write_bytes", 0))


def _network(pid: int) -> tuple[int, int]:
    """Bytes received and sent over all interfaces of the container's network but loopback."""
    received = sent = 0
    for line in _read(f"/proc/{pid}/net/dev").splitlines()[2:]:
        name, _, counters = line.partition(":")
        if name.strip() != "lo" and (words := counters.split()):
            received += int(words[0])
            sent += int(words[8])
    return received, sent


def _host_cpu() -> int:
    # user, nice, system, idle, iowait, irq, softirq and steal; guest time is in user already (proc_stat(5)).
    line = _read("/proc/stat").partition("\n")[0]
    return sum(map(int, line.split()[1:9])) * (10**9 // os.sysconf("SC_CLK_TCK"))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
