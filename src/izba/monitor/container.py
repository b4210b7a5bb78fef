"""What a monitor's children do with the runtime. Only they import this."""

from __future__ import annotations

import os

from izba.linux.mount import Mount
from izba.network import attach
from izba.oci.digest import Digest
from izba.runtime import bundle
from izba.runtime.driver import runtime
from izba.runtime.launch import Stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.monitor.plan import Plan
    from izba.network.attach import Attached
    from izba.oci.runtimespec import Spec
    from izba.runtime.driver import Runtime
    from izba.runtime.launch import Launched

# What nearly every container needs, imported before a plan arrives.
runtime("native")
Digest.of(b"")


class Created:
    """A created container, waiting for `start`."""

    def __init__(self, driver: Runtime, launched: Launched, attached: Attached | None) -> None:
        self._driver = driver
        self.attached = attached
        self._launched = launched
        self.pid = launched.pid
        self.console = launched.console

    def start(self) -> None:
        """Let the init execute the command. Raises if that fails."""
        self._driver.start(self._launched)


def create(plan: Plan, stdio: tuple[int, int, int], reserved: Sequence[int] = ()) -> Created:
    """Create the container and connect it to its networks. Raises what the runtime and `attach` raise."""
    spec = bundle.read(plan.directory)
    attached = enter(plan, spec)
    driver = runtime(plan.runtime)
    stdin, stdout, stderr = stdio
    if not plan.stdin:
        stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    os.makedirs(plan.runtime_directory, mode=0o700, exist_ok=True)
    netns = -1
    if plan.network is not None and attached is not None:
        netns = attach.attach(plan.network, attached, reserved)
        _join_network(spec, netns)
        if spec["linux"].get("uidMappings"):
            _open_low_ports(netns)
    group = None
    if plan.cgroup:
        from izba.cgroups.manager import manager

        group = manager(plan.cgroup)
        if group is not None:
            group.apply(spec["linux"]["resources"])
    if plan.runtime not in {"", "native"}:  # what a killed monitor did not let it forget
        driver.delete(plan.id, bundle=plan.directory, run_directory=plan.runtime_directory)
    launched = driver.create(
        spec,
        id=plan.id,
        bundle=plan.directory,
        rootfs=[
            Mount(type=mount.type, source=mount.source, target=mount.target, options=mount.options)
            for mount in plan.rootfs
        ],
        stdio=Stdio(stdin=stdin, stdout=stdout, stderr=stderr),
        run_directory=plan.runtime_directory,
        cgroup=group,
    )
    if netns >= 0:
        os.close(netns)
    return Created(driver, launched, attached)


def _open_low_ports(netns: int) -> None:
    """What the container's own sysctls say elsewhere; from a user namespace of its own it may not set them here."""
    from izba.network.bridge import Visit
    from izba.network.sysctl import write_sysctl

    with Visit(netns):
        write_sysctl("ipv4/ip_unprivileged_port_start", "0")


def _join_network(spec: Spec, netns: int) -> None:
    """Let the container join the namespace open as `netns` here, instead of having a new one."""
    path = f"/proc/{os.getpid()}/fd/{netns}"
    for each in spec["linux"]["namespaces"]:
        if each["type"] == "network":
            each["path"] = path


def probe(plan: Plan, pid: int, output: int) -> int | None:
    """Run the health check's command in the container, its output to `output`; its exit code, None if it timed out."""
    from _signal import SIGKILL

    from izba.linux import process as processes

    spec = bundle.read(plan.directory)
    assert plan.health is not None
    kind, *words = plan.health.test
    process = spec["process"].copy()
    process["args"] = [*(plan.health.shell if kind == "CMD-SHELL" else ()), *words]
    process["terminal"] = False
    launched = runtime(plan.runtime).exec(
        spec,
        process,
        id=plan.id,
        pid=pid,
        start_time=processes.start_time(pid),
        stdio=Stdio(stdin=os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), stdout=output, stderr=output),
        run_directory=plan.runtime_directory,
    )
    if processes.has_ended(launched.pidfd, plan.health.timeout // 1_000_000):
        return processes.wait(launched.pid)
    processes.send_signal(launched.pidfd, SIGKILL)
    processes.wait(launched.pid)
    return None


def delete(plan: Plan) -> None:
    """Let another runtime forget a container that ended."""
    enter_user_namespace()
    runtime(plan.runtime).delete(plan.id, bundle=plan.directory, run_directory=plan.runtime_directory)


def enter(plan: Plan, spec: Spec) -> Attached | None:
    """Become root where izba runs as an ordinary user: in the namespaces of its networks, for a container with some;
    in those of the container whose namespaces this one joins.
    """
    if plan.network is not None:
        return attach.enter(plan.network)
    joined = [each["path"] for each in spec["linux"]["namespaces"] if each.get("path", "").startswith("/proc/")]
    if os.geteuid() == 0 or not joined:
        enter_user_namespace()
        return None
    from izba.linux import namespaces

    # With keep-id the other has one of its own below izba's, from which nothing of izba's could be joined.
    fd = namespaces.child_above(f"/proc/{joined[0].split('/')[2]}/ns/user")
    namespaces.join_user_namespace(fd)
    os.close(fd)
    return None


def enter_user_namespace() -> None:
    """Become root in a user namespace, where izba runs as an ordinary user and is not in one yet."""
    if os.geteuid() == 0:
        return
    from izba.linux import idmaps, namespaces

    namespaces.enter_user_namespace(idmaps.plan_of_this_user())
