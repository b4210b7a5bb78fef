"""What is known of a container that was started: `state.json`, written by its monitor, and the kernel's word on it.

The file tells what the monitor last saw; whether that monitor still lives is asked of the kernel: a process with the
recorded pid and start time, since the recorded boot. So neither a reboot nor a killed monitor needs a repair: whoever
looks sees the truth.
"""

from __future__ import annotations

import errno
import os
import time

from izba import jsonio
from izba._record import Record
from izba.linux import process as processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

FILE = "state.json"
_PATIENCE = 10_000
LOST = 255
"""The exit code of a container whose monitor did not live to see the real one; Docker's after a reboot too."""


class Process(Record):
    """A process by pid and start time, which together are never given twice within a boot."""

    pid: int
    started: int


class State(Record):
    """`status` is created, running, paused, restarting or exited; times in nanoseconds since the epoch, 0 is never.

    health   "", starting, healthy or unhealthy
    error    why the last start failed
    """

    status: str = "created"
    monitor: Process | None = None
    process: Process | None = None
    boot: str = ""
    started: int = 0
    finished: int = 0
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    stopped_by_user: bool = False
    health: str = ""
    health_failures: int = 0
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether the container has processes; a paused one has, one between two starts counts as Docker's does."""
        return self.status in {"running", "paused", "restarting"}

    @property
    def pid(self) -> int:
        """The pid of the container's init as izba's processes see it; 0 when there is none."""
        return self.process.pid if self.process and self.status in {"running", "paused"} else 0


NEVER_STARTED = State()


def read(directory: str, on_lost: Callable[[State], None] | None = None) -> State:
    """The state of the container in `directory`.

    A container whose monitor is gone while the file says running: its processes are killed if any are left, and its
    end is recorded, with the time of this look. `on_lost` is called by the one look that recorded it.
    """
    state = recorded(directory)
    if not state.is_running or is_alive(state.monitor, state.boot):
        return state
    if is_alive(state.process, state.boot) and state.process:
        _end_orphan(state.process)
    try:
        state, is_ours = _record_loss(directory)
    except PermissionError:  # an onlooker, who may read the state but not change it
        return _lost(state)
    if is_ours:
        from izba.monitor.lost import clean_up

        clean_up(directory)
        if on_lost is not None:
            on_lost(state)
    return state


def _record_loss(directory: str) -> tuple[State, bool]:
    """The state of now, and whether it is a loss that nobody has recorded before us."""
    import fcntl

    # Every write replaces the file: whoever has the lock on the one that is there decides what follows it.
    fd = os.open(f"{directory}/{FILE}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        state = recorded(directory)
        replaced = not os.path.samestat(os.fstat(fd), os.stat(f"{directory}/{FILE}"))
        if replaced or not state.is_running or is_alive(state.monitor, state.boot):
            return state, False
        lost = _lost(state)
        write(directory, lost)
        return lost, True
    finally:
        os.close(fd)


def _lost(state: State) -> State:
    return state.replace(status="exited", exit_code=LOST, finished=time.time_ns(), error="the monitor was killed")


def write(directory: str, state: State) -> None:
    """Replace the state as one step. Where the disk is full, it takes the place of the one before."""
    value = {field: getattr(state, field) for field in State.__fields__}
    for name in ("monitor", "process"):
        process: Process | None = value[name]
        value[name] = process and [process.pid, process.started]
    path = f"{directory}/{FILE}"
    try:
        jsonio.write(path, value, durable=False)
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT} or not os.path.exists(path):
            raise
        _write_over(path, jsonio.dumps(value).encode())


def _write_over(path: str, data: bytes) -> None:
    """A file of one block needs no other one. One call writes all that matters, as JSON that may end in spaces."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data.ljust(os.fstat(fd).st_size))
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)


def identify(pid: int) -> Process:
    """The process that has this pid now. Raises `ProcessLookupError`."""
    return Process(pid=pid, started=processes.start_time(pid))


def is_alive(process: Process | None, boot: str) -> bool:
    """Whether the very same process still runs; a zombie does not."""
    return process is not None and boot == boot_id() and processes.is_alive(process.pid, process.started)


_boot_id = ""


def boot_id() -> str:
    """The kernel's id of this boot."""
    global _boot_id
    if not _boot_id:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            _boot_id = file.read().decode().strip()
    return _boot_id


def recorded(directory: str) -> State:
    """The state as the monitor wrote it last, whatever has become of the monitor."""
    try:
        value: dict[str, Any] = jsonio.read(f"{directory}/{FILE}")
    except FileNotFoundError:
        return NEVER_STARTED
    except jsonio.BadJSON:  # a power cut: it was written a moment before
        return NEVER_STARTED.replace(status="exited", started=1, exit_code=LOST, error="the machine went down")
    for name in ("monitor", "process"):
        if pair := value[name]:
            value[name] = Process(pid=pair[0], started=pair[1])
    return State(**value)


def _end_orphan(process: Process) -> None:
    from _signal import SIGKILL

    try:
        pidfd = processes.pidfd_open(process.pid, process.started)
    except ProcessLookupError:
        return
    from izba.monitor import stragglers

    mounts = stragglers.hold(process.pid)
    try:
        processes.send_signal(pidfd, SIGKILL)
        processes.has_ended(pidfd, _PATIENCE)
    except ProcessLookupError:
        pass
    finally:
        os.close(pidfd)
    if mounts >= 0:
        stragglers.end(mounts)
