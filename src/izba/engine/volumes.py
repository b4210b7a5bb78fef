"""Volumes, and who uses them."""

from __future__ import annotations

from izba._record import Record
from izba.engine.containers.model import Container
from izba.timestamps import format_time
from izba.volume.store import VolumeInUse, Volumes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.engine.engine import Engine
    from izba.volume.store import Volume


class Pruned(Record):
    """Volumes removed, and the bytes they occupied."""

    names: tuple[str, ...]
    size: int


def volumes(engine: Engine) -> Volumes:
    """The volumes of the engine."""
    return Volumes(f"{engine.roots.data}/volumes")


def users(engine: Engine) -> dict[str, list[str]]:
    """The ids of the containers that have each volume mounted, running or not."""
    found: dict[str, list[str]] = {}
    for row in engine.store.containers.all():
        for mount in Container(engine, row).mounts:
            if mount["Type"] == "volume" and "Name" in mount:
                found.setdefault(mount["Name"], []).append(row.id)
    return found


def remove(engine: Engine, name: str, *, force: bool = False) -> None:
    """Remove a volume nobody uses. Raises `VolumeNotFound` unless `force`, and `VolumeInUse`."""
    if not force:
        volumes(engine).get(name)
    if holders := users(engine).get(name):
        raise VolumeInUse(name, holders)
    volumes(engine).discard(name)


def prune(engine: Engine, *, all: bool, accepts: Callable[[Volume], bool]) -> Pruned:
    """Remove the volumes nobody uses: the anonymous ones, or `all`."""
    from izba.store.snapshots.trees import usage

    used = users(engine)
    names, size = [], 0
    for volume in volumes(engine).all():
        if volume.name in used or not (all or volume.anonymous) or not accepts(volume):
            continue
        size += usage(volume.path).size
        volumes(engine).discard(volume.name)
        names.append(volume.name)
    return Pruned(names=tuple(names), size=size)


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """A volume in the form of Docker's API. Raises `VolumeNotFound`."""
    volume = volumes(engine).get(name)
    return {
        "CreatedAt": format_time(volume.created),
        "Driver": "local",
        "Labels": dict(volume.labels) or None,
        "Mountpoint": volume.path,
        "Name": volume.name,
        "Options": None,
        "Scope": "local",
    }
