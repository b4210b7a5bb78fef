"""Phase 13: what is implied is said. The default network, names of resources, dependencies by use."""

from __future__ import annotations

import posixpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")


def normalize(tree: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Complete the tree, which has its `name`."""
    for service in (tree.get("services") or {}).values():
        _default_network(service)
        _dependencies(service)
        _dockerfile(service)
        _resolve(service, environment)
        if service.get("pull_policy") == "if_not_present":
            service["pull_policy"] = "missing"
        for volume in service.get("volumes") or ():
            if isinstance(volume, dict) and "target" in volume:
                volume["target"] = posixpath.normpath(volume["target"])
    if any("default" in (service.get("networks") or {}) for service in (tree.get("services") or {}).values()):
        tree["networks"] = {"default": None} | (tree.get("networks") or {})
    _names(tree)


def _default_network(service: dict[str, Any]) -> None:
    if "network_mode" not in service and "provider" not in service and not service.get("networks"):
        service["networks"] = {"default": None}


def _dependencies(service: dict[str, Any]) -> None:
    """Who uses another service's namespace, volumes or name waits for it."""
    depends: dict[str, Any] = service.get("depends_on") or {}

    def depend(name: str, *, restart: bool) -> None:
        depends.setdefault(name, {"condition": "service_started", "restart": restart, "required": True})

    for link in service.get("links") or ():
        depend(link.partition(":")[0], restart=True)
    for namespace in _NAMESPACES:
        mode = service.get(namespace)
        if isinstance(mode, str) and mode.startswith("service:"):
            depend(mode.removeprefix("service:"), restart=True)
    for volume in service.get("volumes_from") or ():
        if not volume.startswith("container:"):
            depend(volume.partition(":")[0], restart=False)
    if depends:
        service["depends_on"] = depends


def _dockerfile(service: dict[str, Any]) -> None:
    build = service.get("build")
    if build and "dockerfile" not in build and "dockerfile_inline" not in build:
        build["dockerfile"] = "Dockerfile"


def _resolve(service: dict[str, Any], environment: Mapping[str, str]) -> None:
    """A variable without a value has the one of our own environment."""
    if "environment" in service:
        service["environment"] = _resolved(service["environment"], environment, keep=True)
    build = service.get("build")
    if build and "args" in build:
        build["args"] = _resolved(build["args"], environment, keep=False)


def _resolved(value: Any, environment: Mapping[str, str], *, keep: bool) -> Any:
    if isinstance(value, list):
        result = []
        for entry in value:
            if "=" in str(entry):
                result.append(entry)
            elif str(entry) in environment:
                result.append(f"{entry}={environment[str(entry)]}")
            elif keep:
                result.append(entry)
        return result
    return {
        key: environment.get(key) if each is None else each
        for key, each in (value or {}).items()
        if each is not None or keep or key in environment
    }


def _names(tree: dict[str, Any]) -> None:
    for section in ("networks", "volumes", "configs", "secrets"):
        for key, resource in (tree.get(section) or {}).items():
            named = resource or {}
            named.setdefault("name", key if named.get("external") else f"{tree['name']}_{key}")
            tree[section][key] = named
