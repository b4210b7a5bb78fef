"""Local volumes: directories with a name, which outlive containers.

    <data>/volumes/<name>/_data        what containers see
    <data>/volumes/<name>/volume.json  when it was made, its labels, whether it was given no name by its user …
    <data>/volumes/<name>/filling      as long as the image's files are copied into it

A volume is made under a hidden name and renamed, so that it is there whole or not at all. Whoever finds or makes
volumes for a container has them `held` until the container is known, whoever removes one holds them alone: none goes
between the two.
"""

from __future__ import annotations

import os
import time

from izba import jsonio
from izba._record import Record
from izba.errors import Conflict, InvalidArgument, NotFound
from izba.ids import new_id
from izba.volume.settings import Settings, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Self

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_OTHERS = _FIRST | frozenset("_.-")
_LONGEST = 255


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
        shown = name if len(name) <= _LONGEST else f"{name[:32]}…"
        super().__init__(
            f"create {shown}: volume name is too short, names should be at least two alphanumeric characters"
            if len(name) == 1
            else f"create {shown}: volume name is too long, names have at most {_LONGEST} characters"
            if len(name) > _LONGEST
            else f'create {shown}: "{shown}" includes invalid characters for a local volume name, only '
            '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
        self.name = name


class Volume(Record):
    """One volume. `created` counts nanoseconds since the epoch; an `anonymous` one goes with its container.

    path     what containers see: a directory of izba's, or that of the host which `options` name
    options  the driver's options as they were given; `settings` what they mean
    """

    name: str
    path: str
    created: int
    labels: tuple[tuple[str, str], ...] = ()
    anonymous: bool = False
    options: tuple[tuple[str, str], ...] = ()
    settings: Settings = Settings()


def is_volume_name(text: str) -> bool:
    """Whether a volume may have this name."""
    return len(text) > 1 and text[0] in _FIRST and _OTHERS.issuperset(text) and len(text) <= _LONGEST


class Held:
    """A lock on the volumes, until it is closed."""

    def __init__(self, directory: str, *, alone: bool) -> None:
        import fcntl

        os.makedirs(directory, mode=0o700, exist_ok=True)
        self._fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if os.fstat(self._fd).st_mode & 0o077:
            os.fchmod(self._fd, _CLOSED)
        fcntl.flock(self._fd, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)

    def close(self) -> None:
        """Let go."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Volumes:
    """The volumes below one directory."""

    def __init__(self, directory: str) -> None:
        self.directory = directory

    def get(self, name: str) -> Volume:
        """Raises `VolumeNotFound`."""
        if not is_volume_name(name):
            raise VolumeNotFound(name)
        path = f"{self.directory}/{name}/_data"
        try:
            value: dict[str, Any] = jsonio.read(f"{self.directory}/{name}/volume.json")
        except (FileNotFoundError, jsonio.BadJSON):
            # A power cut can take this file of an anonymous volume, and never the data that is beside it.
            try:
                created = os.stat(path).st_ctime_ns
            except FileNotFoundError:
                raise VolumeNotFound(name) from None
            return Volume(name=name, path=path, created=created)
        options = tuple(value.get("options", {}).items())
        settings = parse(options).replace(**value.get("owner", {}))
        return Volume(
            name=name,
            path=settings.device or path,
            created=value["created"],
            labels=tuple(value["labels"].items()),
            anonymous=value["anonymous"],
            options=options,
            settings=settings,
        )

    def all(self) -> list[Volume]:
        """Every volume, by name."""
        names = sorted(os.listdir(self.directory)) if os.path.isdir(self.directory) else []
        found = []
        for name in filter(is_volume_name, names):
            try:
                found.append(self.get(name))
            except VolumeNotFound:  # removed since it was listed
                continue
        return found

    def ensure(
        self,
        name: str | None = None,
        labels: tuple[tuple[str, str], ...] = (),
        options: tuple[tuple[str, str], ...] = (),
        *,
        uid: int | None = None,
        gid: int | None = None,
        anonymous: bool = False,
    ) -> Volume:
        """The volume of this name, made if it is not there; without a name a new, anonymous one. `anonymous` is also
        one whose name nobody chose.

        Raises `BadVolumeName`, and `InvalidArgument` for options and owners that cannot be.
        """
        durable = name is not None
        name = new_id() if name is None else name
        if not is_volume_name(name):
            raise BadVolumeName(name)
        try:
            return self.get(name)
        except VolumeNotFound:
            pass
        owner = {key: id for key, id in (("uid", uid), ("gid", gid)) if id is not None}
        settings = parse(options).replace(**owner)
        value = {"labels": dict(labels), "anonymous": anonymous or not durable, "options": dict(options)}
        new = self._new({**value, "owner": owner}, durable=durable)
        try:
            settings.give(f"{new}/_data")
            self.publish(new, name, durable=durable)
        except BaseException:
            self._throw_away(new)
            raise
        from izba.store import eventlog

        eventlog.append(os.path.dirname(self.directory), "volume", "create", name, {"driver": "local"})
        return self.get(name)

    def discard(self, name: str) -> None:
        """Remove a volume with all in it. Nothing happens if there is none."""
        if not is_volume_name(name):
            return
        path, doomed = f"{self.directory}/{name}", f"{self.directory}/.doomed-{new_id()}"
        try:
            os.rename(path, doomed)
        except FileNotFoundError:
            return
        self._throw_away(doomed)
        from izba.store import eventlog

        eventlog.append(os.path.dirname(self.directory), "volume", "destroy", name, {"driver": "local"})

    def held(self, *, alone: bool = False) -> Held:
        """Keep the volumes that are there from being removed; or, `alone`, keep others from counting on them."""
        return Held(self.directory, alone=alone)

    def new(self) -> str:
        """A hidden place for a volume that is being filled: `publish` it, or leave it to `sweep`."""
        return self._new({"labels": {}, "anonymous": False, "options": {}, "owner": {}}, durable=True)

    def publish(self, new: str, name: str, *, durable: bool = True) -> None:
        """Give what is at `new` its name. If somebody else made one of this name meanwhile, that one stays."""
        if durable:
            jsonio.sync_directory(new)
        try:
            os.rename(new, f"{self.directory}/{name}")
        except OSError:
            if not os.path.isdir(f"{self.directory}/{name}"):
                raise
            self._throw_away(new)
        if durable:
            jsonio.sync_directory(self.directory)

    def sweep(self) -> int:
        """Remove what killed commands left half made or half removed; of how many volumes."""
        count = 0
        for name in os.listdir(self.directory) if os.path.isdir(self.directory) else ():
            path = f"{self.directory}/{name}"
            try:
                old = time.time() - os.stat(path).st_ctime > _SETTLED
            except FileNotFoundError:
                continue
            if name.startswith(".doomed-") or (name.startswith(".new-") and old):
                self._throw_away(path)
                count += 1
        return count

    def _new(self, value: dict[str, Any], *, durable: bool) -> str:
        new = f"{self.directory}/.new-{new_id()}"
        os.makedirs(f"{new}/_data", mode=0o755)
        os.chmod(f"{new}/_data", 0o755)
        os.chmod(self.directory, _CLOSED)
        jsonio.write(f"{new}/volume.json", {"created": time.time_ns(), **value}, durable=durable)
        return new

    @staticmethod
    def _throw_away(path: str) -> None:
        from izba.store.snapshots.trees import remove_tree

        remove_tree(path)


_CLOSED = 0o700
"""Setuid programs in a volume are for its containers, and for nobody else on the host (CVE-2021-41091)."""

_SETTLED = 3600.0
"""A volume that is still unnamed after so many seconds is nobody's."""
