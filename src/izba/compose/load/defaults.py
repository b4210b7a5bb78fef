"""Phase 11: what an attribute is where it was left out, or left half said."""

from __future__ import annotations

from izba.compose.treepath import Rules, rewrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.compose.treepath import Path


def set_defaults(tree: dict[str, Any]) -> dict[str, Any]:
    """The tree with defaults."""
    result: dict[str, Any] = rewrite(tree, _DEFAULTS)
    return result


def _build(value: Any, _path: Path) -> Any:
    value = {} if value is None else value
    value.setdefault("context", ".")
    return value


def _secret(value: Any, _path: Path) -> Any:
    value.setdefault("target", f"/run/secrets/{value.get('source')}")
    return value


def _port(value: Any, _path: Path) -> Any:
    if isinstance(value, dict):
        value.setdefault("protocol", "tcp")
        value.setdefault("mode", "ingress")
    return value


def _device_request(value: Any, _path: Path) -> Any:
    if "count" not in value and "device_ids" not in value:
        value["count"] = "all"
    return value


def _bind(value: Any, _path: Path) -> Any:
    value.setdefault("create_host_path", True)
    return value


_DEFAULTS = Rules(
    {
        "services.*.build": _build,
        "services.*.secrets.*": _secret,
        "services.*.ports.*": _port,
        "services.*.deploy.resources.reservations.devices.*": _device_request,
        "services.*.gpus.*": _device_request,
        "services.*.volumes.*.bind": _bind,
    }
)
