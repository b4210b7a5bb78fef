"""Events: noting what is done to an engine's things, and reading what was, in Docker's words (Engine API, events)."""

from __future__ import annotations

import os
import time

from izba import jsonio
from izba._record import Record
from izba.errors import IzbaError
from izba.events import Event
from izba.oci.digest import Digest
from izba.store import eventlog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.linux.inotify import Watch

_BLOCK = 1 << 16
_LONGEST_WAIT = 60.0
_WITHOUT_WATCH = 0.1


def emit(engine: Engine, type: str, action: str, id: str, /, **attributes: str) -> None:
    """Note that `action` was done to the object `id` of this `type`."""
    eventlog.append(engine.roots.data, type, action, id, attributes)


def emit_container(engine: Engine, container: Container, action: str, **attributes: str) -> None:
    """The same for a container, whose labels, image and name go with it."""
    eventlog.append(engine.roots.data, "container", action, container.id, of_container(container) | attributes)


def emit_image(engine: Engine, action: str, id: str, name: str) -> None:
    """The same for an image, whose labels go with it as long as it is there."""
    labels: dict[str, str] = {}
    try:
        labels = jsonio.loads(engine.store.content.read(Digest(id))).get("config", {}).get("Labels") or {}
    except (IzbaError, OSError):  # gone, or broken: what was done is told all the same
        pass
    eventlog.append(engine.roots.data, "image", action, id, {**labels, "name": name})


def of_container(container: Container) -> dict[str, str]:
    """What each event of a container tells of it."""
    labels = container.config.get("Labels") or {}
    return {**labels, "image": container.config.get("Image", ""), "name": container.name}


class Period(Record):
    """From when until when, in nanoseconds since the epoch. `since` 0 is from now on, `until` 0 without an end."""

    since: int = 0
    until: int = 0


def read(engine: Engine, period: Period, accepts: Callable[[Event], bool]) -> Iterator[Event]:
    """The events of a period, and those to come in it: it waits for them until the period is over."""
    start = period.since or time.time_ns()
    with _Reader(eventlog.directory(engine.roots.data)) as reader:
        while True:
            over = period.until and time.time_ns() > period.until
            for event in reader.new():
                if start <= event.time and (not period.until or event.time <= period.until) and accepts(event):
                    yield event
            if over:
                return
            left = (period.until - time.time_ns()) / 1e9 if period.until else _LONGEST_WAIT
            reader.wait(min(left, _LONGEST_WAIT))


class _Reader:
    """Both files one after the other, then what is appended, by whoever renames them meanwhile."""

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/log"
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self._watch = _watch(directory)
        self._rest = b""
        self._fd = _open(f"{self._path}.1")
        if self._fd < 0:
            self._fd = _open(self._path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        if self._watch:
            self._watch.close()

    def new(self) -> Iterator[Event]:
        """What was written since the last call."""
        while True:
            newer = self._newer()
            while self._fd >= 0 and (data := os.read(self._fd, _BLOCK)):
                *lines, self._rest = (self._rest + data).split(b"\n")
                yield from (event for line in lines if (event := _parse(line)))
            if newer < 0:
                return
            if self._fd >= 0:
                os.close(self._fd)
            self._fd, self._rest = newer, b""

    def wait(self, seconds: float) -> None:
        """Until there may be more."""
        if self._watch:
            self._watch.wait(seconds)
        else:
            time.sleep(max(0.0, min(seconds, _WITHOUT_WATCH)))

    def _newer(self) -> int:
        """The file that has the name now, if it is another: then ours gets nothing more, and is read to its end."""
        newer = _open(self._path)
        if newer >= 0 and self._fd >= 0 and os.path.samestat(os.fstat(newer), os.fstat(self._fd)):
            os.close(newer)
            return -1
        return newer


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1


def _watch(directory: str) -> Watch | None:
    from izba.linux.inotify import Watch

    try:
        return Watch(directory)
    except OSError:  # the user has no watch left
        return None


def _parse(line: bytes) -> Event | None:
    """The event of a line; None for an empty one, and for one that a full disk cut short."""
    if not line:
        return None
    try:
        value: dict[str, Any] = jsonio.loads(line)
        attributes = tuple((name, str(text)) for name, text in value["attributes"].items())
        return Event(
            type=value["type"], action=value["action"], id=value["id"], time=int(value["time"]), attributes=attributes
        )
    except (jsonio.BadJSON, KeyError, TypeError, AttributeError, ValueError):
        return None


def document(event: Event) -> dict[str, Any]:
    """An event as Docker's API and `--format json` have it; the first three fields are its older form."""
    value: dict[str, Any] = {}
    attributes = dict(event.attributes)
    if event.type in {"container", "image"}:
        value = {"status": event.action, "id": event.id}
        if event.type == "container":
            value["from"] = attributes.get("image", "")
    return value | {
        "Type": event.type,
        "Action": event.action,
        "Actor": {"ID": event.id, "Attributes": attributes},
        "scope": "local",
        "time": event.time // 1_000_000_000,
        "timeNano": event.time,
    }
