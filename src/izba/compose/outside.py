"""A process of ours that stays as the user is, for what cannot be done from inside the engine's user namespace.

An ordinary user's command enters that namespace to remove files of other owners, and has threads; networks are changed
from outside it, by a process with a single one (`engine.inside`). Forked before the namespace is entered.
"""

from __future__ import annotations

import os

from izba.errors import Internal
from izba.linux import wire
from izba.monitor import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from types import TracebackType
    from typing import Self

    from izba.engine.engine import Engine


class Outside:
    """The process. `remove_network` may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        from _thread import allocate_lock

        self._lock = allocate_lock()
        self._connection, theirs = wire.pair()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._connection.close()
                os.setsid()  # Ctrl-C is for the command
                _serve(engine, theirs)
            finally:
                os._exit(0)
        theirs.close()

    def remove_network(self, name: str) -> None:
        """Remove it; nothing happens if there is none. Raises what removing raises."""
        with self._lock:
            wire.send(self._connection, name)
            try:
                value, _ = wire.receive(self._connection)
            except EOFError:
                raise Internal("the process that changes the networks was killed") from None
        if "error" in value:
            raise failure.from_json(value["error"])

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


def _serve(engine: Engine, connection: socket) -> None:
    while True:
        try:
            name, _ = wire.receive(connection)
        except EOFError:
            return
        from izba.compose.networks import remove

        try:
            remove(engine, name)
            wire.send(connection, {})
        except Exception as error:  # whoever's fault it is, the command must hear of it
            wire.send(connection, {"error": failure.to_json(error)})
