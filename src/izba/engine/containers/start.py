"""A container's spec is generated and its monitor told to start it."""

from __future__ import annotations

import os

from izba.engine import eventlog
from izba.engine.containers import lifecycle, networking
from izba.engine.containers.networkfiles import write_network_files
from izba.engine.containers.specs import make_spec
from izba.engine.networks import run_directory
from izba.errors import InvalidArgument, IzbaError, NotModified
from izba.monitor import finish
from izba.monitor import plan as plans
from izba.network.uses import Uses
from izba.runtime import bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.documents import ContainerConfig, HostConfig
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.plan import HealthPlan, LogPlan, Plan
    from izba.monitor.spawn import Monitor
    from izba.network.plan import NetworkPlan
    from izba.oci.runtimespec import Spec

_SECOND = 1_000_000_000


class AlreadyStarted(NotModified):
    """The container runs."""

    def __init__(self, container: Container) -> None:
        super().__init__(f"container {container.name} is already running")
        self.id = container.id


def start(
    engine: Engine, container: Container, monitor: Monitor | None = None, *, console: tuple[int, int] = (0, 0)
) -> int:
    """Start it; the pid of its init. `monitor` was forked early; `console` is the first size of its terminal.

    Raises `AlreadyStarted`, and whatever creating and starting it raises (`CommandNotFound` …).
    """
    if lifecycle.state(container).is_running:
        raise AlreadyStarted(container)
    if monitor is None:
        from izba.monitor.spawn import Monitor

        monitor = Monitor()
    spec = container.spec or make_spec(engine, container)
    bundle.write(container.directory, spec)
    with Uses(run_directory(engine)) as uses:
        network = _network(engine, container, uses)
        write_network_files(container, network)
        return monitor.launch(make_plan(engine, container, spec, console).replace(network=network), uses.fds)


def _network(engine: Engine, container: Container, uses: Uses) -> NetworkPlan | None:
    try:
        return networking.plan(engine, container, uses)
    except IzbaError:
        lock = finish.lock(container.directory) if container.host_config.get("AutoRemove") else None
        if lock is not None:  # as its monitor does where it fails later
            finish.discard(engine.store, container.id, volumes=container.anonymous_volumes)
            os.close(lock)
        raise


def make_plan(engine: Engine, container: Container, spec: Spec, console: tuple[int, int]) -> Plan:
    """What its monitor needs to know."""
    config, host = container.config, container.host_config
    policy = host.get("RestartPolicy") or {"Name": "no", "MaximumRetryCount": 0}
    return plans.Plan(
        id=container.id,
        directory=container.directory,
        run=container.run,
        roots=engine.roots,
        rootfs=tuple(
            plans.Rootfs(type=each.type, source=each.source, target=each.target, options=each.options)
            for each in engine.store.snapshots.mounts(container.id)
        ),
        runtime=host.get("Runtime") or "native",
        cgroup=spec["linux"].get("cgroupsPath", ""),
        volumes=container.anonymous_volumes,
        mounted=tuple(
            (point["Name"], point["Destination"], point["RW"]) for point in container.mounts if "Name" in point
        ),
        told=tuple(eventlog.of_container(container).items()),
        tty=config.get("Tty", False),
        stdin=config.get("OpenStdin", False),
        stdin_once=config.get("StdinOnce", False),
        console=console,
        log=_log(container),
        health=_health(config, host),
        restart=plans.RestartPlan(name=policy["Name"] or "no", maximum=policy["MaximumRetryCount"]),
        auto_remove=host.get("AutoRemove", False),
        stop_signal=stop_signal(config),
        stop_timeout=config.get("StopTimeout", 10),
        shares_pids=bool(host.get("PidMode")),
    )


def stop_signal(config: ContainerConfig) -> int:
    """The number of the signal that asks the container to end."""
    from izba.signals import number

    return number(config.get("StopSignal") or "SIGTERM")


def _log(container: Container) -> LogPlan:
    from izba.engine.containers.logoptions import attributes, log_plan

    plan = log_plan(container.host_config.get("LogConfig") or {"Type": "", "Config": {}})
    return plan.replace(attributes=attributes(container))


ON_FAILURE = "izba.health-on-failure"
"""The label that says what `--health-on-failure` says, for those who have no such flag: Compose, other clients."""

ON_FAILURE_ACTIONS = ("none", "kill", "restart", "stop")


def _health(config: ContainerConfig, host: HostConfig) -> HealthPlan | None:
    check = config.get("Healthcheck")
    if not check or not check.get("Test") or check["Test"][0] == "NONE":
        return None
    default = plans.HealthPlan(test=())
    action = host.get("HealthOnFailure") or (config.get("Labels") or {}).get(ON_FAILURE, "none")
    if action not in ON_FAILURE_ACTIONS:
        raise InvalidArgument(f"{ON_FAILURE}: {action!r} is not one of {', '.join(ON_FAILURE_ACTIONS)}")
    interval = check.get("Interval") or default.interval
    return plans.HealthPlan(
        test=tuple(check["Test"]),
        shell=tuple(config.get("Shell") or default.shell),
        interval=interval,
        timeout=check.get("Timeout") or default.timeout,
        start_period=check.get("StartPeriod") or default.start_period,
        # Who asks for probes every second does not mean to wait five for the first of them.
        start_interval=check.get("StartInterval") or min(default.start_interval, interval),
        retries=check.get("Retries") or default.retries,
        on_failure=action,
    )
