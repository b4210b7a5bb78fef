"""Local volumes: directories with a name, which outlive containers.

    <data>/volumes/<name>/_data        what containers see
    <data>/volumes/<name>/volume.json  when it was made, its labels, whether it was given no name by its user

A volume is made under a hidden name and renamed, so that it is there whole or not at all.
"""

from __future__ import annotations

import os
import time

from izba import jsonio
from izba._record import Record
from izba.errors import Conflict, InvalidArgument, NotFound
from izba.ids import new_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_OTHERS = _FIRST | frozenset("_.-")


class VolumeNotFound(NotFound):
    """No volume has this name; Docker's sentence."""

    def __init__(self, name: str) -> None:
        super().__init__(f"get {name}: no such volume")
        self.name = name


class VolumeInUse(Conflict):
    """Containers use the volume; Docker's sentence."""

    def __init__(self, name: str, containers: list[str]) -> None:
        super().__init__(f"remove {name}: volume is in use - [{', '.join(containers)}]")
        self.name = name
        self.containers = tuple(containers)


class BadVolumeName(InvalidArgument):
    """A name that no volume can have; Docker's sentence."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'"{name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are '
            "allowed. If you intended to pass a host directory, use absolute path"
        )
        self.name = name


class Volume(Record):
    """One volume. `created` counts nanoseconds since the epoch; an `anonymous` one goes with its container."""

    name: str
    path: str
    created: int
    labels: tuple[tuple[str, str], ...] = ()
    anonymous: bool = False


def is_volume_name(text: str) -> bool:
    """Whether a volume may have this name."""
    return len(text) > 1 and text[0] in _FIRST and _OTHERS.issuperset(text) and len(text) < 256


class Volumes:
    """The volumes below one directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def get(self, name: str) -> Volume:
        """Raises `VolumeNotFound`."""
        if not is_volume_name(name):
            raise VolumeNotFound(name)
        try:
            value: dict[str, Any] = jsonio.read(f"{self.directory}/{name}/volume.json")
        except FileNotFoundError:
            raise VolumeNotFound(name) from None
        return Volume(
            name=name,
            path=f"{self.directory}/{name}/_data",
            created=value["created"],
            labels=tuple(value["labels"].items()),
            anonymous=value["anonymous"],
        )

    def all(self) -> list[Volume]:
        """Every volume, by name."""
        names = sorted(os.listdir(self.directory)) if os.path.isdir(self.directory) else []
        return [self.get(name) for name in names if is_volume_name(name)]

    def ensure(self, name: str | None = None, labels: tuple[tuple[str, str], ...] = ()) -> Volume:
        """The volume of this name, made if it is not there; without a name a new, anonymous one."""
        anonymous = name is None
        name = new_id() if name is None else name
        if not is_volume_name(name):
            raise BadVolumeName(name)
        try:
            return self.get(name)
        except VolumeNotFound:
            self._make(name, labels, anonymous=anonymous)
        return self.get(name)

    def discard(self, name: str) -> None:
        """Remove a volume with all in it. Nothing happens if there is none."""
        if not is_volume_name(name):
            return
        from izba.store.snapshots.trees import remove_tree

        path, doomed = f"{self.directory}/{name}", f"{self.directory}/.doomed-{new_id()}"
        try:
            os.rename(path, doomed)
        except FileNotFoundError:
            return
        remove_tree(doomed)

    def _make(self, name: str, labels: tuple[tuple[str, str], ...], *, anonymous: bool) -> None:
        new = f"{self.directory}/.new-{new_id()}"
        os.makedirs(f"{new}/_data", mode=0o755)
        os.chmod(f"{new}/_data", 0o755)
        os.chmod(self.directory, 0o711)
        value = {"created": time.time_ns(), "labels": dict(labels), "anonymous": anonymous}
        jsonio.write(f"{new}/volume.json", value, durable=False)
        try:
            os.rename(new, f"{self.directory}/{name}")
        except OSError:  # somebody else made it meanwhile
            if not os.path.isdir(f"{self.directory}/{name}"):
                raise
            from izba.store.snapshots.trees import remove_tree

            remove_tree(new)
