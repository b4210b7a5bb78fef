"""Executing a command in a running container. It may be hostile by now: nothing in it is believed, least of all its
/proc.
"""

from __future__ import annotations

import os

from izba.linux import flags as f
from izba.linux import namespaces, process, rootpath
from izba.runtime.failures import ContainerGone, exec_failure
from izba.runtime.launch import Launched, Stdio
from izba.runtime.native import channel as messages
from izba.runtime.native import console, identity, seccompfilters
from izba.runtime.native import plan as plans
from izba.runtime.native.channel import Channel, Ended, ExecFailed
from izba.runtime.native.child import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from izba.cgroups.manager import CgroupManager
    from izba.oci.runtimespec import Process, Spec
    from izba.runtime.native.identity import UserNamespace
    from izba.runtime.native.plan import CommandPlan


def exec_in(
    spec: Spec,
    process: Process,
    *,
    pid: int,
    start_time: int | None = None,
    stdio: Stdio,
    run_directory: str,
    cgroup: CgroupManager | None = None,
) -> Launched:
    """Execute `process` in the container whose init is `pid` (began at `start_time`); returns when the command runs.

    `spec` is the container's, for its seccomp filter. The process is the caller's child and becomes a member of
    `cgroup`. Works from outside a user namespace for its owner. Raises `ContainerGone`, `InitFailed`,
    `CommandNotFound`, `CommandNotExecutable`.
    """
    command = plans.CommandPlan.of(spec, process, seccompfilters.of(spec, run_directory))
    target = _open(pid, start_time)
    try:
        ours, theirs = Channel.pair()
        helper = _fork_helper(command, theirs, stdio, pid, target)
        theirs.close()
        try:
            return _accompany(ours, helper, command, cgroup)
        finally:
            ours.close()
    finally:
        os.close(target)


def _open(pid: int, start_time: int | None) -> int:
    try:
        return process.pidfd_open(pid, start_time)
    except ProcessLookupError:
        raise ContainerGone("the container") from None


def _accompany(channel: Channel, helper: int, command: CommandPlan, cgroup: CgroupManager | None) -> Launched:
    """Await the helper's word about the process it made, and then that process's command."""
    try:
        pid = channel.expect(messages.Pid).pid
    except Ended:
        raise ContainerGone("the container") from None
    finally:
        process.reap(helper)
    launched = Launched(pid, process.pidfd_open(pid), process.start_time(pid))
    try:
        if cgroup is not None:
            cgroup.add(pid)
        channel.send(messages.Attached())
        if command.terminal:
            channel.expect(messages.Console)
            launched.console, channel.received_fd = channel.received_fd, None
        channel.expect_end()
    except ExecFailed as error:
        _discard(launched)
        raise exec_failure(command.args[0], error.errno) from None
    except Ended:  # closed by exec: it runs
        return launched
    except BaseException:
        _discard(launched)
        raise


def _discard(launched: Launched) -> None:
    try:
        process.send_signal(launched.pidfd, 9)
    except ProcessLookupError:  # it has ended by itself
        pass
    process.reap(launched.pid)
    launched.close()


# -- the children


def _fork_helper(command: CommandPlan, channel: Channel, stdio: Stdio, pid: int, target: int) -> int:
    """A process that joins the container's namespaces and makes another in them, which becomes the caller's child.

    A pid namespace holds for the children of who joins it only, hence two.
    """
    helper = os.fork()
    if helper != 0:
        return helper
    try:
        guest = _Guest(command, channel, stdio)
        guest.prepare(pid)
        _join(target, pid)
        made, _ = namespaces.clone(f.CLONE_PARENT)
        if made == 0:
            guest.run(guest.steps())
        channel.send(messages.Pid(pid=made))
        os._exit(0)
    except BaseException as error:  # the last frame of this process
        channel.send(messages.failed("namespaces", error))
    finally:
        os._exit(1)


def _join(target: int, pid: int) -> None:
    flags = _flags(pid)
    try:
        namespaces.setns(target, flags, f"/proc/{pid}/ns")
    except PermissionError:
        if not flags & f.CLONE_NEWUSER:
            raise
        # A network namespace that belongs to the user namespace above the container's: only there it may be joined.
        with open(f"/proc/{pid}/ns/user", "rb") as own:
            above = namespaces.parent(own.fileno())
        namespaces.setns(above, f.CLONE_NEWUSER)
        os.close(above)
        namespaces.setns(target, f.CLONE_NEWNET, f"/proc/{pid}/ns/net")
        namespaces.setns(target, flags & ~f.CLONE_NEWNET, f"/proc/{pid}/ns")


def _flags(pid: int) -> int:
    """The namespaces that the container does not share with us: the only ones there is something to join in."""
    result = 0
    for kind, name in namespaces.PROC_NAMES.items():
        try:
            theirs, ours = os.stat(f"/proc/{pid}/ns/{name}"), os.stat(f"/proc/self/ns/{name}")
        except FileNotFoundError:  # a kind this kernel does not have
            continue
        if theirs.st_ino != ours.st_ino:
            result |= namespaces.FLAGS[kind]
    return result


class _Guest(Child):
    """The process that becomes the command."""

    namespace: UserNamespace

    def prepare(self, pid: int) -> None:
        """All that needs the host's /proc; then close what others could look into."""
        self.namespace = identity.UserNamespace.of(pid)
        self.can_set_groups = self.namespace.can_set_groups
        self.set_oom_score()
        process.set_dumpable(False)

    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        return (
            ("descriptors", self.separate),
            ("apparmor", self.open_profile),
            ("cgroup", self.wait_for_cgroup),
            ("identity", self.decide_identity),
            ("terminal", self.make_terminal),
            ("working directory", self.enter_directory),
            ("command", self.find_command),
            ("exec", self.become),
        )

    def wait_for_cgroup(self) -> None:
        self.channel.expect(messages.Attached)

    def decide_identity(self) -> None:
        identity.become_root()
        wanted = identity.Identity.of(self.command.process)
        self.identity = identity.within(wanted, self.namespace, fake_ownership=self.command.fake_ownership)

    def make_terminal(self) -> None:
        if self.command.terminal:
            root_fd = rootpath.open_root("/")
            master, self.slave = console.make(root_fd, console.size_of(self.command.process), self.identity.uid)
            self.channel.send(messages.Console(), fd=master)
            console.take(self.slave)
            self.slave = -1
        self.close_descriptors()
        self.give_stdio()
