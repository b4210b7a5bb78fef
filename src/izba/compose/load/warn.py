"""Keys that the specification has and that mean nothing here: named, so that nobody relies on them."""

from __future__ import annotations

from izba.compose.treepath import Rules, show, visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.compose.treepath import Path


def meaningless(tree: dict[str, Any]) -> list[str]:
    """A sentence for each such key that the tree has."""
    found: list[str] = []

    def note(reason: str, _value: Any, path: Path) -> None:
        found.append(f"{show(path)} is ignored: {reason}")

    visit(tree, _MEANINGLESS, note)
    return found


_SWARM = "it is for a swarm"
_WINDOWS = "it is for Windows"
_MEANINGLESS = Rules(
    {
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
        "services.*.credential_spec": _WINDOWS,
        "services.*.isolation": _WINDOWS,
        "services.*.cpu_count": _WINDOWS,
        "services.*.cpu_percent": _WINDOWS,
        "services.*.cpu_rt_period": "izba schedules nothing in real time",
        "services.*.cpu_rt_runtime": "izba schedules nothing in real time",
        "services.*.storage_opt": "a container's own files have no limit here",
        "services.*.volume_driver": "izba's volumes are local",
        "services.*.userns_mode": "izba decides how users are mapped",
        "services.*.external_links": "containers of a network find each other by name",
        "services.*.build.ssh": "izba's builds have no ssh agent yet",
        "services.*.build.sbom": "izba makes no attestations yet",
        "services.*.build.provenance": "izba makes no attestations yet",
        "services.*.build.entitlements": "izba's builds have no privileges to grant",
        "services.*.build.isolation": _WINDOWS,
        "services.*.build.cache_from": "izba keeps its own cache",
        "services.*.build.cache_to": "izba keeps its own cache",
        "services.*.pre_start": "izba runs no hooks yet",
        "services.*.post_start": "izba runs no hooks yet",
        "services.*.pre_stop": "izba runs no hooks yet",
        "networks.*.attachable": _SWARM,
    }
)
