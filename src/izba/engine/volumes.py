"""Volumes, and who uses them."""

from __future__ import annotations

from izba._record import Record
from izba.engine import eventlog
from izba.engine.containers.model import Container
from izba.timestamps import SECOND, format_time
from izba.volume.store import BadVolumeName, VolumeInUse, VolumeNotFound, Volumes, is_volume_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.engine.engine import Engine
    from izba.layer.streams import Reader, Writer
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
    with volumes(engine).held(alone=True):
        if holders := users(engine).get(name):
            raise VolumeInUse(name, holders)
        volumes(engine).discard(name)


def prune(engine: Engine, *, all: bool, accepts: Callable[[Volume], bool]) -> Pruned:
    """Remove the volumes nobody uses: the anonymous ones, or `all`."""
    from izba.store.snapshots.trees import usage

    names, size = [], 0
    with volumes(engine).held(alone=True):
        used = users(engine)
        for volume in volumes(engine).all():
            if volume.name in used or not (all or volume.anonymous) or not accepts(volume):
                continue
            size += 0 if volume.settings.device else usage(volume.path).size
            volumes(engine).discard(volume.name)
            names.append(volume.name)
    volumes(engine).sweep()
    eventlog.emit(engine, "volume", "prune", "", reclaimed=str(size))
    return Pruned(names=tuple(names), size=size)


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """A volume in the form of Docker's API. Raises `VolumeNotFound`."""
    volume = volumes(engine).get(name)
    return {
        "CreatedAt": format_time(volume.created // SECOND * SECOND),
        "Driver": "local",
        "Labels": dict(volume.labels) or None,
        "Mountpoint": volume.path,
        "Name": volume.name,
        "Options": dict(volume.options) or None,
        "Scope": "local",
        **{key.upper(): id for key in ("uid", "gid") if (id := getattr(volume.settings, key)) >= 0},
    }


def export(engine: Engine, name: str, out: Writer) -> None:
    """Write what is in a volume as a tar. Raises `VolumeNotFound`, `CannotBeLayer`."""
    from izba.layer.diff import write_layer
    from izba.layer.fsops import fsops

    write_layer(volumes(engine).get(name).path, out, ops=fsops(), overlay=None, marked=True)


def import_(engine: Engine, name: str, source: Reader) -> None:
    """Unpack a tar, compressed or not, into a volume, over what is there; a volume that is not there is made of it,
    whole or not at all. Raises `BadTar` and its kin.
    """
    from izba.layer.apply import apply
    from izba.layer.compress import decompressor
    from izba.layer.fsops import fsops

    stream = decompressor(source)
    try:
        apply(stream, volumes(engine).get(name).path, ops=fsops(), overlay=None, plain=True)
    except VolumeNotFound:
        if not is_volume_name(name):
            raise BadVolumeName(name) from None
        from izba.linux.fs import syncfs

        new = volumes(engine).new()
        apply(stream, f"{new}/_data", ops=fsops(), overlay=None, plain=True)
        syncfs(new)  # its name is to mean all of it, whenever the machine goes down
        volumes(engine).publish(new, name)
        eventlog.emit(engine, "volume", "create", name, driver="local")
