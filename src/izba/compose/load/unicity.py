"""Phase 9: in a list whose items have an identity, a later item replaces the earlier one of the same identity."""

from __future__ import annotations

from izba.compose.load.volumes import parse_volume
from izba.compose.treepath import Rules, rewrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.compose.treepath import Path


def unique(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree with its lists' doubles gone."""
    result: dict[str, Any] = rewrite(tree, _UNIQUE)
    return result


def _by(identity: Callable[[Any], str]) -> Callable[[Any, Path], Any]:
    def keep(value: Any, _path: Path) -> Any:
        if not isinstance(value, list):
            return value
        places: dict[str, int] = {}
        result: list[Any] = []
        for item in value:
            key = identity(item)
            if key in places:
                result[places[key]] = item
            else:
                places[key] = len(result)
                result.append(item)
        return result

    return keep


def _key(item: Any) -> str:
    return str(item).partition("=")[0]


def _target(item: Any) -> str:
    if isinstance(item, dict):
        return str(item.get("target"))
    try:
        return str(parse_volume(item)["target"])
    except ValueError:
        return str(item)


def _device(item: Any) -> str:
    if isinstance(item, dict):
        return str(item.get("target"))
    parts = str(item).split(":")
    return parts[1] if len(parts) > 1 else parts[0]


def _mount(default: str) -> Callable[[Any], str]:
    def identity(item: Any) -> str:
        if isinstance(item, dict):
            return str(item.get("target") or f"{default}/{item.get('source')}")
        return f"{default}/{item}"

    return identity


def _port(item: Any) -> str:
    if not isinstance(item, dict):
        return str(item)
    host, published = item.get("host_ip", ""), item.get("published")
    return f"{host}:{published}:{item.get('target')}/{item.get('protocol', 'tcp')}"


def _path(item: Any) -> str:
    return str(item["path"]) if isinstance(item, dict) else str(item)


_UNIQUE = Rules(
    {
        **{
            f"services.*.{name}": _by(_key)
            for name in (
                "annotations build.args build.additional_contexts build.platforms build.tags build.labels cap_add "
                "cap_drop deploy.labels dns dns_opt dns_search environment labels links networks.*.aliases "
                "networks.*.link_local_ips profiles sysctls tmpfs"
            ).split()
        },
        "networks.*.labels": _by(_key),
        "networks.*.ipam.options": _by(_key),
        "services.*.expose": _by(str),
        "services.*.env_file": _by(_path),
        "services.*.configs": _by(_mount("")),
        "services.*.secrets": _by(_mount("/run/secrets")),
        "services.*.ports": _by(_port),
        "services.*.devices": _by(_device),
        "services.*.volumes": _by(_target),
    }
)
