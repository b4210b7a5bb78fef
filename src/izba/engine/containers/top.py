"""The running processes of a container: `izba top`.

Without options izba lists them itself, in the columns of `ps -ef`; with options of `ps` it asks the host's `ps` and
keeps the lines of the container's processes, as Docker does.
"""

from __future__ import annotations

import os
import time

from izba._record import Record
from izba.engine import eventlog
from izba.engine.containers.processes import processes
from izba.errors import Internal, InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.engine.containers.model import Container
    from izba.engine.containers.processes import Process
    from izba.engine.engine import Engine


class Table(Record):
    """Titles and rows, as the Engine API's ContainerTop has them."""

    titles: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class NoPidColumn(InvalidArgument):
    """The options of `ps` leave out the column by which the container's processes are known; Docker's sentence."""

    def __init__(self) -> None:
        super().__init__("Couldn't find PID field in ps output", hint="let the options of ps include pid")


def top(engine: Engine, container: Container, options: Sequence[str] = ()) -> Table:
    """The processes. Raises `NotRunning`, `NoPidColumn`."""
    members = processes(engine, container)
    eventlog.emit_container(engine, container, "top")
    return _by_ps(members, options) if options else _own(members)


def _own(members: list[Process]) -> Table:
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    hertz = os.sysconf("SC_CLK_TCK")
    return Table(
        titles=("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"),
        rows=tuple(_row(process, boot + process.started / hertz, hertz) for process in members),
    )


def _row(process: Process, started: float, hertz: int) -> tuple[str, ...]:
    used = (process.user_time + process.system_time) / hertz
    alive = max(time.time() - started, 0.001)
    return (
        _owner(process.pid),
        str(process.pid),
        str(process.parent),
        str(min(int(100 * used / alive), 99)),
        _start(started),
        _terminal(process.terminal),
        time.strftime("%H:%M:%S", time.gmtime(used)),
        _command(process),
    )


def _owner(pid: int) -> str:
    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return "?"
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _start(moment: float) -> str:
    then = time.localtime(moment)
    return time.strftime("%H:%M" if then[:3] == time.localtime()[:3] else "%b%d", then)


def _terminal(number: int) -> str:
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if number == 0:
        return "?"
    return f"pts/{minor}" if 136 <= major <= 143 else f"tty{minor}" if major == 4 else "?"


def _command(process: Process) -> str:
    try:
        with open(f"/proc/{process.pid}/cmdline", "rb") as file:
            words = os.fsdecode(file.read(1 << 16)).rstrip("\0").replace("\0", " ")
    except OSError:
        words = ""
    # Whoever runs in the container chooses these characters, and they go to somebody's terminal.
    return "".join(c if c.isprintable() else "?" for c in words or f"[{process.name}]")


def _by_ps(members: list[Process], options: Sequence[str]) -> Table:
    import subprocess

    try:
        done = subprocess.run(["ps", *options], capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError:
        raise NotFound("this host has no ps", hint="without options, izba top needs none") from None
    if done.returncode != 0:
        raise Internal(f"ps: {(done.stderr or done.stdout).strip().partition(chr(10))[0]}")
    header, *lines = done.stdout.splitlines()
    titles = header.split()
    if "PID" not in titles:
        raise NoPidColumn
    wanted = {str(process.pid) for process in members}
    column = titles.index("PID")
    rows = (line.split(None, len(titles) - 1) for line in lines)
    return Table(
        titles=tuple(titles), rows=tuple(tuple(row) for row in rows if len(row) > column and row[column] in wanted)
    )
