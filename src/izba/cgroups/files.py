"""Reading, writing and removing in the cgroup file system."""

from __future__ import annotations

import errno
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def write(directory: str, name: str, value: str) -> None:
    """Write one value. Raises `OSError` that names the file and the value."""
    path = f"{directory}/{name}"
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    except OSError as error:
        raise OSError(error.errno, f"write {value!r}: {os.strerror(error.errno or 0)}", path) from None
    finally:
        os.close(fd)


def warn_of_no_weights(value: str) -> None:
    """A device with another I/O scheduler than bfq, or with none, answers so to `MAJOR:MINOR WEIGHT`."""
    from izba import log

    log.warning(f"the block device {value.partition(' ')[0]} has no weights: its weight is left out")


def read(directory: str, name: str) -> str:
    """The file's text; empty where there is no such file."""
    try:
        with open(f"{directory}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def number(directory: str, name: str) -> int | None:
    """The one number in a file; None for `max` and where there is no such file."""
    text = read(directory, name).strip()
    return int(text) if text.isdecimal() else None


def pairs(text: str) -> dict[str, int]:
    """`key value` lines, as in memory.stat."""
    return {
        key: int(value) for key, _, value in (line.partition(" ") for line in text.splitlines()) if value.isdecimal()
    }


def walk(directory: str) -> Iterator[str]:
    """The cgroup and all below it, deepest first."""
    try:
        with os.scandir(directory) as entries:
            below = [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for path in below:
        yield from walk(path)
    yield directory


def pids(directory: str) -> list[int]:
    """The processes in the cgroup and below; those of other pid namespaces, shown as 0, are left out."""
    found = {int(line) for path in walk(directory) for line in read(path, "cgroup.procs").split()}
    return sorted(found - {0})


def remove(directory: str, *, patience: float = 2.0) -> None:
    """Remove the cgroup and all below it. A process that just ended keeps it busy for a moment."""
    deadline = time.monotonic() + patience
    for path in walk(directory):
        while True:
            try:
                os.rmdir(path)
            except FileNotFoundError:
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.005)
            else:
                break
