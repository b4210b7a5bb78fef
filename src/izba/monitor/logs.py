"""Where a container's output is kept: Docker's json-file, one JSON object a line, rotated.

    {"log":"hello\\n","stream":"stdout","time":"2025-01-31T12:00:00.123456789Z"}

with `"attrs":{…}` before the time where `--log-opt labels` and its like ask for it.

A line longer than 16 KiB is cut into records; only the last ends with the newline (Docker's `Copier`). `local` keeps
the same records with other limits. Files are `container.log`, and `.1`, `.2` … for what was rotated away, newest first.
"""

from __future__ import annotations

import os
import time
from _json import encode_basestring as quote

from izba import jsonio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import LogPlan

FILE = "container.log"
LONGEST = 16 * 1024

# Docker's writer escapes what HTML or JavaScript would trip over.
_ESCAPES = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))


class Log:
    """The log of one container. A driver of `none` keeps nothing."""

    def __init__(self, directory: str, plan: LogPlan) -> None:
        self._path = f"{directory}/{FILE}"
        self._plan = plan
        self._attributes = f',"attrs":{jsonio.dumps(dict(plan.attributes))}' if plan.attributes else ""
        self._pending = {"stdout": b"", "stderr": b""}
        self._second = 0
        self._stamp = ""
        self._fd = -1
        self._size = 0
        if plan.driver != "none":
            self._open()

    def write(self, stream: str, data: bytes) -> None:
        """Keep `data` of `stream`; what follows the last newline waits for its end."""
        if self._fd < 0:
            return
        data = self._pending[stream] + data
        size = len(data)
        stamp = self._now()
        start = 0
        while start < size:
            end = _end_of_block(data, start, size)
            if end == start:
                break
            self._append(self._records(data[start:end], stream, stamp))
            start = end
        self._pending[stream] = data[start:]

    def flush(self) -> None:
        """Keep what waits for a newline that will not come."""
        for stream, rest in self._pending.items():
            if rest:
                self._append(self._records(rest, stream, self._now()))
                self._pending[stream] = b""

    def pack(self) -> dict[str, str]:
        """What waits for its newline, for `unpack`."""
        return {stream: rest.decode("latin-1") for stream, rest in self._pending.items()}

    def unpack(self, value: dict[str, str]) -> None:
        """Wait for the same newline again."""
        self._pending = {stream: rest.encode("latin-1") for stream, rest in value.items()}

    def close(self) -> None:
        """Flush and let go of the file."""
        if self._fd >= 0:
            self.flush()
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._fd).st_size

    def _append(self, records: bytes) -> None:
        """Write whole records; a file takes as many as fit, and one that is too long for any."""
        if not self._plan.max_size:
            _write(self._fd, records)
            return
        start = 0
        while len(records) - start > (room := self._plan.max_size - self._size):
            end = records.rfind(b"\n", start, start + max(room, 0)) + 1
            if not end and not self._size:
                end = records.index(b"\n", start) + 1
            _write(self._fd, records[start:end])
            self._size += max(start, end) - start
            start = max(start, end)
            if start == len(records):
                return
            if not self._rotate():
                break
        _write(self._fd, records[start:])
        self._size += len(records) - start

    def _rotate(self) -> bool:
        """Go on in a new file; whether there is one. Where none can be made, the old one grows past its limit."""
        new = f"{self._path}.new"
        try:
            fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o640)
        except OSError:  # no room for a name, no descriptor: the container goes on, and its log
            return False
        for number in range(self._plan.max_file - 1, 0, -1):
            older = self._path if number == 1 else f"{self._path}.{number - 1}"
            try:
                os.rename(older, f"{self._path}.{number}")
            except FileNotFoundError:
                continue
        os.rename(new, self._path)
        os.close(self._fd)
        self._fd, self._size = fd, 0
        return True

    def _now(self) -> str:
        now = time.time_ns()
        second, rest = divmod(now, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{rest:09d}Z"

    def _records(self, lines: bytes, stream: str, stamp: str) -> bytes:
        """The records of some lines, made at once: a call for each is more than a busy monitor can afford."""
        text = quote(lines.decode("utf-8", "replace"))
        for character, escape in _ESCAPES:
            if character in text:
                text = text.replace(character, escape)
        tail = f'","stream":"{stream}"{self._attributes},"time":"{stamp}"}}\n'
        between = f'\\n{tail}{{"log":"'
        # An escaped backslash before an `n` is no newline, and cut there the text has no such pair.
        text = "\\\\".join(part.replace("\\n", between) for part in text[1:-1].split("\\\\"))
        if text.endswith('{"log":"'):
            return f'{{"log":"{text[:-8]}'.encode()
        return f'{{"log":"{text}{tail}'.encode()


def _end_of_block(data: bytes, start: int, size: int) -> int:
    """Where what is written at once ends: after the last newline that is at most LONGEST away; without one, after so
    many bytes, between two characters; at `start` if neither is there yet.
    """
    if end := data.rfind(b"\n", start, start + LONGEST) + 1:
        return end
    if size - start < LONGEST:
        return start
    end = start + LONGEST
    while end > start + LONGEST - 4 and end < size and data[end] & 0xC0 == 0x80:  # UTF-8: goes on a character
        end -= 1
    return end


def files(directory: str) -> list[str]:
    """The files of the log that are there, the oldest first."""
    base = f"{directory}/{FILE}"
    found = []
    for number in range(1, 1000):
        if not os.path.exists(f"{base}.{number}"):
            break
        found.append(f"{base}.{number}")
    return [*reversed(found), base] if os.path.exists(base) else list(reversed(found))


def _is_of_the_disk(error: OSError) -> bool:
    import errno

    return error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS}


def _write(fd: int, data: bytes) -> None:
    """Append `data`. A full or broken disk costs the log what it does not take, not the container its life."""
    written = 0
    while written < len(data):
        try:
            written += os.write(fd, memoryview(data)[written:])
        except OSError as error:
            if not _is_of_the_disk(error):
                raise
            if torn := written - (data.rfind(b"\n", 0, written) + 1):
                os.ftruncate(fd, os.fstat(fd).st_size - torn)
            return
