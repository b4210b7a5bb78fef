"""Keys that the specification has and that mean nothing here: named, so that nobody relies on them."""

from __future__ import annotations

from izba._record import Record
from izba.compose.treepath import Rules, show, visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.compose.treepath import Path


def meaningless(tree: dict[str, Any]) -> list[str]:
    """A sentence for each such key that the tree has."""
    found: list[str] = []

    def note(reason: str | Other, value: Any, path: Path) -> None:
        if isinstance(reason, Other):
            if value in reason.than:
                return
            reason = reason.reason
        found.append(f"{show(path)} is ignored: {reason}")

    visit(tree, _RULES, note)
    for name, network in (tree.get("networks") or {}).items():
        found += _pools(name, ((network or {}).get("ipam") or {}).get("config") or ())
    return found


def _pools(network: str, pools: Sequence[dict[str, Any]]) -> list[str]:
    """A network has one range of addresses."""
    used, found = False, []
    for index, pool in enumerate(pools):
        where = show(("networks", network, "ipam", "config", index))
        if ":" in pool.get("subnet", ""):
            found.append(f"{where} is ignored: {_IPV4}")
        elif used:
            found.append(f"{where} is ignored: izba's networks have one subnet")
        else:
            used = True
    return found


class Other(Record):
    """Of a key that means nothing unless it says one of a few things: those, and the reason."""

    than: tuple[Any, ...]
    reason: str


_SWARM = "it is for a swarm"
_WINDOWS = "it is for Windows"
_IPV4 = "izba's networks are IPv4"
MEANINGLESS: dict[str, str | Other] = {
    "jobs": "izba runs no jobs on a schedule",
    "models": "izba runs no models",
    "services.*.models": "izba runs no models",
    "services.*.provider": "izba asks no provider for services",
    "services.*.use_api_socket": "izba has no daemon's socket to lend",
    "services.*.gpus": "izba lends no GPUs; `devices` lends device files",
    "services.*.deploy.resources.reservations.devices": "izba lends no GPUs; `devices` lends device files",
    "services.*.deploy.resources.reservations.cpus": "a host of one machine reserves no processors",
    "services.*.deploy.resources.reservations.generic_resources": _SWARM,
    "services.*.deploy.update_config": _SWARM,
    "services.*.deploy.rollback_config": _SWARM,
    "services.*.deploy.placement": _SWARM,
    "services.*.deploy.endpoint_mode": _SWARM,
    "services.*.deploy.mode": _SWARM,
    "services.*.deploy.labels": "they are a swarm service's; a container's are `labels`",
    "services.*.deploy.restart_policy.delay": "the delay before a restart grows by itself, from 100 ms",
    "services.*.deploy.restart_policy.window": _SWARM,
    "services.*.credential_spec": _WINDOWS,
    "services.*.isolation": _WINDOWS,
    "services.*.cpu_count": _WINDOWS,
    "services.*.cpu_percent": _WINDOWS,
    "services.*.cpu_rt_period": "izba schedules nothing in real time",
    "services.*.cpu_rt_runtime": "izba schedules nothing in real time",
    "services.*.storage_opt": "a container's own files have no limit here",
    "services.*.volume_driver": "izba's volumes are local",
    "services.*.external_links": "containers of a network find each other by name",
    "services.*.build.ssh": "izba's builds have no ssh agent yet",
    "services.*.build.sbom": "izba makes no attestations yet",
    "services.*.build.provenance": "izba makes no attestations yet",
    "services.*.build.entitlements": "izba's builds have no privileges to grant",
    "services.*.build.privileged": "izba's builds have no privileges to grant",
    "services.*.build.isolation": _WINDOWS,
    "services.*.build.cache_from": "izba keeps its own cache",
    "services.*.build.cache_to": "izba keeps its own cache",
    "services.*.pre_start": "izba runs no containers before a service's own",
    "services.*.umask": "a container begins with 0022",
    "services.*.networks.*.driver_opts": "izba's networks have no other drivers",
    "services.*.networks.*.ipv6_address": _IPV4,
    "services.*.networks.*.link_local_ips": "izba gives an interface one address",
    "services.*.ports.*.app_protocol": "nothing here looks into what a port carries",
    "services.*.ports.*.mode": Other(than=("ingress", "host"), reason=_SWARM),
    "services.*.ports.*.name": "nothing here goes by a port's name",
    "services.*.volumes.*.consistency": "on Linux a mount is always consistent",
    "services.*.volumes.*.bind.recursive": Other(
        than=("enabled", "disabled"), reason="mounts below become read-only with it wherever the kernel can"
    ),
    "services.*.volumes.*.bind.selinux": "izba sets no labels of SELinux",
    "networks.*.attachable": _SWARM,
    "networks.*.enable_ipv4": Other(than=(True,), reason=_IPV4),
    "networks.*.enable_ipv6": Other(than=(False,), reason=_IPV4),
    "networks.*.ipam.driver": Other(than=("default",), reason="izba gives addresses itself"),
    "networks.*.ipam.options": "izba gives addresses itself",
    "configs.*.labels": _SWARM,
    "configs.*.template_driver": _SWARM,
    "secrets.*.driver": _SWARM,
    "secrets.*.driver_opts": _SWARM,
    "secrets.*.labels": _SWARM,
    "secrets.*.template_driver": _SWARM,
}
_RULES = Rules(MEANINGLESS)
