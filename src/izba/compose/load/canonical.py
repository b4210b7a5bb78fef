"""Phase 10: short forms become long ones, so that what follows knows one form of each attribute."""

from __future__ import annotations

from izba.compose.load.ports import parse_port
from izba.compose.load.volumes import parse_volume
from izba.compose.treepath import Rules, rewrite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.compose.load.source import Source
    from izba.compose.treepath import Path


def canonical(tree: dict[str, Any], source: Source, *, tolerant: bool) -> dict[str, Any]:
    """The tree in long forms. `tolerant` leaves alone what cannot be read yet: there are variables in it.

    Raises `ComposeFileError`.
    """
    result: dict[str, Any] = rewrite(tree, _LONG, _Context(source, tolerant=tolerant))
    return result


class _Context:
    """Where errors point, and whether they are ones."""

    def __init__(self, source: Source, *, tolerant: bool) -> None:
        self.source = source
        self.tolerant = tolerant

    def fail(self, path: Path, message: str) -> None:
        if not self.tolerant:
            raise self.source.error(path, message)


def _build(value: Any, _path: Path, _context: _Context) -> Any:
    return {"context": value} if isinstance(value, str) else value


def _key_values(value: Any, path: Path, context: _Context) -> Any:
    if not isinstance(value, list):
        return value
    result = {}
    for index, item in enumerate(value):
        key, equals, text = str(item).partition("=")
        if not equals:
            context.fail((*path, index), f"invalid value {item}, expected key=value")
            return value
        result[key] = text
    return result


def _dependencies(value: Any, _path: Path, _context: _Context) -> Any:
    if isinstance(value, list):
        return {name: {"condition": "service_started", "required": True} for name in value}
    for entry in (value or {}).values():
        entry.setdefault("condition", "service_started")
        entry.setdefault("required", True)
    return value


def _env_files(value: Any, _path: Path, _context: _Context) -> Any:
    result = []
    for entry in [value] if isinstance(value, (str, dict)) else value or []:
        long = {"path": entry} if isinstance(entry, str) else dict(entry)
        long.setdefault("required", True)
        result.append(long)
    return result


def _list(value: Any, _path: Path, _context: _Context) -> Any:
    """One text is a list of one; empty items mean nothing."""
    return [each for each in ([value] if isinstance(value, str) else value or []) if each not in {None, ""}]


def _names(value: Any, _path: Path, _context: _Context) -> Any:
    return dict.fromkeys(value) if isinstance(value, list) else value


def _volume(value: Any, path: Path, context: _Context) -> Any:
    if not isinstance(value, str):
        if isinstance(value, dict) and "target" not in value:
            context.fail(path, "target is missing")
        return value
    try:
        return parse_volume(value)
    except ValueError as error:
        context.fail(path, str(error))
        return value


def _device(value: Any, path: Path, context: _Context) -> Any:
    if not isinstance(value, str):
        return value
    parts = value.split(":")
    if len(parts) > 3:
        context.fail(path, f"confusing device mapping, please use long syntax: {value}")
        return value
    source, target, permissions = [*parts, *("", "", "")][:3]
    return {"source": source, "target": target or source, "permissions": permissions or "rwm"}


def _file_mount(value: Any, _path: Path, _context: _Context) -> Any:
    return {"source": value} if isinstance(value, str) else value


def _ports(value: Any, path: Path, context: _Context) -> Any:
    result: list[Any] = []
    for index, entry in enumerate(value or []):
        if isinstance(entry, dict):
            if "target" not in entry:
                context.fail((*path, index), "target is missing")
            result.append(entry)
            continue
        try:
            result += parse_port(_port_text(entry))
        except ValueError as error:
            context.fail((*path, index), str(error))
            return value
    return result


def _port_text(entry: Any) -> str:
    return str(int(entry)) if isinstance(entry, float) and entry.is_integer() else str(entry)


def _ssh(value: Any, path: Path, context: _Context) -> Any:
    if not isinstance(value, list):
        return value
    result: dict[str, Any] = {}
    for index, item in enumerate(value):
        name, equals, file = str(item).partition("=")
        if not equals and name != "default":
            context.fail((*path, index), f"invalid ssh key {name!r}")
        result[name] = file if equals else None
    return result


def _gpus(value: Any, _path: Path, _context: _Context) -> Any:
    return [{"count": "all"}] if isinstance(value, str) else value


def _external(value: Any, path: Path, context: _Context) -> Any:
    """`external: {name: X}` is how it was once written."""
    if not isinstance(value, dict) or not isinstance(value.get("external"), dict):
        return value
    name = value["external"].get("name")
    if name is not None and value.setdefault("name", name) != name:
        context.fail(path, "name and external.name conflict; only use name")
    value["external"] = True
    return value


def _text_or_true(value: Any, _path: Path, _context: _Context) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


_LONG = Rules(
    {
        "services.*.build": _build,
        "services.*.build.additional_contexts": _key_values,
        "services.*.build.secrets.*": _file_mount,
        "services.*.build.ssh": _ssh,
        "services.*.build.provenance": _text_or_true,
        "services.*.build.sbom": _text_or_true,
        "services.*.configs.*": _file_mount,
        "services.*.depends_on": _dependencies,
        "services.*.develop.watch.*.ignore": _list,
        "services.*.develop.watch.*.include": _list,
        "services.*.devices.*": _device,
        "services.*.dns": _list,
        "services.*.env_file": _env_files,
        "services.*.gpus": _gpus,
        "services.*.label_file": _list,
        "services.*.models": _names,
        "services.*.networks": _names,
        "services.*.ports": _ports,
        "services.*.secrets.*": _file_mount,
        "services.*.volumes.*": _volume,
        "configs.*": _external,
        "networks.*": _external,
        "secrets.*": _external,
        "volumes.*": _external,
    }
)
