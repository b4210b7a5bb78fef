"""The container's init, from its birth in new namespaces to the command it becomes: the steps stand in `Init.steps`."""

from __future__ import annotations

import _socket
import os

from izba._record import Record
from izba.linux import flags as f
from izba.linux import interfaces, mount, mountinfo, mountoptions, namespaces, process, rootpath, uts
from izba.runtime.native import console, hooks, identity, rootfs
from izba.runtime.native.channel import (
    Attached,
    Channel,
    Console,
    Continue,
    Created,
    IdMapsWritten,
    NeedIdMaps,
    Prepared,
    Start,
    failed,
)
from izba.runtime.native.child import Child

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from izba.oci.runtimespec import Hooks, State
    from izba.runtime.launch import Stdio
    from izba.runtime.native.plan import CommandPlan, NamespacePlan


class InitPlan(Record):
    """All that the init has to do, as values."""

    namespaces: NamespacePlan
    command: CommandPlan
    root_path: str
    operations: tuple[rootfs.Operation, ...]
    propagation: str
    """`linux.rootfsPropagation`."""
    sysctl: tuple[tuple[str, str], ...]
    hostname: str
    domainname: str
    hooks: Hooks
    state: State
    in_cgroup: bool
    """The clone put it into its cgroup already."""

    @property
    def own_mounts(self) -> bool:
        return bool(self.namespaces.new & f.CLONE_NEWNS)


class Init(Child):
    def __init__(
        self, plan: InitPlan, channel: Channel, stdio: Stdio, listener: _socket.socket | None, *, sysfs: int = -1
    ) -> None:
        super().__init__(plan.command, channel, stdio)
        self.plan = plan
        self.listener = listener
        self.attached = plan.in_cgroup
        self.root = rootfs.Root()
        self.root.sysfs = self.sysfs = sysfs

    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """From top to bottom; the names are what people read when one fails."""
        return (
            ("descriptors", self.separate),
            ("user namespace", self.become_root_inside),
            ("oom score", self.set_oom_score),
            ("apparmor", self.open_profile),
            ("identity", self.decide_identity),
            ("namespaces", self.join_namespaces),
            ("cgroup namespace", self.separate_cgroups),
            ("mount", self.make_root),
            ("sysctl", self.set_sysctls),
            ("hostname", self.set_names),
            ("network", self.set_loopback_up),
            ("hooks", self.meet_hooks),
            ("pivot_root", self.pivot),
            ("terminal", self.make_terminal),
            ("working directory", self.enter_directory),
            ("command", self.find_command),
            ("start", self.wait_for_start),
            ("exec", self.execute),
        )

    def become_root_inside(self) -> None:
        """A new user namespace has no ids until the creator, outside, has written its maps."""
        if self.plan.namespaces.new & f.CLONE_NEWUSER:
            self.channel.send(NeedIdMaps())
            self.channel.expect(IdMapsWritten)
        identity.become_root()

    def decide_identity(self) -> None:
        """Last look at /proc/self, which belongs to nobody once the process cannot be looked into."""
        here = identity.UserNamespace.of("self")
        self.can_set_groups = here.can_set_groups
        self.root.gids = here.gids
        wanted = identity.Identity.of(self.command.process)
        self.identity = identity.within(wanted, here, fake_ownership=self.command.fake_ownership)
        process.set_dumpable(False)

    def join_namespaces(self) -> None:
        """The ones given by path; user and pid were joined before this process was made, mount comes last."""
        before = self.plan.namespaces.before_clone
        kinds = [kind for kind in ("network", "ipc", "uts", "cgroup", "mount") if kind not in before]
        joined = self.plan.namespaces.joins(*kinds)
        opened = [(kind, path, os.open(path, os.O_RDONLY | os.O_CLOEXEC)) for kind, path in joined]
        for kind, path, fd in sorted(opened, key=lambda each: each[0] == "mount"):
            namespaces.setns(fd, namespaces.FLAGS[kind], path)
            os.close(fd)

    def separate_cgroups(self) -> None:
        """A cgroup namespace's root is the cgroup its maker is in, so the creator has to have moved us first."""
        if self.plan.namespaces.new & f.CLONE_NEWCGROUP:
            self._wait_for_cgroup()
            namespaces.unshare(f.CLONE_NEWCGROUP)
            self.root.own_cgroup_namespace = True

    def _wait_for_cgroup(self) -> None:
        if not self.attached:
            self.channel.expect(Attached)
            self.attached = True

    def make_root(self) -> None:
        if not self.plan.own_mounts:
            return
        os.umask(0)
        self._stop_propagation()
        for operation in self.plan.operations:
            if rootfs.shows_cgroup(operation):
                self._wait_for_cgroup()
            try:
                operation.execute(self.root)
            except OSError as error:
                raise failed(operation.describe(), error).error() from None
        if self.sysfs >= 0:
            os.close(self.sysfs)
            self.sysfs = self.root.sysfs = -1

    def _stop_propagation(self) -> None:
        """Nothing mounted here shows up on the host. A root that is to be shared stays so, but for the mount that holds
        it.
        """
        if self.plan.propagation not in {"shared", "rshared"}:
            kind = f.MS_PRIVATE if self.plan.propagation in {"private", "rprivate"} else f.MS_SLAVE
            mount.set_propagation("/", kind | f.MS_REC)
            return
        path = os.path.realpath(self.plan.root_path)
        holders = [each.mount_point for each in mountinfo.read() if _is_below(path, each.mount_point)]
        mount.set_propagation(max(holders, key=len), f.MS_PRIVATE)

    def set_sysctls(self) -> None:
        """Through the host's own /proc/sys: it shows the namespaces of whoever looks, and no container can fake it."""
        if not self.plan.sysctl:
            return
        directory_fd = rootpath.open_root("/proc/sys")
        for name, value in self.plan.sysctl:
            path = name.replace(".", "/")
            fd = rootpath.open_in_root(directory_fd, path, os.O_WRONLY, resolve=f.RESOLVE_NO_SYMLINKS)
            try:
                os.write(fd, value.encode())
            except OSError as error:
                raise OSError(error.errno, error.strerror, name) from None
            finally:
                os.close(fd)
        os.close(directory_fd)

    def set_names(self) -> None:
        if self.plan.hostname:
            _socket.sethostname(self.plan.hostname)
        if self.plan.domainname:
            uts.set_domainname(self.plan.domainname)

    def set_loopback_up(self) -> None:
        if self.plan.namespaces.new & f.CLONE_NEWNET:
            interfaces.set_up("lo")

    def meet_hooks(self) -> None:
        """The creator attaches networks and runs its hooks while we wait; then ours run, in the container's
        namespaces.
        """
        self._wait_for_cgroup()
        self.channel.send(Prepared())
        self.channel.expect(Continue)
        hooks.run_all(self.plan.hooks.get("createContainer", ()), self.plan.state)

    def pivot(self) -> None:
        """Make the container's root the root, and let go of the host's (pivot_root(2), "pivot_root(".", ".")")."""
        if not self.plan.own_mounts:
            return
        old_root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fchdir(self.root.fd)
        mount.pivot_root(".", ".")
        os.fchdir(old_root)
        mount.set_propagation(".", f.MS_SLAVE | f.MS_REC)  # its unmounting is nobody else's business
        mount.umount(".", f.MNT_DETACH)
        os.chdir("/")
        os.close(old_root)
        if self.plan.propagation:
            mount.set_propagation("/", mountoptions.PROPAGATION[self.plan.propagation])

    def make_terminal(self) -> None:
        if self.command.terminal:
            root_fd = rootpath.open_root("/")
            master, self.slave = console.make(root_fd, console.size_of(self.command.process), self.identity.uid)
            console.mount_console(root_fd, self.slave)
            self.channel.send(Console(), fd=master)
            console.take(self.slave)
            self.slave = -1
        self.close_descriptors()  # the last ones that lead out of the container
        self.give_stdio()

    def wait_for_start(self) -> None:
        """Created. Over the channel, or for a creator that is gone by then over its listening socket, comes the
        start.
        """
        self.channel.send(Created())
        if self.listener is not None:
            self.channel.close()
            fd, _ = self.listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - the C module has no `accept`
            self.channel = Channel(_socket.socket(fileno=fd))
            self.listener = None
        self.channel.expect(Start)

    def execute(self) -> None:
        self.become(self.plan.hooks.get("startContainer", ()), self.plan.state)


def _is_below(path: str, mount_point: str) -> bool:
    return path == mount_point or path.startswith(mount_point.rstrip("/") + "/")
