"""Reading a container's log, and following it."""

from __future__ import annotations

import os
import time

from izba import jsonio
from izba._record import Record
from izba.engine.containers import lifecycle
from izba.errors import InvalidArgument
from izba.monitor import logs as files
from izba.timestamps import parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.engine.containers.model import Container

_PAUSE = 0.02
_BLOCK = 1 << 16


class LogEntry(Record):
    """One record. `text` ends with a newline unless the line goes on; `time` is RFC 3339 as it was written."""

    text: str
    stream: str
    time: str


class LogQuery(Record):
    """Which records: the last `tail` (-1: all), none before `since` or after `until` (nanoseconds since the epoch)."""

    tail: int = -1
    since: int = 0
    until: int = 0
    follow: bool = False


class NoLog(InvalidArgument):
    """The container's driver keeps nothing; Docker's sentence."""

    def __init__(self) -> None:
        super().__init__("configured logging driver does not support reading")


def read(container: Container, query: LogQuery) -> Iterator[LogEntry]:
    """The records asked for, the oldest first; with `follow` those to come, until the container ends."""
    config = container.host_config.get("LogConfig")
    if config and config["Type"] == "none":
        raise NoLog
    for entry in _entries(container, query):
        moment = parse_time(entry.time) if query.since or query.until else 0
        if query.until and moment > query.until:
            return
        if moment >= query.since:
            yield entry


def _entries(container: Container, query: LogQuery) -> Iterator[LogEntry]:
    paths = files.files(container.directory)
    start = _tail(paths, query.tail) if query.tail >= 0 else [(path, 0) for path in paths]
    current = _open(start[-1][0] if start else f"{container.directory}/{files.FILE}")
    for path, offset in start[:-1]:
        with open(path, "rb") as file:
            file.seek(offset)
            yield from (_parse(line) for line in file if line.endswith(b"\n"))
    follower = _Follower(container, current, start[-1][1] if start else 0)
    yield from follower.entries(follow=query.follow)


class _Follower:
    """Reads the file that grows, and the next one when it was rotated away."""

    def __init__(self, container: Container, fd: int, offset: int) -> None:
        self._container = container
        self._fd = fd
        self._offset = offset
        self._rest = b""

    def entries(self, *, follow: bool) -> Iterator[LogEntry]:
        try:
            while True:
                running = follow and lifecycle.state(self._container).is_running
                yield from self._new()
                if self._is_rotated():
                    continue
                if not running:
                    return
                time.sleep(_PAUSE)
        finally:
            if self._fd >= 0:
                os.close(self._fd)

    def _new(self) -> Iterator[LogEntry]:
        while self._fd >= 0 and (data := os.pread(self._fd, _BLOCK, self._offset)):
            self._offset += len(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            yield from (_parse(line) for line in lines)

    def _is_rotated(self) -> bool:
        """Whether there is a newer file, which is opened then."""
        path = f"{self._container.directory}/{files.FILE}"
        newer = _open(path)
        if newer < 0:
            return False
        if self._fd >= 0 and os.path.samestat(os.fstat(newer), os.fstat(self._fd)):
            os.close(newer)
            return False
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._offset, self._rest = newer, 0, b""
        return True


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return -1


def _tail(paths: list[str], count: int) -> list[tuple[str, int]]:
    """Where the last `count` lines begin: (file, offset) of the file they begin in and those after it."""
    result: list[tuple[str, int]] = []
    wanted = count
    for path in reversed(paths):
        offset, found = _tail_of(path, wanted)
        result.insert(0, (path, offset))
        wanted -= found
        if wanted <= 0:
            break
    return result


def _tail_of(path: str, count: int) -> tuple[int, int]:
    """The offset of the last `count` lines of a file, or of its beginning, and how many lines are after it.

    A long line that was cut into several records counts as one.
    """
    with open(path, "rb") as file:
        position = file.seek(0, os.SEEK_END)
        if count == 0:
            return position, 0
        data = b""
        while position > 0:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            data = file.read(step) + data
            starts = _line_starts(data, at_beginning=position == 0)
            if len(starts) > count:
                return position + starts[-count], count
        starts = _line_starts(data, at_beginning=True)
        return (starts[-count], count) if len(starts) >= count else (0, len(starts))


def _line_starts(data: bytes, *, at_beginning: bool) -> list[int]:
    """Offsets in `data` of the records that begin a line of the container's."""
    starts = []
    offset = 0
    continues = not at_beginning
    for record in data.splitlines(keepends=True):
        if not continues:
            starts.append(offset)
        continues = b'\\n","stream"' not in record
        offset += len(record)
    return starts


def _parse(line: bytes) -> LogEntry:
    value = jsonio.loads(line)
    return LogEntry(text=value["log"], stream=value["stream"], time=value["time"])
