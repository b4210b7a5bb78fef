"""cgroup v1: one hierarchy for each controller, or for a few together (Documentation/admin-guide/cgroup-v1).

A process is attached only to the hierarchies that a limit needs, because each attachment waits for an RCU grace
period, 4 to 12 ms. Freezing makes and fills its cgroup when it is asked for.
"""

from __future__ import annotations

import _signal
import errno
import os
import time

from izba.cgroups import files, resources, stats

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import Hierarchy
    from izba.oci.runtimespec import LinuxResources

_ACCOUNTING = {"memory", "cpu", "pids"}


class CgroupV1:
    """A container's cgroup in the v1 hierarchies; see `manager.CgroupManager`."""

    version = 1

    def __init__(self, path: str, hierarchy: Hierarchy) -> None:
        self.path = path
        self._is_delegated = hierarchy.delegated
        self._directories = {
            controller: f"{point}/{path.strip('/')}"
            for controllers, point in hierarchy.mounts
            for controller in controllers.split(",")
        }
        self._names = {point: controllers for controllers, point in hierarchy.mounts}

    def apply(self, wanted: LinuxResources) -> None:
        needed = resources.controllers(wanted)
        if needed & _ACCOUNTING and "cpuacct" in self._directories:
            needed.add("cpuacct")
        if self._is_delegated:
            needed.discard("devices")  # what the user may not open, the container cannot either
        for controller in needed:
            self._make(controller)
        for controller, file, value in resources.v1(wanted):
            if controller in needed:
                self._set(controller, file, value)

    def add(self, pid: int) -> None:
        for directory in self._existing():
            files.write(directory, "cgroup.procs", str(pid))

    def fd(self) -> int | None:
        return None

    def directories(self) -> tuple[tuple[str, str], ...]:
        existing = self._existing()
        return tuple(
            (controllers, f"{point}/{self.path.strip('/')}")
            for point, controllers in self._names.items()
            if f"{point}/{self.path.strip('/')}" in existing
        )

    def exists(self) -> bool:
        return bool(self._existing())

    def pids(self) -> list[int]:
        return sorted({pid for directory in self._existing() for pid in files.pids(directory)})

    def stats(self) -> stats.Stats:
        memory, cpu = self._directories.get("memory", ""), self._directories.get("cpu", "")
        usage, pids = self._directories.get("cpuacct", ""), self._directories.get("pids", "")
        details = files.pairs(files.read(memory, "memory.stat"))
        times = files.pairs(files.read(usage, "cpuacct.stat"))
        throttled = files.pairs(files.read(cpu, "cpu.stat"))
        tick = 10**9 // os.sysconf("SC_CLK_TCK")
        read, written = stats.v1_block(
            files.read(self._directories.get("blkio", ""), "blkio.throttle.io_service_bytes_recursive")
        )
        return stats.Stats(
            cpu=files.number(usage, "cpuacct.usage") or 0,
            cpu_user=times.get("user", 0) * tick,
            cpu_system=times.get("system", 0) * tick,
            throttling=stats.Throttling(
                periods=throttled.get("nr_periods", 0),
                throttled_periods=throttled.get("nr_throttled", 0),
                throttled_time=throttled.get("throttled_time", 0),
            ),
            memory=files.number(memory, "memory.usage_in_bytes") or 0,
            memory_peak=files.number(memory, "memory.max_usage_in_bytes") or 0,
            memory_cache=details.get("total_inactive_file", 0),
            memory_limit=stats.v1_limit(files.number(memory, "memory.limit_in_bytes")),
            memory_failures=files.number(memory, "memory.failcnt") or 0,
            memory_details=tuple(details.items()),
            pids=files.number(pids, "pids.current") or len(self.pids()),
            pids_limit=files.number(pids, "pids.max"),
            block_read=read,
            block_written=written,
        )

    def oom_kills(self) -> int:
        return files.pairs(files.read(self._directories.get("memory", ""), "memory.oom_control")).get("oom_kill", 0)

    def freeze(self) -> None:
        directory = self._make("freezer")
        members = self.pids()
        for pid in members:
            try:
                files.write(directory, "cgroup.procs", str(pid))
            except ProcessLookupError:
                continue
        files.write(directory, "freezer.state", "FROZEN")
        # FREEZING lasts while a process is in the kernel uninterruptibly; writing again makes it look at new children.
        while (state := files.read(directory, "freezer.state").strip()) == "FREEZING":
            time.sleep(0.001)
            files.write(directory, "freezer.state", "FROZEN")
        if state != "FROZEN":
            raise OSError(errno.EBUSY, f"freezer is {state}", directory)

    def thaw(self) -> None:
        files.write(self._directories["freezer"], "freezer.state", "THAWED")

    def is_frozen(self) -> bool:
        return files.read(self._directories.get("freezer", ""), "freezer.state").strip() in {"FROZEN", "FREEZING"}

    def kill(self) -> None:
        if self.is_frozen():
            # The signals wait for the thaw; frozen, nothing can fork away from them.
            self._signal_all()
            self.thaw()
            return
        for _ in range(100):
            if not self._signal_all():
                return
            time.sleep(0.001)

    def remove(self) -> None:
        for directory in self._existing():
            files.remove(directory)

    def _signal_all(self) -> bool:
        members = self.pids()
        for pid in members:
            try:
                os.kill(pid, _signal.SIGKILL)
            except ProcessLookupError:
                continue
        return bool(members)

    def _existing(self) -> list[str]:
        return sorted({directory for directory in self._directories.values() if os.path.isdir(directory)})

    def _make(self, controller: str) -> str:
        directory = self._directories.get(controller)
        if directory is None:
            raise OSError(errno.ENODEV, f"the {controller} controller is not mounted")
        if not os.path.isdir(directory):
            os.makedirs(directory, exist_ok=True)
            if controller == "cpuset":
                self._inherit_cpuset(directory)
        return directory

    def _inherit_cpuset(self, directory: str) -> None:
        """A new cpuset is empty and takes no process: fill those from the top down from their parents."""
        point = next(point for point, names in self._names.items() if "cpuset" in names.split(","))
        parent = point
        for name in directory.removeprefix(point).strip("/").split("/"):
            child = f"{parent}/{name}"
            for file in ("cpuset.cpus", "cpuset.mems"):
                if not files.read(child, file).strip():
                    files.write(child, file, files.read(parent, file).strip())
            parent = child

    def _set(self, controller: str, file: str, value: str) -> None:
        directory = self._directories[controller]
        try:
            files.write(directory, file, value)
        except FileNotFoundError:
            self._without(directory, file, value)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP and file == "blkio.bfq.weight_device":
                files.warn_of_no_weights(value)
                return
            if file != "memory.limit_in_bytes" or error.errno != errno.EINVAL:
                raise
            # A limit above that of memory and swap is refused, so the latter, which follows, has to go first.
            files.write(directory, "memory.memsw.limit_in_bytes", "-1")
            files.write(directory, file, value)

    def _without(self, directory: str, file: str, value: str) -> None:
        """Some files depend on the kernel's configuration: swap accounting, and which I/O scheduler has weights."""
        if file == "blkio.bfq.weight" and os.path.exists(f"{directory}/blkio.weight"):
            files.write(directory, "blkio.weight", value)
        elif file == "memory.memsw.limit_in_bytes" or file.startswith("blkio.bfq."):
            from izba import log

            log.warning(f"this kernel has no {file}: the limit is left out")
        else:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{directory}/{file}")
