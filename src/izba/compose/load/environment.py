"""Phase 15: `env_file` and `label_file` give the variables and labels they hold; what the service says wins."""

from __future__ import annotations

import os

from izba.compose import dotenv
from izba.errors import InvalidArgument, NotFound, SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from izba.compose.load.source import Sources
    from izba.compose.treepath import Path


def resolve_environment(services: dict[str, Any], environment: Mapping[str, str], sources: Sources) -> None:
    """Fill in the variables of `env_file`, and drop the files. Raises `SourceError`."""
    for name, service in services.items():
        own = service.get("environment") or {}
        found: dict[str, str] = {}
        for index, entry in enumerate(service.pop("env_file", None) or ()):
            found |= _read(entry, own, environment, sources, ("services", name, "env_file", index))
        if own or found:
            service["environment"] = found | {key: value for key, value in own.items() if value is not None}
            service["environment"] |= {key: None for key in own if key not in service["environment"]}


def resolve_labels(services: dict[str, Any], sources: Sources) -> None:
    """Fill in the labels of `label_file`. Raises `SourceError`."""
    for name, service in services.items():
        labels: dict[str, str] = {}
        for index, file in enumerate(service.get("label_file") or ()):
            labels |= _file(file, labels, sources, ("services", name, "label_file", index), raw=False)
        if labels:
            service["labels"] = labels | (service.get("labels") or {})


def _read(
    entry: dict[str, Any], own: Mapping[str, Any], environment: Mapping[str, str], sources: Sources, path: Path
) -> dict[str, str]:
    file = entry["path"]
    if not entry.get("required", True) and not os.path.lexists(file):
        return {}
    if (form := entry.get("format")) not in {None, "", "raw"}:
        raise sources.error(path, f"unsupported env_file format {form!r}", hint="it is raw, or left out")
    known = {key: value for key, value in own.items() if value is not None} | dict(environment)
    return _file(file, known, sources, path, raw=form == "raw")


def _file(file: str, known: Mapping[str, str], sources: Sources, path: Path, *, raw: bool) -> dict[str, str]:
    try:
        return dotenv.read(file, known.get, raw=raw)
    except SourceError:
        raise
    except NotFound:
        raise sources.error(
            path, f"the file {file} is not there", hint="`required: false` goes on without it"
        ) from None
    except InvalidArgument as error:
        raise sources.error(path, error.message) from None
