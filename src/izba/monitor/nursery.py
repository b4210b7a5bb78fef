"""A light process that forks monitors for a heavy one.

`Monitor` wants to be forked before anything is imported, and from a single thread. A command that starts many
containers at once, in threads and with a parser's libraries loaded, opens a nursery first thing and takes its monitors
from there. The nursery ends when it is closed, or with the command.
"""

from __future__ import annotations

import os

from izba.linux import wire
from izba.monitor.spawn import Monitor, disown, reap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from types import TracebackType
    from typing import Self


class Nursery:
    """Where monitors come from. `monitor` may be called from any thread, one at a time each."""

    def __init__(self) -> None:
        from _thread import allocate_lock

        self._lock = allocate_lock()
        self._connection, theirs = wire.pair()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                self._connection.close()
                _serve(theirs)
            finally:
                os._exit(0)
        theirs.close()

    def monitor(self) -> Monitor:
        """A monitor that waits for its plan."""
        with self._lock:
            wire.send(self._connection, "monitor")
            _, (fd,) = wire.receive(self._connection)
        return Monitor.adopted(fd)

    def close(self) -> None:
        """End it; monitors that were launched go on."""
        self._connection.close()
        os.waitpid(self._pid, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _serve(connection: socket) -> None:
    disown()
    os.setsid()  # Ctrl-C is for the command
    while True:
        try:
            wire.receive(connection)
        except EOFError:
            return
        monitor = Monitor()
        fd = monitor.release()
        wire.send(connection, "monitor", fds=(fd,))
        os.close(fd)
        reap()
