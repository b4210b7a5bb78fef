"""Phase 12: relative paths become absolute ones, from the directory of the project they are written in."""

from __future__ import annotations

import os

from izba.compose.files import absolute, is_remote
from izba.compose.treepath import Rules, rewrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.compose.treepath import Path


def resolve_paths(tree: dict[str, Any], directory: str) -> dict[str, Any]:
    """The tree with absolute paths."""
    result: dict[str, Any] = rewrite(tree, _PATHS, directory)
    return result


def _path(value: Any, _path: Path, directory: str) -> Any:
    return absolute(directory, value) if isinstance(value, str) and value else value


def _context(value: Any, path: Path, directory: str) -> Any:
    """A directory, unless it is a service's, an image's or somewhere else."""
    if not isinstance(value, str) or value.startswith("service:") or is_remote(value):
        return value
    return _path(value, path, directory)


def _bind(value: Any, path: Path, directory: str) -> Any:
    if isinstance(value, dict) and value.get("type") == "bind" and "source" in value:
        value["source"] = _path(value["source"], path, directory)
    return value


def _local_volume(value: Any, path: Path, directory: str) -> Any:
    """A volume that is a bind in disguise."""
    options = value.get("driver_opts") if isinstance(value, dict) else None
    if options and options.get("o") == "bind" and "device" in options and value.get("driver", "local") == "local":
        options["device"] = _path(options["device"], path, directory)
    return value


def _watched(value: Any, path: Path, directory: str) -> Any:
    """What is watched is the thing itself, not a link to it."""
    return os.path.realpath(_path(value, path, directory)) if isinstance(value, str) and value else value


_PATHS = Rules(
    {
        "services.*.build.context": _context,
        "services.*.build.additional_contexts.*": _context,
        "services.*.build.ssh.*": _path,
        "services.*.env_file.*.path": _path,
        "services.*.label_file.*": _path,
        "services.*.extends.file": _path,
        "services.*.develop.watch.*.path": _watched,
        "services.*.volumes.*": _bind,
        "configs.*.file": _path,
        "secrets.*.file": _path,
        "volumes.*": _local_volume,
    }
)
