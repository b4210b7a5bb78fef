"""Processes: who they are, how to signal and await them without mistaking one for another, what a child inherits."""

from __future__ import annotations

import errno
import os
import select
from _signal import pidfd_send_signal as _pidfd_send_signal

from izba.linux import flags as f
from izba.linux import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SIGSET_SIZE = 128
_prctl = libc.function("prctl", libc.Int, libc.Long, libc.Long, libc.Long, libc.Long)
_signalfd = libc.function("signalfd", libc.Int, libc.Pointer, libc.Int)


def prctl(option: int, a: int = 0, b: int = 0, c: int = 0, d: int = 0, *, name: str = "prctl") -> int:
    """prctl(2); `name` says in the error which one."""
    return libc.check(name, _prctl(option, a, b, c, d))


def set_subreaper() -> None:
    """Orphans among this process's descendants become its children."""
    prctl(f.PR_SET_CHILD_SUBREAPER, 1, name="prctl(PR_SET_CHILD_SUBREAPER)")


def set_parent_death_signal(signal: int) -> None:
    """This process gets `signal` when the thread that forked it ends."""
    prctl(f.PR_SET_PDEATHSIG, signal, name="prctl(PR_SET_PDEATHSIG)")


def set_dumpable(dumpable: bool) -> None:
    """Whether others of the same user may look into this process (ptrace, /proc/<pid>/exe, fd, mem); exec resets it."""
    prctl(f.PR_SET_DUMPABLE, int(dumpable), name="prctl(PR_SET_DUMPABLE)")


def set_name(name: str) -> None:
    """The name that `ps` shows for this thread, at most 15 bytes (PR_SET_NAME)."""
    buffer = libc.Buffer(name.encode()[:15] + b"\0")
    prctl(f.PR_SET_NAME, buffer.pointer, name="prctl(PR_SET_NAME)")


def signal_fd(signals: Iterable[int]) -> int:
    """A descriptor that is readable while one of these signals, which have to be blocked, is pending (signalfd(2))."""
    mask = sum(1 << number - 1 for number in signals).to_bytes(_SIGSET_SIZE, "little")
    return libc.check("signalfd", _signalfd(-1, mask, os.O_CLOEXEC))


def join_new_session_keyring() -> None:
    """Leave the user's session keyring for an empty one (keyctl(2), KEYCTL_JOIN_SESSION_KEYRING), where there are
    any.
    """
    number = {"x86_64": 250, "aarch64": 219, "riscv64": 219}.get(os.uname().machine)
    if number is None or libc.syscall(number, 1, None) != -1:
        return
    # No keyrings in this kernel, a filter around us, or the user's quota of keys is used up.
    if libc.errno() not in {errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EDQUOT}:
        raise libc.failure("keyctl")


# -- identity


def start_time(pid: int) -> int:
    """When `pid` began, in clock ticks since boot: with the pid it names a process for good.

    Raises `ProcessLookupError` where there is none; a zombie still has one.
    """
    return int(_stat_fields(pid)[19])


def state(pid: int) -> str:
    """One letter of proc_pid_stat(5): R, S, D, Z (zombie), T (stopped) …"""
    return _stat_fields(pid)[0]


def _stat_fields(pid: int) -> list[str]:
    """The fields after the name, which can itself hold spaces and parentheses."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].decode().split()
    except FileNotFoundError:
        raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), f"/proc/{pid}") from None


def is_alive(pid: int, started: int) -> bool:
    """Whether `pid` is the very process that began at `started` and has not ended (a zombie has)."""
    try:
        fields = _stat_fields(pid)
    except ProcessLookupError:
        return False
    return int(fields[19]) == started and fields[0] not in "ZXx"


def pidfd_open(pid: int, started: int | None = None) -> int:
    """A descriptor of the process, safe against its number being used again; with `started` also before this call.

    Raises `ProcessLookupError` where the process is gone or another one.
    """
    fd = os.pidfd_open(pid)
    if started is None:
        return fd
    # If /proc still shows the old start time now, the process that was opened is the one that began then.
    try:
        if start_time(pid) == started:
            return fd
    except ProcessLookupError:
        pass
    os.close(fd)
    raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH), f"/proc/{pid}")


def send_signal(pidfd: int, signal: int) -> None:
    """Signal the process behind the descriptor. Raises `ProcessLookupError` when it has ended."""
    _pidfd_send_signal(pidfd, signal)


def has_ended(pidfd: int, timeout_milliseconds: int = 0) -> bool:
    """Whether the process has ended, waiting at most so long; -1 waits until it has. It may be anybody's child."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(timeout_milliseconds))


# -- children


def wait(pid: int) -> int:
    """Reap the child `pid` and give its exit code; 128 + signal if one ended it, as a shell counts."""
    return exit_code(os.waitpid(pid, 0)[1])


def reap(pid: int) -> None:
    """Wait for a child of which only the end matters; it may have been reaped by somebody else."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass


def exit_code(status: int) -> int:
    """The shell's number for a status of waitpid(2)."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def close_range(first: int, last: int = 0x7FFFFFFF, *, on_exec: bool = False) -> None:
    """Close all descriptors from `first` to `last`, or mark them to be closed by exec."""
    if first > last:
        return
    result = libc.syscall(f.SYS_close_range, first, last, f.CLOSE_RANGE_CLOEXEC if on_exec else 0)
    if result == 0:
        return
    if libc.errno() not in {errno.ENOSYS, errno.EINVAL, errno.EPERM}:
        raise libc.failure("close_range")
    for fd in [int(name) for name in os.listdir("/proc/self/fd")]:  # before Linux 5.9 (5.11 for on_exec)
        if first <= fd <= last:
            try:
                os.set_inheritable(fd, False) if on_exec else os.close(fd)
            except OSError:  # the one the listing itself used
                pass


def close_all_but(keep: set[int]) -> None:
    """Close every descriptor that is not in `keep`."""
    first = 0
    for fd in sorted(keep):
        close_range(first, fd - 1)
        first = fd + 1
    close_range(first)
