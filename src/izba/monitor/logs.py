"""Where a container's output is kept: Docker's json-file, one JSON object a line, rotated.

    {"log":"hello\\n","stream":"stdout","time":"2025-01-31T12:00:00.123456789Z"}

A line longer than 16 KiB is cut into records; only the last ends with the newline (Docker's `Copier`). `local` keeps
the same records with other limits. Files are `container.log`, and `.1`, `.2` … for what was rotated away, newest first.
"""

from __future__ import annotations

import os
import time
from _json import encode_basestring as quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.monitor.plan import LogPlan

FILE = "container.log"
LONGEST = 16 * 1024

# Docker's writer escapes what HTML or JavaScript would trip over.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class Log:
    """The log of one container. A driver of `none` keeps nothing."""

    def __init__(self, directory: str, plan: LogPlan) -> None:
        self._path = f"{directory}/{FILE}"
        self._plan = plan
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
        *lines, rest = data.split(b"\n")
        stamp = self._now()
        records = [self._record(part, stream, stamp) for line in lines for part in _parts(line + b"\n")]
        while len(rest) >= LONGEST:
            records.append(self._record(rest[:LONGEST], stream, stamp))
            rest = rest[LONGEST:]
        self._pending[stream] = rest
        if records:
            self._append(records)

    def flush(self) -> None:
        """Keep what waits for a newline that will not come."""
        for stream, rest in self._pending.items():
            if rest:
                self._append([self._record(rest, stream, self._now())])
                self._pending[stream] = b""

    def close(self) -> None:
        """Flush and let go of the file."""
        if self._fd >= 0:
            self.flush()
            os.close(self._fd)
            self._fd = -1

    def _open(self) -> None:
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        self._size = os.fstat(self._fd).st_size

    def _append(self, records: list[bytes]) -> None:
        if not self._plan.max_size:
            _write(self._fd, b"".join(records))
            return
        batch: list[bytes] = []
        for record in records:
            if self._size and self._size + len(record) > self._plan.max_size:
                _write(self._fd, b"".join(batch))
                batch = []
                self._rotate()
            batch.append(record)
            self._size += len(record)
        _write(self._fd, b"".join(batch))

    def _rotate(self) -> None:
        os.close(self._fd)
        for number in range(self._plan.max_file - 1, 0, -1):
            older = self._path if number == 1 else f"{self._path}.{number - 1}"
            try:
                os.rename(older, f"{self._path}.{number}")
            except FileNotFoundError:
                continue
        if self._plan.max_file == 1:
            os.unlink(self._path)
        self._open()

    def _now(self) -> str:
        now = time.time_ns()
        second, rest = divmod(now, 1_000_000_000)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._stamp}.{rest:09d}Z"

    @staticmethod
    def _record(line: bytes, stream: str, stamp: str) -> bytes:
        text = quote(line.decode("utf-8", "replace")).translate(_ESCAPES)
        return f'{{"log":{text},"stream":"{stream}","time":"{stamp}"}}\n'.encode()


def files(directory: str) -> list[str]:
    """The files of the log that are there, the oldest first."""
    base = f"{directory}/{FILE}"
    found = []
    for number in range(1, 1000):
        if not os.path.exists(f"{base}.{number}"):
            break
        found.append(f"{base}.{number}")
    return [*reversed(found), base] if os.path.exists(base) else list(reversed(found))


def _parts(line: bytes) -> list[bytes]:
    if len(line) <= LONGEST:
        return [line]
    return [line[start : start + LONGEST] for start in range(0, len(line), LONGEST)]


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except OSError as error:
            import errno

            if error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise
            return  # a full disk costs the log its records, not the container its life
