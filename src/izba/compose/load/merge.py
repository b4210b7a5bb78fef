"""Phase 8: a later file over an earlier one, and a service over the one it extends.

Mappings are joined key by key, lists appended, everything else replaced; the table has the attributes that differ.
A later tree is never changed.
"""

from __future__ import annotations

from izba.compose.load.clone import clone
from izba.compose.treepath import Rules, show
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    from izba.compose.treepath import Path

    Merge: TypeAlias = Callable[[Any, Any, Rules | None, Path], Any]


class CannotMerge(InvalidArgument):
    """Two files give an attribute values of different kinds."""

    def __init__(self, path: Path) -> None:
        super().__init__("cannot be merged with the other file's: one is a mapping or a list, the other is not")
        self.path = path
        self.shown = show(path)


def merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`over` over `base`. Raises `CannotMerge`."""
    result: dict[str, Any] = _mappings(base, over, _SPECIAL, ())
    return result


def extend(base: dict[str, Any], service: dict[str, Any]) -> dict[str, Any]:
    """A service over the one it extends. Raises `CannotMerge`."""
    rules = _SPECIAL.down("services")
    result: dict[str, Any] = _mappings(base, service, rules and rules.down("x"), ("services", "x"))
    return result


def merge_at(base: Any, over: Any, path: Path) -> Any:
    """One resource over another of its name. Raises `CannotMerge`."""
    rules: Rules | None = _SPECIAL
    for part in path:
        rules = rules.down(part) if rules else None
    return _values(base, over, rules, path)


def _values(base: Any, over: Any, rules: Rules | None, path: Path) -> Any:
    if rules is not None and rules.rule is not None:
        return rules.rule(base, over, rules, path)
    if over is None or base is None:
        return base if over is None else clone(over)
    if isinstance(base, dict):
        if not isinstance(over, dict):
            raise CannotMerge(path)
        return _mappings(base, over, rules, path)
    if isinstance(base, list):
        if not isinstance(over, list):
            raise CannotMerge(path)
        return [*base, *clone(over)]
    return clone(over)


def _mappings(base: dict[str, Any], over: dict[str, Any], rules: Rules | None, path: Path) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        below = rules.down(key) if rules else None
        result[key] = _values(base[key], value, below, (*path, key)) if key in base else clone(value)
    return result


def _replace(_base: Any, over: Any, _rules: Rules | None, _path: Path) -> Any:
    return clone(over)


def _lists(base: Any, over: Any, _rules: Rules | None, _path: Path) -> Any:
    """As lists of KEY=VALUE, whichever form each has; `unicity` lets the later value of a key win."""
    return [*_list(base), *_list(over)]


def _hosts(base: Any, over: Any, _rules: Rules | None, _path: Path) -> Any:
    known = _list(base)
    return [*known, *(each for each in _list(over) if each not in known)]


def _build(base: Any, over: Any, rules: Rules | None, path: Path) -> Any:
    def mapping(value: Any) -> dict[str, Any]:
        return {"context": value} if isinstance(value, str) else value or {}

    return _mappings(mapping(base), mapping(over), rules, path)


def _dependencies(base: Any, over: Any, rules: Rules | None, path: Path) -> Any:
    started = {"condition": "service_started", "required": True}
    return _mappings(_mapping(base, started), _mapping(over, started), rules, path)


def _named(base: Any, over: Any, rules: Rules | None, path: Path) -> Any:
    return _mappings(_mapping(base, None), _mapping(over, None), rules, path)


def _logging(base: Any, over: Any, rules: Rules | None, path: Path) -> Any:
    """Options of one driver mean nothing to another."""
    base, over = base or {}, over or {}
    if "driver" in base and "driver" in over and base["driver"] != over["driver"]:
        return clone(over)
    return _mappings(base, over, rules, path)


def _subnets(base: Any, over: Any, rules: Rules | None, path: Path) -> Any:
    """Pools of one subnet are one pool."""
    result = list(base or [])
    for each in over or []:
        at = next((i for i, known in enumerate(result) if known.get("subnet") == each.get("subnet")), None)
        if at is None:
            result.append(clone(each))
        else:
            result[at] = _mappings(result[at], each, rules, path)
    return result


def _list(value: Any) -> list[Any]:
    if isinstance(value, dict):
        entries = []
        for key, each in value.items():
            if isinstance(each, list):
                entries += [f"{key}={item}" for item in each]
            else:
                entries.append(key if each is None else f"{key}={_text(each)}")
        return sorted(entries)
    if isinstance(value, list):
        return clone(value)  # type: ignore[no-any-return]
    return [] if value is None else [value]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _mapping(value: Any, default: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {key: clone(default) for key in value}
    return value or {}


_SPECIAL = Rules(
    {
        **{
            f"services.*.{name}": _lists
            for name in (
                "annotations build.args build.additional_contexts build.labels deploy.labels dns dns_opt dns_search "
                "env_file label_file environment labels volumes.*.volume.labels sysctls tmpfs"
            ).split()
        },
        "networks.*.labels": _lists,
        "volumes.*.labels": _lists,
        "networks.*.ipam.config": _subnets,
        "services.*.build": _build,
        "services.*.build.extra_hosts": _hosts,
        "services.*.extra_hosts": _hosts,
        "services.*.command": _replace,
        "services.*.entrypoint": _replace,
        "services.*.healthcheck.test": _replace,
        "services.*.ulimits.*": _replace,
        "services.*.depends_on": _dependencies,
        "services.*.logging": _logging,
        "services.*.models": _named,
        "services.*.networks": _named,
    }
)
