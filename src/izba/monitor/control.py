"""Requests to a running monitor: one connection, one line of JSON, one line of answer.

{"verb": "attach", "streams": ["stdout", "stderr"], "stdin": true}   answered by {"ok": true}, then the streams follow
{"verb": "signal", "number": 15, "final": true}    `final`: no restart policy starts the container again
{"verb": "stop", "number": 15, "timeout": 10}      answered when it has ended; SIGKILL after the timeout, -1 is never
{"verb": "wait"}                                   answered {"exit_code": 0} at the end of this run
{"verb": "resize", "rows": 24, "columns": 80}
{"verb": "paused", "value": true}                  frozen, or let go, when answered
{"verb": "cgroup", "path": "/izba/…"}               an update made a cgroup for it, to be removed at its end
{"verb": "networks", "links", "names"}             it was connected or disconnected; "pid" is the run that lacks that
{"verb": "restart-policy", "name": "always", "maximum": 0}
{"verb": "renamed", "name": "web"}                 what its events call it from now on
"""

from __future__ import annotations

import _socket
import os

from izba import jsonio
from izba.linux.loop import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.linux.loop import Loop

SOCKET = "monitor.sock"
_LONGEST = 64 * 1024
_RESERVE = 16
"""Descriptors that connections leave to the monitor: it has a state to write, and probes to start."""
_BACKLOG = 64


class Request:
    """One request; `answer` it once, or `keep` the connection for streams."""

    def __init__(self, connection: _socket.socket, value: dict[str, Any], rest: bytes) -> None:
        self.connection = connection
        self.value = value
        self.rest = rest

    def answer(self, value: dict[str, Any]) -> None:
        """Send the answer and close."""
        self.keep(value)
        self.connection.close()

    def keep(self, value: dict[str, Any]) -> None:
        """Send the answer and stay connected."""
        try:
            self.connection.send(jsonio.dumps(value).encode() + b"\n")
        except OSError:  # it did not wait for the answer
            return


class Waiting:
    """Requests that are answered when the run ends; one whose client hung up is dropped."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._all: list[Request] = []

    @property
    def is_empty(self) -> bool:
        """Whether nobody waits."""
        return not self._all

    def add(self, request: Request) -> None:
        """Keep the request until `answer`."""
        self._all.append(request)
        # No event is asked for: epoll tells of a hang-up all the same, and only of that, so a client may half-close.
        self._loop.watch(request.connection.fileno(), 0, lambda _events: self._forget(request))

    def answer(self, value: dict[str, Any]) -> None:
        """Answer all, and close."""
        waiting, self._all = self._all, []
        for request in waiting:
            self._loop.unwatch(request.connection.fileno())
            request.answer(value)

    def _forget(self, request: Request) -> None:
        self._all.remove(request)
        self._loop.unwatch(request.connection.fileno())
        request.connection.close()


class Control:
    """The socket in the container's run directory. Only its owner can reach it."""

    def __init__(
        self, loop: Loop, directory: str, on_request: Callable[[Request], None], *, listening: int = -1
    ) -> None:
        """`listening` is the socket as it was before a sleep (`slumber`)."""
        self._loop = loop
        self._path = f"{directory}/{SOCKET}"
        self._on_request = on_request
        self._socket = self._listen(directory) if listening < 0 else _socket.socket(fileno=listening)
        self._socket.setblocking(False)
        loop.watch(self._socket.fileno(), READ, self._on_connection)

    def fileno(self) -> int:
        """The listening socket."""
        return self._socket.fileno()

    def _listen(self, directory: str) -> _socket.socket:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        listening = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        _unlink(self._path)  # of a monitor that was killed
        _in_directory(directory, listening.bind)
        os.chmod(self._path, 0o600)
        listening.listen(_BACKLOG)
        return listening

    def close(self) -> None:
        """Take no more requests."""
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()
        _unlink(self._path)
        try:
            os.rmdir(os.path.dirname(self._path))
        except OSError:  # somebody else's file is in it
            pass

    def _on_connection(self, _events: int) -> None:
        try:
            fd, _ = self._socket._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - the C type's own accept
        except OSError:
            return
        if fd >= os.sysconf("SC_OPEN_MAX") - _RESERVE:
            os.close(fd)
            return
        os.set_inheritable(fd, False)
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, fileno=fd)
        connection.setblocking(False)
        received = bytearray()
        self._loop.watch(fd, READ, lambda _events: self._on_bytes(connection, received))

    def _on_bytes(self, connection: _socket.socket, received: bytearray) -> None:
        try:
            data = connection.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        received += data
        line, newline, rest = bytes(received).partition(b"\n")
        if not newline and data and len(received) < _LONGEST:
            return
        self._loop.unwatch(connection.fileno())
        if not newline:
            connection.close()
            return
        try:
            value = jsonio.loads(line)
        except ValueError:
            value = None
        request = Request(connection, value if isinstance(value, dict) else {}, rest)
        self._on_request(request)


def connect(directory: str) -> _socket.socket:
    """A connection to the monitor whose run directory this is. Raises `OSError` where none listens."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    try:
        _in_directory(directory, connection.connect)
    except BaseException:
        connection.close()
        raise
    return connection


def ask(connection: _socket.socket, value: dict[str, Any]) -> dict[str, Any]:
    """Send a request and wait for its answer; only its own line is read. Raises `EOFError` when the monitor ended."""
    connection.sendall(jsonio.dumps(value).encode() + b"\n")
    line = bytearray()
    while not line.endswith(b"\n"):
        try:
            byte = connection.recv(1)
        except ConnectionResetError:
            byte = b""
        if not byte:
            raise EOFError
        line += byte
    answer: dict[str, Any] = jsonio.loads(bytes(line))
    return answer


def request(directory: str, value: dict[str, Any]) -> dict[str, Any]:
    """Connect, ask, close. Raises `OSError` where no monitor listens and `EOFError` where it ended meanwhile."""
    connection = connect(directory)
    try:
        return ask(connection, value)
    finally:
        connection.close()


def _in_directory(directory: str, call: Callable[[str], object]) -> None:
    # A socket's address holds 107 bytes; a path by way of a descriptor is always short enough (unix(7)).
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call(f"/proc/self/fd/{fd}/{SOCKET}")
    finally:
        os.close(fd)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
