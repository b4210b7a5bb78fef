"""Making a container: the creator's side. The child's is init.py; what they say to each other, channel.py."""

from __future__ import annotations

import os

from izba.errors import InvalidArgument
from izba.linux import flags as f
from izba.linux import idmaps, namespaces, process
from izba.runtime.failures import ContainerGone, exec_failure
from izba.runtime.launch import Launched, Stdio
from izba.runtime.native import channel as messages
from izba.runtime.native import checks, hooks, seccompfilters
from izba.runtime.native import plan as plans
from izba.runtime.native import rootfs as operations
from izba.runtime.native.channel import Channel, Ended, ExecFailed
from izba.runtime.native.init import Init, InitPlan

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Sequence

    from izba.cgroups.manager import CgroupManager
    from izba.linux.mount import Mount
    from izba.oci.runtimespec import Hooks, Spec, State


class Created(Launched):
    """A container whose init waits for `start`. It ends by itself when this is closed or its process dies before."""

    def __init__(self, pid: int, pidfd: int, command: str) -> None:
        super().__init__(pid, pidfd, process.start_time(pid))
        self.command = command
        self.hooks: Hooks = {}
        self.state: State
        self.channel: Channel | None = None

    def close(self) -> None:
        super().close()
        if self.channel is not None:
            self.channel.close()
            self.channel = None


def create(
    spec: Spec,
    *,
    id: str,
    bundle: str,
    rootfs: Sequence[Mount] = (),
    stdio: Stdio,
    run_directory: str,
    cgroup: CgroupManager | None = None,
    listener: _socket.socket | None = None,
) -> Created:
    """Make the container `id` of `spec`, its init waiting. The caller has a single thread, and reaps the init.

    `rootfs` is mounted on `root.path` inside the container's mount namespace, so that nothing is left of it when the
    last process ends. `cgroup`, with its limits applied, gets the init. In `run_directory` (one for many containers,
    private to this user) compiled seccomp filters are kept. With `listener`, a listening socket, the start may come
    from another process that connects to it (`start_by`).

    Raises `InitFailed` with the stage, the call and the path; `CommandNotFound` and `CommandNotExecutable`; then
    nothing is left of it.
    """
    plan = plan_init(spec, id=id, bundle=bundle, rootfs=rootfs, run_directory=run_directory)
    return create_planned(plan, spec, stdio=stdio, cgroup=cgroup, listener=listener)


def create_planned(
    plan: InitPlan,
    spec: Spec,
    *,
    stdio: Stdio,
    cgroup: CgroupManager | None = None,
    listener: _socket.socket | None = None,
) -> Created:
    """`create`, from a plan of `spec`. It imports nothing, and takes no lock that a thread before a fork may hold."""
    if cgroup is not None and (cgroup_fd := cgroup.fd()) is not None:
        try:
            plan = plan.replace(in_cgroup=True)
            pid, pidfd, channel = _clone(plan, stdio, listener, cgroup_fd)
        finally:
            os.close(cgroup_fd)
    else:
        pid, pidfd, channel = _clone(plan, stdio, listener, None)
    created = Created(pid, pidfd, plan.command.args[0])
    created.channel, created.hooks, created.state = channel, plan.hooks, plan.state
    try:
        _accompany(created, channel, spec, cgroup, in_cgroup=plan.in_cgroup)
    except Ended:
        try:
            channel.raise_last_words()
        finally:
            _discard(created)
        raise ContainerGone("the container's init") from None
    except BaseException:
        _discard(created)
        raise
    return created


def start(created: Launched) -> None:
    """Let the init execute the command. Raises what kept it from doing so; the init is reaped then."""
    assert isinstance(created, Created)
    assert created.channel is not None
    try:
        start_by(created.channel, created.command)
    except BaseException:
        _discard(created)
        raise
    created.channel.close()
    created.channel = None
    run_poststart_hooks(created.hooks, created.state)


def start_by(channel: Channel, command: str) -> None:
    """Say start over a channel to the init, and wait until it has executed the command or failed to."""
    try:
        channel.send(messages.Start())
        channel.expect_end()
    except ExecFailed as error:
        raise exec_failure(command, error.errno) from None
    except Ended:  # closed by exec: the command runs
        return


def run_poststart_hooks(declared: Hooks, state: State) -> None:
    """Hooks after the start can fail without consequence (runtime.md, Lifecycle), but not unheard."""
    for hook in declared.get("poststart", ()):
        try:
            hooks.run(hook, {**state, "status": "running"})
        except hooks.HookFailed as error:
            from izba import log

            log.warning(str(error))


# -- the steps of create


def plan_init(
    spec: Spec,
    *,
    id: str,
    bundle: str,
    rootfs: Sequence[Mount] = (),
    run_directory: str,
    die_with_parent: bool = False,
) -> InitPlan:
    """All that can be done beforehand. With `die_with_parent` the container is killed when the thread ends that makes
    it.
    """
    checks.check(spec)
    if "process" not in spec:
        raise InvalidArgument("process: is missing")
    linux = spec.get("linux", {})
    command = plans.CommandPlan.of(spec, spec["process"], seccompfilters.of(spec, run_directory))
    command = command.replace(reaper=plans.wants_reaper(spec), die_with_parent=die_with_parent)
    state: State = {"ociVersion": spec["ociVersion"], "id": id, "status": "creating", "bundle": bundle}
    if "annotations" in spec:
        state["annotations"] = spec["annotations"]
    return InitPlan(
        namespaces=plans.NamespacePlan.of(spec),
        command=command,
        root_path=operations.root_path(spec, bundle=bundle),
        operations=operations.plan(spec, bundle=bundle, rootfs=rootfs),
        propagation=linux.get("rootfsPropagation", ""),
        sysctl=tuple(linux.get("sysctl", {}).items()),
        hostname=spec.get("hostname", ""),
        domainname=spec.get("domainname", ""),
        hooks=spec.get("hooks", {}),
        state=state,
        in_cgroup=False,
    )


def _clone(
    plan: InitPlan, stdio: Stdio, listener: _socket.socket | None, cgroup_fd: int | None
) -> tuple[int, int, Channel]:
    """Make the init in its new namespaces; in it this does not return."""
    ours, theirs = Channel.pair()
    flags = plan.namespaces.new & ~f.CLONE_NEWCGROUP
    first = plan.namespaces.joins(*plan.namespaces.before_clone)
    sysfs = -1
    try:
        if first:
            pid, pidfd, sysfs = _clone_from_within(first, flags, cgroup_fd)
        else:
            pid, pidfd = namespaces.clone(flags, cgroup_fd=cgroup_fd)
    except OSError as error:
        ours.close()
        theirs.close()
        raise messages.failed("namespaces", error).error() from None
    if pid == 0:
        init = Init(plan, theirs, stdio, listener, sysfs=sysfs)
        init.run(init.steps())
    theirs.close()
    return pid, pidfd, ours


def _accompany(
    created: Created, channel: Channel, spec: Spec, cgroup: CgroupManager | None, *, in_cgroup: bool
) -> None:
    """Do for the init what it cannot do itself, until it waits for the start."""
    created.state["pid"] = created.pid
    if plans.NamespacePlan.of(spec).new & f.CLONE_NEWUSER:
        channel.expect(messages.NeedIdMaps)
        idmaps.write(created.pid, plans.id_maps(spec))
        channel.send(messages.IdMapsWritten())
    if not in_cgroup:
        if cgroup is not None:
            cgroup.add(created.pid)
        channel.send(messages.Attached())
    channel.expect(messages.Prepared)
    hooks.run_all([*created.hooks.get("prestart", ()), *created.hooks.get("createRuntime", ())], created.state)
    channel.send(messages.Continue())
    if spec["process"].get("terminal"):
        channel.expect(messages.Console)
        created.console, channel.received_fd = channel.received_fd, None
    channel.expect(messages.Created)
    created.state["status"] = "created"


def _discard(created: Created) -> None:
    """Leave nothing of a container that failed to come up."""
    try:
        process.send_signal(created.pidfd, 9)
    except ProcessLookupError:
        pass
    process.reap(created.pid)
    created.close()


def _clone_from_within(joined: tuple[tuple[str, str], ...], flags: int, cgroup_fd: int | None) -> tuple[int, int, int]:
    """Clone from a helper that has joined a user or pid namespace, which would change the caller for good.

    The init becomes the caller's child all the same (CLONE_PARENT). With its pid and pidfd, in the init itself, a sysfs
    of the network namespace, where one was joined that a new user namespace has no right to show; else -1.
    """
    ours, theirs = Channel.pair()
    helper = os.fork()
    if helper == 0:
        try:
            if any(kind in {"user", "pid"} for kind, _ in joined):  # else nobody there could look into it
                process.set_dumpable(False)
            for kind, path in sorted(joined, key=lambda each: each[0] != "user"):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                namespaces.setns(fd, namespaces.FLAGS[kind], path)
            shows_network = flags & f.CLONE_NEWUSER and any(kind == "network" for kind, _ in joined)
            sysfs = operations.new_sysfs() if shows_network else -1
            pid, _ = namespaces.clone(flags | f.CLONE_PARENT, cgroup_fd=cgroup_fd)
            if pid == 0:
                return 0, -1, sysfs
            theirs.send(messages.Pid(pid=pid))
            os._exit(0)
        except BaseException as error:  # the last frame of this process
            theirs.send(messages.failed("namespaces", error))
            os._exit(1)
    theirs.close()
    try:
        pid = ours.expect(messages.Pid).pid
    finally:
        process.reap(helper)
        ours.close()
    return pid, process.pidfd_open(pid), -1
