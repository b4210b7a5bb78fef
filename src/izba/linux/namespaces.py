"""Namespaces: clone(2) into new ones, setns(2) into those of others, and a user namespace for a user without root."""

from __future__ import annotations

import errno
import os
from _struct import pack

from izba.linux import flags as f
from izba.linux import idmaps, libc
from izba.linux.idmaps import IdMapPlan

FLAGS = {
    "cgroup": f.CLONE_NEWCGROUP,
    "ipc": f.CLONE_NEWIPC,
    "mount": f.CLONE_NEWNS,
    "network": f.CLONE_NEWNET,
    "pid": f.CLONE_NEWPID,
    "time": f.CLONE_NEWTIME,
    "user": f.CLONE_NEWUSER,
    "uts": f.CLONE_NEWUTS,
}
"""The runtime-spec's names (config-linux.md, Namespaces) and the kernel's flags."""

PROC_NAMES = {
    "cgroup": "cgroup",
    "ipc": "ipc",
    "mount": "mnt",
    "network": "net",
    "pid": "pid",
    "time": "time",
    "user": "user",
    "uts": "uts",
}
"""The runtime-spec's names and the files in /proc/<pid>/ns."""

_unshare = libc.function("unshare", libc.Int)
_setns = libc.function("setns", libc.Int, libc.Int)


def unshare(flags: int) -> None:
    """unshare(2)."""
    libc.check("unshare", _unshare(flags))


def setns(fd: int, flags: int, path: str | None = None) -> None:
    """setns(2): `fd` is of a namespace, or of a process (pidfd), which gives all of `flags` at once (Linux 5.8)."""
    libc.check("setns", _setns(fd, flags), path)


def parent(fd: int) -> int:
    """A descriptor of the user namespace above the one that is open as `fd` (ioctl_ns(2))."""
    from fcntl import ioctl

    return ioctl(fd, _NS_GET_PARENT)


def child_above(path: str) -> int:
    """A descriptor of the user namespace right below this process's own in which the one at `path` is, or is below."""
    ours = os.stat("/proc/self/ns/user")
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    while True:
        above = parent(fd)
        if os.path.samestat(os.fstat(above), ours):
            os.close(above)
            return fd
        os.close(fd)
        fd = above


_NS_GET_PARENT = 0xB702


def in_user_namespace() -> bool:
    """Whether this process is in a user namespace other than the machine's first."""
    try:
        with open("/proc/self/uid_map", "rb") as file:
            return file.read().split() != [b"0", b"0", b"4294967295"]
    except FileNotFoundError:  # a kernel without user namespaces
        return False


# -- clone

_before_fork = libc.python_function("PyOS_BeforeFork")
_after_fork_parent = libc.python_function("PyOS_AfterFork_Parent")
_after_fork_child = libc.python_function("PyOS_AfterFork_Child")


def clone(flags: int, *, cgroup_fd: int | None = None) -> tuple[int, int]:
    """Fork into new namespaces (CLONE_NEW*, CLONE_PARENT). Gives (pid, pidfd) to the parent and (0, -1) to the child.

    The caller has a single thread: the C library's locks are not looked after, as its own fork would, nor is the
    interpreter's, should another thread ask for it between the calls below.
    `cgroup_fd` is a cgroup v2 directory to start the child in.
    """
    pidfd = libc.Buffer(8)
    into_cgroup = 0 if cgroup_fd is None else f.CLONE_INTO_CGROUP
    signal = 0 if flags & f.CLONE_PARENT else _SIGCHLD
    arguments = pack(
        "=11Q", flags | f.CLONE_PIDFD | into_cgroup, pidfd.pointer, 0, 0, signal, 0, 0, 0, 0, 0, cgroup_fd or 0
    )
    _before_fork()
    pid = libc.syscall_holding_lock(f.SYS_clone3, arguments, len(arguments))
    if pid == -1 and libc.errno() in {errno.ENOSYS, errno.EPERM} and _SYS_clone is not None and cgroup_fd is None:
        # Before Linux 5.3, or under a filter that cannot look into clone3's arguments and so answers ENOSYS.
        pid = libc.syscall_holding_lock(_SYS_clone, flags | f.CLONE_PIDFD | signal, 0, pidfd.pointer)
    if pid == 0:
        _after_fork_child()
        return 0, -1
    number = libc.errno()
    _after_fork_parent()
    if pid == -1:
        raise libc.failure("clone", number=number)
    return pid, int.from_bytes(bytes(pidfd)[:4], "little")


_SIGCHLD = 17
_SYS_clone = {"x86_64": 56, "aarch64": 220, "riscv64": 220}.get(os.uname().machine)


# -- a user namespace for the whole process


def enter_user_namespace(plan: IdMapPlan) -> None:
    """Move this process, which has a single thread, into a user and a mount namespace of its own, as root in it.

    Mounts of the host stay visible and new ones appear; mounts made from here on are seen by nobody else.
    """
    if plan.helpers:
        _unshare_with_helpers(plan)
    else:
        unshare(f.CLONE_NEWUSER | f.CLONE_NEWNS)
        idmaps.write("self", plan)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    if plan.helpers:
        os.setgroups([])


def join_user_namespace(fd: int) -> None:
    """Move this process, which has a single thread, into another user namespace and a new mount namespace, as root."""
    setns(fd, f.CLONE_NEWUSER)
    unshare(f.CLONE_NEWNS)
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    try:
        os.setgroups([])
    except PermissionError:  # with a single id, setgroups(2) is forbidden
        pass


def _unshare_with_helpers(plan: IdMapPlan) -> None:
    """newuidmap works from outside: a child that stays behind writes our maps once we have moved."""
    mine = os.getpid()
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(write_fd)
            os.read(read_fd, 1)
            idmaps.write(mine, plan)
            code = 0
        finally:
            os._exit(code)
    os.close(read_fd)
    try:
        unshare(f.CLONE_NEWUSER | f.CLONE_NEWNS)
    finally:
        os.close(write_fd)
        status = os.waitpid(child, 0)[1]
    if status != 0:
        raise libc.failure("newuidmap", f"/proc/{mine}", errno.EPERM)
