"""What a monitor notes for `izba events` of its container's life."""

from __future__ import annotations

from izba.store import eventlog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import Plan
    from izba.monitor.state import State


def tell(plan: Plan, action: str, **attributes: str) -> None:
    """Note what was done to the container."""
    eventlog.append(plan.roots.data, "container", action, plan.id, dict(plan.told) | attributes)


def tell_start(plan: Plan) -> None:
    """It runs, on its networks and with its volumes."""
    _tell_of_networks(plan, "connect")
    for name, target, writable in plan.mounted:
        attributes = {"destination": target, "read/write": str(writable).lower()}
        _tell_of_volume(plan, "mount", name, {"driver": "local", "propagation": "", **attributes})
    tell(plan, "start")


def tell_end(plan: Plan, ended: State) -> None:
    """One run is over."""
    if ended.oom_killed:
        tell(plan, "oom")
    duration = max(0, ended.finished - ended.started) // 1_000_000_000
    tell(plan, "die", exitCode=str(ended.exit_code), execDuration=str(duration))
    _tell_of_networks(plan, "disconnect")
    for name, _target, _writable in plan.mounted:
        _tell_of_volume(plan, "unmount", name, {"driver": "local"})


def _tell_of_networks(plan: Plan, action: str) -> None:
    for link in plan.network.links if plan.network else ():
        attributes = {"container": plan.id, "name": link.name, "type": "bridge"}
        eventlog.append(plan.roots.data, "network", action, link.network, attributes)


def _tell_of_volume(plan: Plan, action: str, name: str, attributes: dict[str, str]) -> None:
    eventlog.append(plan.roots.data, "volume", action, name, {"container": plan.id, **attributes})
