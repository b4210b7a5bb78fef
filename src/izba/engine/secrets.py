"""Secrets and configs that are kept here for projects to use (`external: true`): files with a name.

    <data>/secrets/<name>/{data,about.json}
    <data>/configs/<name>/{data,about.json}

They are for this user alone (0600 below 0700), not encrypted: whoever can read them can start the containers that do.
An entry is made under a hidden name and renamed, so that it is there whole or not at all.
"""

from __future__ import annotations

import os
import time

from izba import jsonio
from izba._record import Record
from izba.errors import AlreadyExists, InvalidArgument, NotFound
from izba.ids import new_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.engine.engine import Engine

SECRETS, CONFIGS = "secrets", "configs"
MAX_BYTES = {SECRETS: 500 << 10, CONFIGS: 1000 << 10}
"""Docker's limits."""

ABANDONED_AFTER = 3600
"""Seconds: no command takes so long from a hidden name to its end."""

_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME = _ALNUM | frozenset("_.-")


class NoSuchEntry(NotFound):
    """No secret, or no config, has this name."""

    def __init__(self, kind: str, name: str) -> None:
        word = kind.removesuffix("s")
        super().__init__(f"no such {word}: {name}", hint=f"`izba {word} create {name} FILE` makes it")
        self.name = name


class EntryExists(AlreadyExists):
    """The name is taken. What is kept does not change: containers may have it."""

    def __init__(self, kind: str, name: str) -> None:
        word = kind.removesuffix("s")
        super().__init__(f"{word} {name!r} exists already", hint=f"`izba {word} rm {name}` removes it")
        self.name = name


class Entry(Record):
    """One secret or config. `created` counts nanoseconds since the epoch."""

    kind: str
    name: str
    created: int
    size: int
    labels: tuple[tuple[str, str], ...] = ()


class Entries:
    """All of one kind, `SECRETS` or `CONFIGS`."""

    def __init__(self, engine: Engine, kind: str) -> None:
        self._kind = kind
        self._directory = f"{engine.roots.data}/{kind}"

    def create(self, name: str, data: bytes, labels: tuple[tuple[str, str], ...] = ()) -> Entry:
        """Keep it. Raises `EntryExists`, `InvalidArgument`."""
        if not 0 < len(name) <= 64 or name[0] not in _ALNUM or not _NAME.issuperset(name):
            raise InvalidArgument(f"invalid name {name!r}: up to 64 of [a-zA-Z0-9_.-], a letter or a digit first")
        if not data or len(data) > MAX_BYTES[self._kind]:
            limit = MAX_BYTES[self._kind] >> 10
            raise InvalidArgument(
                f"{self._kind.removesuffix('s')} data must be larger than 0 and less than {limit} KiB"
            )
        self._sweep()
        hidden = f"{self._directory}/.{new_id()[:16]}"
        os.makedirs(hidden, mode=0o700)
        os.chmod(self._directory, 0o700)
        about = {"created": time.time_ns(), "labels": dict(labels)}
        _write(f"{hidden}/data", data)
        _write(f"{hidden}/about.json", jsonio.dumps(about).encode())
        try:
            os.rename(hidden, f"{self._directory}/{name}")
        except OSError:  # ENOTEMPTY, EEXIST: the name is taken by a directory that is not empty
            self._discard(hidden)
            raise EntryExists(self._kind, name) from None
        return self.get(name)

    def get(self, name: str) -> Entry:
        """Raises `NoSuchEntry`."""
        path = self._path(name)
        try:
            about: Any = jsonio.read(f"{path}/about.json")
            size = os.stat(f"{path}/data").st_size
        except FileNotFoundError:
            raise NoSuchEntry(self._kind, name) from None
        labels = tuple(about["labels"].items())
        return Entry(kind=self._kind, name=name, created=about["created"], size=size, labels=labels)

    def read(self, name: str) -> bytes:
        """What is kept under the name. Raises `NoSuchEntry`."""
        try:
            with open(f"{self._path(name)}/data", "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise NoSuchEntry(self._kind, name) from None

    def all(self) -> list[Entry]:
        """Every one, by name."""
        try:
            names = sorted(os.listdir(self._directory))
        except FileNotFoundError:
            return []
        found = []
        for name in names:
            try:
                found.append(self.get(name))
            except NoSuchEntry:  # hidden: being made; or removed meanwhile
                continue
        return found

    def remove(self, name: str) -> None:
        """Forget it. Containers that have it keep their copy. Raises `NoSuchEntry`."""
        hidden = f"{self._directory}/.{new_id()[:16]}"
        try:
            os.rename(self._path(name), hidden)
        except FileNotFoundError:
            raise NoSuchEntry(self._kind, name) from None
        self._discard(hidden)

    def _path(self, name: str) -> str:
        if not name or name[0] not in _ALNUM or not _NAME.issuperset(name):
            raise NoSuchEntry(self._kind, name)
        return f"{self._directory}/{name}"

    def _sweep(self) -> None:
        """Remove what commands that were killed half way have left: it may hold a secret."""
        if not os.path.isdir(self._directory):
            return
        for entry in os.scandir(self._directory):
            if entry.name.startswith(".") and entry.stat().st_mtime < time.time() - ABANDONED_AFTER:
                self._discard(entry.path)

    @staticmethod
    def _discard(path: str) -> None:
        from shutil import rmtree

        rmtree(path, ignore_errors=True)  # another command may be at it


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(fd)
