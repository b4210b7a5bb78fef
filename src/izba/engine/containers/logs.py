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
    from typing import Any, Self

    from izba.engine.containers.model import Container
    from izba.linux.inotify import Watch

_BLOCK = 1 << 16
_LONGEST_WAIT = 0.5
"""Seconds after which a follower looks by itself: the end of a killed monitor's container changes no file."""

_WITHOUT_WATCH = 0.02


class LogEntry(Record):
    """One record. `text` ends with a newline unless the line goes on; `time` is RFC 3339 as it was written.

    attributes  what `--log-opt labels` and the like add
    """

    text: str
    stream: str
    time: str
    attributes: tuple[tuple[str, str], ...] = ()


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
    for block in blocks(container, query):
        for record in block:
            attributes = tuple(sorted(record.get("attrs", {}).items()))
            yield LogEntry(text=record["log"], stream=record["stream"], time=record["time"], attributes=attributes)


def blocks(container: Container, query: LogQuery) -> Iterator[list[dict[str, Any]]]:
    """The same as the lists of documents in which they come off the disk, for who has many to write."""
    config = container.host_config.get("LogConfig")
    if config and config["Type"] == "none":
        raise NoLog
    with _Reader(container, query) as reader:
        for block in reader.blocks():
            if not query.since and not query.until:
                yield block
                continue
            wanted: list[dict[str, Any]] = []
            for record in block:
                moment = parse_time(record["time"])
                if query.until and moment > query.until:
                    yield wanted
                    return
                if moment >= query.since:
                    wanted.append(record)
            yield wanted


class _Reader:
    """The files of a log, the oldest first, and those to come.

    A file stays open while it is read, whatever it is renamed to; the one after it is found by where it is then.
    """

    def __init__(self, container: Container, query: LogQuery) -> None:
        self._container = container
        self._query = query
        self._fd = -1
        self._offset = 0
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def blocks(self) -> Iterator[list[dict[str, Any]]]:
        watch = self._watch() if self._query.follow else None
        try:
            self._begin()
            while True:
                going_on = self._query.follow and lifecycle.state(self._container).is_running
                left = self._query.until / 1e9 - time.time() if self._query.until else _LONGEST_WAIT
                yield from self._new()
                if self._go_to_next():
                    continue
                if not going_on or left <= 0:
                    return
                if watch:
                    watch.wait(min(left, _LONGEST_WAIT))
                else:
                    time.sleep(_WITHOUT_WATCH)
        finally:
            if watch:
                watch.close()

    def _watch(self) -> Watch | None:
        from izba.linux.inotify import Watch

        try:
            return Watch(self._container.directory)
        except OSError:  # the user has no watch left
            return None

    def _begin(self) -> None:
        """Open the file in which the first record is."""
        opened = _open_all(self._container.directory)
        first, self._offset = _tail(opened, self._query.tail) if self._query.tail >= 0 else (0, 0)
        for number, fd in enumerate(opened):
            if number == first:
                self._fd = fd
            else:
                os.close(fd)

    def _new(self) -> Iterator[list[dict[str, Any]]]:
        while self._fd >= 0 and (data := os.pread(self._fd, _BLOCK, self._offset)):
            self._offset += len(data)
            lines, newline, rest = data.rpartition(b"\n")
            if newline:
                yield _parse(self._rest + lines)
                self._rest = rest
            else:
                self._rest += rest

    def _go_to_next(self) -> bool:
        """Whether there is a file after this one, which is opened then."""
        opened = _open_all(self._container.directory)
        after = 0
        if self._fd >= 0:
            mine = os.fstat(self._fd)
            after = next((i + 1 for i, fd in enumerate(opened) if os.path.samestat(os.fstat(fd), mine)), 0)
        for number, fd in enumerate(opened):
            if number != after:
                os.close(fd)
        if after >= len(opened):
            return False
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._offset, self._rest = opened[after], 0, b""
        return True


def _open_all(directory: str) -> list[int]:
    """The files that are there, the oldest first, each once.

    Opened from the newest to the oldest: what a rotation renames meanwhile is met twice, and never missed.
    """
    opened: list[int] = []
    seen = set()
    for path in reversed(files.files(directory)):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # between two names, at one of which it is met
            continue
        found = os.fstat(fd)
        if (found.st_dev, found.st_ino) in seen:
            os.close(fd)
            continue
        seen.add((found.st_dev, found.st_ino))
        opened.append(fd)
    return opened[::-1]


def _tail(opened: list[int], count: int) -> tuple[int, int]:
    """Where the last `count` lines begin: which file, and the offset in it."""
    wanted = count
    for number in range(len(opened) - 1, -1, -1):
        offset, found = _tail_of(opened[number], wanted)
        wanted -= found
        if wanted <= 0 or number == 0:
            return number, offset
    return 0, 0


def _tail_of(fd: int, count: int) -> tuple[int, int]:
    """The offset of the last `count` lines of a file, or of its beginning, and how many lines are after it.

    A long line that was cut into several records counts as one.
    """
    size = os.fstat(fd).st_size
    if count == 0:
        return size, 0
    step = _BLOCK
    while True:
        position = max(0, size - step)
        starts = _line_starts(os.pread(fd, size - position, position), at_beginning=position == 0)
        if len(starts) > count or (position == 0 and len(starts) == count):
            return position + starts[-count], count
        if position == 0:
            return 0, len(starts)
        step *= 4


def _line_starts(data: bytes, *, at_beginning: bool) -> list[int]:
    """Offsets in `data` of the records that begin a line of the container's."""
    starts = []
    offset = 0
    continues = not at_beginning
    for record in data.splitlines(keepends=True):
        if not continues:
            starts.append(offset)
        continues = b'\\n","' not in record
        offset += len(record)
    return starts


def _parse(lines: bytes) -> list[dict[str, Any]]:
    """The records, all by one call; one by one where one is torn, as a full disk leaves them, which is passed over."""
    try:
        found: list[dict[str, Any]] = jsonio.loads(b"[" + lines.replace(b"\n", b",") + b"]")
    except jsonio.BadJSON:
        return [record for line in lines.split(b"\n") if (record := _record(line))]
    return found


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record: Any = jsonio.loads(line)
    except jsonio.BadJSON:
        return None
    return record if isinstance(record, dict) and {"log", "stream", "time"} <= record.keys() else None
