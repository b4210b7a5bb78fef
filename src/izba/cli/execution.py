"""A command executed in a container, its streams joined to ours.

Streams that are pipes or /dev/null are given to the command itself, so nothing is copied. A file, a socket or a
terminal of the host is not: the command could open it anew through /proc, with rights we do not have it for.
"""

from __future__ import annotations

import os
import select
import stat

from izba.cli import streams
from izba.cli.foreground import window_size
from izba.engine import eventlog
from izba.engine.containers.exec import exec_in
from izba.ids import new_id
from izba.linux import process as processes
from izba.runtime.launch import Stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.exec import ExecRequest
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.runtime.launch import Launched


def in_background(engine: Engine, container: Container, request: ExecRequest) -> int:
    """Start it and leave it alone. What it writes goes nowhere."""
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    exec_in(engine, container, request, Stdio(stdin=null, stdout=null, stderr=null))
    return 0


def in_foreground(
    engine: Engine, container: Container, request: ExecRequest, *, interactive: bool, keys: str | None
) -> int:
    """Stay until its end; its exit code."""
    request = request.replace(id=new_id())
    if request.tty:
        code = _on_terminal(engine, container, request, interactive=interactive, keys=streams.detach_keys(keys))
    else:
        code = _on_pipes(engine, container, request, interactive=interactive)
    eventlog.emit_container(engine, container, "exec_die", execID=request.id, exitCode=str(code))
    return code


def _on_pipes(engine: Engine, container: Container, request: ExecRequest, *, interactive: bool) -> int:
    ends = _Ends(interactive=interactive)
    launched = exec_in(engine, container, request, ends.stdio)
    ends.close_theirs()
    return _relay(launched, ends)


class _Ends:
    """What the command gets for 0, 1 and 2, and our ends of those that have to be copied."""

    def __init__(self, *, interactive: bool) -> None:
        self._theirs: list[int] = []
        self.stdin = -1
        self.outputs: dict[int, int] = {}
        self.stdio = Stdio(stdin=self._input(interactive=interactive), stdout=self._output(1), stderr=self._output(2))

    def close_theirs(self) -> None:
        """Once the command has them."""
        for fd in self._theirs:
            os.close(fd)

    def _input(self, *, interactive: bool) -> int:
        if not interactive:
            fd = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        elif _can_be_given(0):
            return 0
        else:
            fd, self.stdin = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(self.stdin, False)
        self._theirs.append(fd)
        return fd

    def _output(self, ours: int) -> int:
        if _can_be_given(ours):
            return ours
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(read_fd, False)
        self.outputs[read_fd] = ours
        self._theirs.append(write_fd)
        return write_fd


def _can_be_given(fd: int) -> bool:
    try:
        status = os.fstat(fd)
    except OSError:  # closed
        return False
    null = os.stat("/dev/null").st_rdev
    return stat.S_ISFIFO(status.st_mode) or (stat.S_ISCHR(status.st_mode) and status.st_rdev == null)


def _relay(launched: Launched, ends: _Ends) -> int:
    """Copy until the command has ended and what it wrote is out; its exit code."""
    source = streams.Input(ends.stdin, lambda: os.close(ends.stdin), b"") if ends.stdin >= 0 else None
    poll = select.poll()
    poll.register(launched.pidfd, select.POLLIN)
    for fd in ends.outputs:
        poll.register(fd, select.POLLIN)
    while True:
        if source:
            _watch_input(poll, source)
        ready = dict(poll.poll())
        for fd in ready.keys() & ends.outputs.keys():
            if not _copy(fd, ends.outputs[fd]):
                poll.unregister(fd)
                del ends.outputs[fd]
        if source and 0 in ready:
            source.read()
        elif source and ends.stdin in ready:
            source.write()
        if launched.pidfd in ready:
            for fd, ours in ends.outputs.items():
                _drain(fd, ours)
            return processes.wait(launched.pid)


def _watch_input(poll: select.poll, source: streams.Input) -> None:
    """Watch our stdin while it may give more, and the command's while it has to take some."""
    for fd in (0, source.fd):
        try:
            poll.unregister(fd)
        except KeyError:
            pass
    if source.is_full:
        poll.register(source.fd, select.POLLOUT)
    elif not source.ended:
        poll.register(0, select.POLLIN)


def _copy(fd: int, ours: int) -> bool:
    """Copy what is there; False at the end."""
    try:
        data = os.read(fd, 65536)
    except BlockingIOError:
        return True
    if data:
        streams.write_all(ours, data)
    return bool(data)


def _drain(fd: int, ours: int) -> None:
    """Copy what is left; a process in the background may keep the stream open, but the command has ended."""
    try:
        while data := os.read(fd, 65536):
            streams.write_all(ours, data)
    except BlockingIOError:
        return


def _on_terminal(engine: Engine, container: Container, request: ExecRequest, *, interactive: bool, keys: bytes) -> int:
    from izba.linux import pty

    launched = exec_in(engine, container, request, Stdio())
    console = launched.console
    assert console is not None

    def resize(_number: int = 0) -> None:
        rows, columns = window_size()
        if rows:
            pty.set_window_size(console, pty.WindowSize(rows=rows, columns=columns))

    resize()
    with streams.Signals(resize, proxied=False) as signals, streams.RawTerminal(0 if interactive else -1):
        try:
            streams.relay_terminal(console, stdin=interactive, keys=keys, signals=signals)
        except streams.Detached:
            return 0
    return processes.wait(launched.pid)
