"""The filters of `izba ps`, as tests of a container and its state."""

from __future__ import annotations

from izba.engine.containers.model import require
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.state import State

    Test: TypeAlias = Callable[[Container, State], bool]

FILTERS = frozenset(
    "ancestor before exited expose health id is-task label name network publish since status volume".split()
)
STATUSES = ("created", "restarting", "running", "removing", "paused", "exited", "dead")


def tests(engine: Engine, filters: Mapping[str, Sequence[str]]) -> list[Test]:
    """A test for each filter: values by name, any of which will do. Raises `InvalidArgument`."""
    return [_BUILDERS[name](engine, values) for name, values in filters.items()]


def _ancestor(engine: Engine, values: Sequence[str]) -> Test:
    manifests = _descendants(engine, values)
    return lambda container, _: container.row.image in manifests


def _before(engine: Engine, values: Sequence[str]) -> Test:
    limit = min(require(engine, value).created for value in values)
    return lambda container, _: container.created < limit


def _since(engine: Engine, values: Sequence[str]) -> Test:
    limit = max(require(engine, value).created for value in values)
    return lambda container, _: container.created > limit


def _descendants(engine: Engine, values: Sequence[str]) -> set[str]:
    """Manifests of the images named, and of those that have all layers of one of them below their own."""
    from izba.image import stored

    result = set()
    for value in values:
        ancestor = stored.find(engine.store, value)
        if ancestor is None:
            continue
        diff_ids = list(ancestor.diff_ids)
        for row in engine.store.images.all():
            image = stored.find(engine.store, row.id)
            if image is not None and list(image.diff_ids)[: len(diff_ids)] == diff_ids:
                result.add(str(row.manifest))
    return result


def _name(_engine: Engine, values: Sequence[str]) -> Test:
    import re

    try:
        patterns = [re.compile(value) for value in values]
    except re.error as error:
        raise InvalidArgument(
            f"invalid filter 'name={error.pattern!s}': {error}", hint="it is a regular expression"
        ) from error
    return lambda container, _: any(
        pattern.search(container.name) or pattern.search(f"/{container.name}") for pattern in patterns
    )


def _id(_engine: Engine, values: Sequence[str]) -> Test:
    return lambda container, _: any(container.id.startswith(value) for value in values)


def _label(_engine: Engine, values: Sequence[str]) -> Test:
    pairs = [value.partition("=") for value in values]

    def test(container: Container, _: State) -> bool:
        labels = container.config.get("Labels") or {}
        return all(name in labels and (not equals or labels[name] == wanted) for name, equals, wanted in pairs)

    return test


def _status(_engine: Engine, values: Sequence[str]) -> Test:
    for value in values:
        if value not in STATUSES:
            raise InvalidArgument(f"invalid filter 'status={value}'", hint=f"one of {', '.join(STATUSES)}")
    return lambda _, state: state.status in values


def _exited(_engine: Engine, values: Sequence[str]) -> Test:
    for value in values:
        if not value.lstrip("-").isdecimal():
            raise InvalidArgument(f"invalid filter 'exited={value}'", hint="give it an exit code")
    codes = {int(value) for value in values}
    return lambda _, state: state.status == "exited" and state.exit_code in codes


def _health(_engine: Engine, values: Sequence[str]) -> Test:
    for value in values:
        if value not in {"starting", "healthy", "unhealthy", "none"}:
            raise InvalidArgument(f"invalid filter 'health={value}'")
    return lambda _, state: (state.health or "none") in values


def _volume(_engine: Engine, values: Sequence[str]) -> Test:
    return lambda container, _: any(
        value in {mount.get("Name"), mount["Source"], mount["Destination"]}
        for mount in container.mounts
        for value in values
    )


def _network(engine: Engine, values: Sequence[str]) -> Test:
    from izba.engine.networks import networks

    rows = networks(engine)
    ids = {network.id for value in values if (network := rows.find(value))}
    connected = {each.container for each in rows.everywhere() if each.network in ids}
    return lambda container, _: container.id in connected or container.host_config.get("NetworkMode", "host") in values


def _expose(_engine: Engine, values: Sequence[str]) -> Test:
    wanted = _ports("expose", values)
    return lambda container, _: bool(wanted & (container.config.get("ExposedPorts") or {}).keys())


def _publish(_engine: Engine, values: Sequence[str]) -> Test:
    from izba.engine.containers.networking import published

    wanted = _ports("publish", values)
    return lambda container, _: any(f"{each.host_port}/{each.protocol}" in wanted for each in published(container))


def _ports(name: str, values: Sequence[str]) -> set[str]:
    """`80`, `80/udp`, `8000-8010/tcp` as Docker's keys."""
    wanted: set[str] = set()
    for value in values:
        first, _, protocol = value.partition("/")
        start, _, end = first.partition("-")
        if not start.isdecimal() or (end and not end.isdecimal()):
            raise InvalidArgument(f"invalid filter '{name}={value}'")
        wanted |= {f"{port}/{protocol or 'tcp'}" for port in range(int(start), int(end or start) + 1)}
    return wanted


def _is_task(_engine: Engine, values: Sequence[str]) -> Test:
    wanted = any(value.lower() in {"true", "1", "t"} for value in values)
    return lambda _container, _state: not wanted  # tasks are swarm's


_BUILDERS: dict[str, Callable[[Engine, Sequence[str]], Test]] = {
    "ancestor": _ancestor,
    "before": _before,
    "since": _since,
    "name": _name,
    "id": _id,
    "label": _label,
    "status": _status,
    "exited": _exited,
    "health": _health,
    "volume": _volume,
    "network": _network,
    "expose": _expose,
    "publish": _publish,
    "is-task": _is_task,
}
