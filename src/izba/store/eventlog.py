r"""What happened, one JSON object a line, for `izba events`: `<data>/events/log`, and `log.1` that was before it.

    {"action":"start","attributes":{"image":"busybox","name":"web"},"id":"3c5f…","time":1706702400123456789,"type":"container"}

There is no daemon that could tell: whoever does a thing appends it, a monitor or a command, as one write. When the file
is full it is renamed, so that never more than twice `MOST` is kept. A writer has a shared lock on the file and a rename
an exclusive one: nothing is appended to a file that was renamed, and who follows can leave it at its end.

An event that cannot be written (a full disk) is lost, and what it tells of is not.
"""

from __future__ import annotations

import os
import time

from izba import jsonio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MOST = 1 << 20


def directory(data: str) -> str:
    """Where the log of the izba on this data root is."""
    return f"{data}/events"


def append(data: str, type: str, action: str, id: str, attributes: Mapping[str, str]) -> None:
    """Note that `action` was done to the object `id` now."""
    event = {"type": type, "action": action, "id": id, "time": time.time_ns(), "attributes": attributes}
    # The newline before it ends what a full disk has cut short.
    line = f"\n{jsonio.dumps(event)}\n".encode()
    try:
        fd = _locked(f"{directory(data)}/log")
        try:
            size = os.fstat(fd).st_size
            os.write(fd, line)
            if size > MOST:
                _rotate(fd, f"{directory(data)}/log")
        finally:
            os.close(fd)
    except OSError:
        return


def _locked(path: str) -> int:
    """The file that has this name, with a shared lock that keeps it there."""
    import fcntl

    while True:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            continue
        fcntl.flock(fd, fcntl.LOCK_SH)
        if _is_still(fd, path):
            return fd
        os.close(fd)


def _rotate(fd: int, path: str) -> None:
    import fcntl

    fcntl.flock(fd, fcntl.LOCK_EX)
    if _is_still(fd, path):  # a lock is let go of before it becomes another
        os.rename(path, f"{path}.1")


def _is_still(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False
