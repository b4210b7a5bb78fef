"""A process of ours that stays as the user is, for what cannot be done by one that has threads, or from inside the
engine's user namespace: networks are changed from outside it by a process with a single thread (`engine.inside`), and
commands are executed in containers by their namespaces' owner.

Forked before threads are begun and the namespace is entered.
"""

from __future__ import annotations

import os
import select

from izba.engine.engine import Engine
from izba.errors import Internal
from izba.linux import wire
from izba.monitor import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

    from izba.compose.project import Hook


class Outside:
    """The process. Its methods may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        from _thread import allocate_lock

        self._lock = allocate_lock()
        self._connection, theirs = wire.pair()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._connection.close()
                os.setsid()  # Ctrl-C is for the command
                _serve(Engine(engine.roots), theirs)
            finally:
                os._exit(0)
        theirs.close()

    def remove_network(self, name: str) -> None:
        """Remove it; nothing happens if there is none. Raises what removing raises."""
        with self._lock:
            wire.send(self._connection, {"network": name})
            _answer(self._connection)

    def execute(self, container: str, hook: Hook, output: Callable[[bytes], None]) -> int:
        """Execute a hook in a container; its exit code. `output` is given what it writes.

        Raises what executing raises: `NotRunning`, `CommandNotFound` …
        """
        ours, theirs = wire.pair()
        read_end, write_end = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            with self._lock:
                message = {"container": container, "hook": {name: getattr(hook, name) for name in hook.__fields__}}
                wire.send(self._connection, message, fds=(theirs.fileno(), write_end))
            theirs.close()
            os.close(write_end)
            _copy(read_end, ours, output)
            code: int = _answer(ours)["code"]
            return code
        finally:
            os.close(read_end)
            ours.close()

    def close(self) -> None:
        """End it."""
        self._connection.close()
        os.waitpid(self._pid, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _answer(connection: socket) -> dict[str, Any]:
    try:
        value, _ = wire.receive(connection)
    except EOFError:
        raise Internal("the process that acts outside of the engine's namespace was killed") from None
    if "error" in value:
        raise failure.from_json(value["error"])
    answer: dict[str, Any] = value
    return answer


def _copy(fd: int, answers: socket, output: Callable[[bytes], None]) -> None:
    """Hand on what is written, until there is an answer: a process left behind may keep the pipe open."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(answers, select.POLLIN)
    while True:
        ready = {each for each, _ in poll.poll()}
        if fd in ready:
            if data := os.read(fd, 65536):
                output(data)
                continue
            poll.unregister(fd)
        if answers.fileno() in ready:
            return


def _serve(engine: Engine, connection: socket) -> None:
    while True:
        try:
            value, fds = wire.receive(connection)
        except EOFError:
            return
        if "network" in value:
            from functools import partial

            from izba.compose.networks import remove

            wire.send(connection, _answered(partial(remove, engine, value["network"])))
            continue
        if os.fork() == 0:
            try:
                _execute(engine, value["container"], value["hook"], *fds)
            finally:
                os._exit(0)
        for fd in fds:
            os.close(fd)
        _reap()


def _answered(work: Callable[[], object]) -> dict[str, Any]:
    try:
        work()
    except Exception as error:  # whoever's fault it is, the command must hear of it
        return {"error": failure.to_json(error)}
    return {}


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _execute(engine: Engine, id: str, hook: dict[str, Any], answers: int, output: int) -> None:
    """In a child: execute, and answer with the exit code."""
    from _socket import socket

    from izba.linux import process

    connection = socket(fileno=answers)
    codes: list[int] = []

    def work() -> None:
        from izba.compose.hooks import exec_request
        from izba.compose.project import Hook
        from izba.engine.containers.exec import exec_in
        from izba.engine.containers.model import require
        from izba.runtime.launch import Stdio

        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        os.set_blocking(output, True)
        stdio = Stdio(stdin=null, stdout=output, stderr=output)
        request = exec_request(Hook(**{name: _tuple(value) for name, value in hook.items()}))
        codes.append(process.wait(exec_in(engine, require(engine, id), request, stdio).pid))

    wire.send(connection, _answered(work) or {"code": codes[0]})


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
