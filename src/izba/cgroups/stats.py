"""What a container uses, from the counters of either cgroup version."""

from __future__ import annotations

from izba._record import Record


class Throttling(Record):
    """CFS periods: how many there were, in how many the container was held back, and for how many nanoseconds."""

    periods: int = 0
    throttled_periods: int = 0
    throttled_time: int = 0


class Stats(Record):
    """Counters since the start of the container; times in nanoseconds, sizes in bytes.

    memory            in use, page cache included
    memory_cache      of it, what the kernel can drop at once (inactive file pages); Docker shows the difference
    memory_limit      None where there is none
    pids_limit        None where there is none
    """

    cpu: int = 0
    cpu_user: int = 0
    cpu_system: int = 0
    throttling: Throttling = Throttling()
    memory: int = 0
    memory_peak: int = 0
    memory_cache: int = 0
    memory_limit: int | None = None
    memory_failures: int = 0
    memory_details: tuple[tuple[str, int], ...] = ()
    pids: int = 0
    pids_limit: int | None = None
    block_read: int = 0
    block_written: int = 0

    @property
    def memory_used(self) -> int:
        """What `docker stats` shows: without the cache that costs nothing to drop."""
        return max(self.memory - self.memory_cache, 0)


_NO_LIMIT = 1 << 60
"""v1 has no word for unlimited: it shows the largest number of pages."""


def v1_limit(limit: int | None) -> int | None:
    return None if limit is None or limit >= _NO_LIMIT else limit


def v1_block(text: str) -> tuple[int, int]:
    """Bytes read and written over all devices, from blkio.throttle.io_service_bytes_recursive."""
    totals = {"Read": 0, "Write": 0}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in totals:
            totals[words[1]] += int(words[2])
    return totals["Read"], totals["Write"]


def v2_block(text: str) -> tuple[int, int]:
    """Bytes read and written over all devices, from io.stat."""
    totals = {"rbytes": 0, "wbytes": 0}
    for line in text.splitlines():
        for key, _, value in (word.partition("=") for word in line.split()[1:]):
            if key in totals:
                totals[key] += int(value)
    return totals["rbytes"], totals["wbytes"]
