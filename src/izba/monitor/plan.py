"""What a monitor is told: all it needs to start its container, keep its output and start it again."""

from __future__ import annotations

from izba._record import Record
from izba.paths import Roots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.network.plan import NetworkPlan


class Rootfs(Record):
    """One mount of the container's root, to be made inside its own mount namespace."""

    type: str
    source: str
    target: str
    options: tuple[str, ...]


class LogPlan(Record):
    """`driver` is json-file, local or none; sizes in bytes, 0 is unlimited. `attributes` are added to each record."""

    driver: str = "json-file"
    max_size: int = 10_000_000
    max_file: int = 3
    attributes: tuple[tuple[str, str], ...] = ()


class HealthPlan(Record):
    """A HEALTHCHECK (Docker's words); durations in nanoseconds. `shell` runs a test that is CMD-SHELL.

    on_failure  what is done to a container that becomes unhealthy: none, kill, restart or stop (Podman's words)
    """

    test: tuple[str, ...]
    shell: tuple[str, ...] = ("/bin/sh", "-c")
    interval: int = 30_000_000_000
    timeout: int = 30_000_000_000
    start_period: int = 0
    start_interval: int = 5_000_000_000
    retries: int = 3
    on_failure: str = "none"


class RestartPlan(Record):
    """`name` is no, always, unless-stopped or on-failure; `maximum` counts tries of on-failure, 0 is unlimited."""

    name: str = "no"
    maximum: int = 0


class Plan(Record):
    """One container, as its monitor sees it.

    directory  its data directory: the bundle, `state.json` and the log
    run        its run directory: the socket
    roots      data and run roots, and whether an ordinary user's, for who removes the container at its end
    cgroup     `linux.cgroupsPath`; empty for a container without one
    network    its networks; None for a container that has none, the host's, or another container's
    volumes    the names of its anonymous volumes, removed with it
    mounted    its volumes: the name, where it is mounted, and whether it can be written there
    told       what events tell of it besides its id: image, name and labels
    stdin      the container reads from whoever is attached; `stdin_once` ends its input when the first of them leaves
    console    rows and columns of the terminal it starts with
    shares_pids  it is in the host's pid namespace, or another container's, which do not end with its first process
    """

    id: str
    directory: str
    run: str
    roots: Roots
    rootfs: tuple[Rootfs, ...]
    runtime: str = "native"
    cgroup: str = ""
    network: NetworkPlan | None = None
    volumes: tuple[str, ...] = ()
    mounted: tuple[tuple[str, str, bool], ...] = ()
    told: tuple[tuple[str, str], ...] = ()
    tty: bool = False
    stdin: bool = False
    stdin_once: bool = False
    console: tuple[int, int] = (0, 0)
    log: LogPlan = LogPlan()
    health: HealthPlan | None = None
    restart: RestartPlan = RestartPlan()
    auto_remove: bool = False
    stop_signal: int = 15
    stop_timeout: int = 10
    shares_pids: bool = False

    @property
    def runtime_directory(self) -> str:
        """Where runtimes keep what is of all containers."""
        return f"{self.roots.run}/runtime"


def to_json(plan: Plan) -> dict[str, Any]:
    """A JSON value that `from_json` reads."""
    value: dict[str, Any] = _plain(plan.replace(network=None))
    if plan.network is not None:
        from izba.network.plan import to_json as network_to_json

        value["network"] = network_to_json(plan.network)
    return value


def from_json(value: dict[str, Any]) -> Plan:
    """The inverse of `to_json`."""
    health = value["health"]
    network = None
    if value["network"] is not None:
        from izba.network.plan import from_json as network_from_json

        network = network_from_json(value["network"])
    return Plan(
        **value
        | {
            "rootfs": tuple(Rootfs(**mount | {"options": tuple(mount["options"])}) for mount in value["rootfs"]),
            "roots": Roots(**value["roots"]),
            "network": network,
            "volumes": tuple(value["volumes"]),
            "mounted": tuple((name, target, writable) for name, target, writable in value["mounted"]),
            "told": _pairs(value["told"]),
            "console": tuple(value["console"]),
            "log": LogPlan(**value["log"] | {"attributes": _pairs(value["log"]["attributes"])}),
            "health": health
            and HealthPlan(**health | {"test": tuple(health["test"]), "shell": tuple(health["shell"])}),
            "restart": RestartPlan(**value["restart"]),
        }
    )


def _pairs(value: list[list[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in value)


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return {field: _plain(getattr(value, field)) for field in value.__fields__}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
