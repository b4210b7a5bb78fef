"""cgroup v2: one hierarchy for all (Documentation/admin-guide/cgroup-v2)."""

from __future__ import annotations

import _signal
import errno
import os
import time

from izba.cgroups import delegate, files, resources, stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import Hierarchy
    from izba.oci.runtimespec import LinuxResources

_ACCOUNTING = {"memory", "cpu", "pids", "io", "cpuset"}


class CgroupV2:
    """A container's cgroup in the unified hierarchy; see `manager.CgroupManager`."""

    version = 2

    def __init__(self, path: str, hierarchy: Hierarchy) -> None:
        self.path = path
        self._base = hierarchy.base
        self._directory = f"{hierarchy.base}/{path.strip('/')}"

    def apply(self, wanted: LinuxResources) -> None:
        settings = resources.v2(wanted)
        is_new = not self.exists()
        self._make()
        for _, file, value in settings:
            self._set(file, value)
        if is_new and resources.limits_devices(wanted):
            from izba.cgroups import device_filter

            device_filter.attach(self._directory, resources.device_rules(wanted))

    def add(self, pid: int) -> None:
        files.write(self._directory, "cgroup.procs", str(pid))

    def fd(self) -> int | None:
        return os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def directories(self) -> tuple[tuple[str, str], ...]:
        return (("", self._directory),) if self.exists() else ()

    def exists(self) -> bool:
        return os.path.isdir(self._directory)

    def pids(self) -> list[int]:
        return files.pids(self._directory)

    def stats(self) -> stats.Stats:
        here = self._directory
        cpu = files.pairs(files.read(here, "cpu.stat"))
        details = files.pairs(files.read(here, "memory.stat"))
        read, written = stats.v2_block(files.read(here, "io.stat"))
        return stats.Stats(
            cpu=cpu.get("usage_usec", 0) * 1000,
            cpu_user=cpu.get("user_usec", 0) * 1000,
            cpu_system=cpu.get("system_usec", 0) * 1000,
            throttling=stats.Throttling(
                periods=cpu.get("nr_periods", 0),
                throttled_periods=cpu.get("nr_throttled", 0),
                throttled_time=cpu.get("throttled_usec", 0) * 1000,
            ),
            memory=files.number(here, "memory.current") or 0,
            memory_peak=files.number(here, "memory.peak") or 0,
            memory_cache=details.get("inactive_file", 0),
            memory_limit=files.number(here, "memory.max"),
            memory_failures=files.pairs(files.read(here, "memory.events")).get("max", 0),
            memory_details=tuple(details.items()),
            pids=files.number(here, "pids.current") or len(self.pids()),
            pids_limit=files.number(here, "pids.max"),
            block_read=read,
            block_written=written,
        )

    def oom_kills(self) -> int:
        return files.pairs(files.read(self._directory, "memory.events")).get("oom_kill", 0)

    def freeze(self) -> None:
        files.write(self._directory, "cgroup.freeze", "1")
        while not self._events().get("frozen"):
            time.sleep(0.001)

    def thaw(self) -> None:
        files.write(self._directory, "cgroup.freeze", "0")

    def is_frozen(self) -> bool:
        return files.read(self._directory, "cgroup.freeze").strip() == "1"

    def kill(self) -> None:
        if not self.exists():
            return
        try:
            files.write(self._directory, "cgroup.kill", "1")
        except FileNotFoundError:  # before Linux 5.14
            self._kill_one_by_one()

    def remove(self) -> None:
        if self.exists():
            files.remove(self._directory)

    def _events(self) -> dict[str, int]:
        return files.pairs(files.read(self._directory, "cgroup.events"))

    def _kill_one_by_one(self) -> None:
        self.freeze()  # so that nothing forks away
        for pid in self.pids():
            try:
                os.kill(pid, _signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.thaw()

    def _make(self) -> None:
        """The cgroup and its parents, with all controllers handed down to it."""
        directory = self._base
        for name in self._directory.removeprefix(self._base).strip("/").split("/"):
            delegate.enable(directory, _ACCOUNTING)
            directory = f"{directory}/{name}"
            os.makedirs(directory, exist_ok=True)

    def _set(self, file: str, value: str) -> None:
        try:
            files.write(self._directory, file, value)
        except FileNotFoundError:
            if file in {"memory.swap.max", "io.weight"}:
                self._without(file, value)
            else:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self._directory}/{file}") from None
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP or file != "io.weight":
                raise
            files.warn_of_no_weights(value)

    def _without(self, file: str, value: str) -> None:
        """Some files depend on the kernel's configuration: swap accounting, and which I/O scheduler has weights."""
        if file == "io.weight" and os.path.exists(f"{self._directory}/io.bfq.weight"):
            files.write(self._directory, "io.bfq.weight", value.removeprefix("default "))
            return
        from izba import log

        log.warning(f"this kernel has no {file}: the limit is left out")
