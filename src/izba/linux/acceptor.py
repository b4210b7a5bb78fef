"""Connections taken from a listening socket by the loop."""

from __future__ import annotations

import _socket
import os
from errno import EMFILE, ENFILE

from izba.linux.loop import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.linux.loop import Loop, Timer

_AT_ONCE = 16
_REST = 0.05
"""Seconds without looking for connections, when there was no descriptor for one."""


class Acceptor:
    """Calls `call` with each connection that comes to a listening socket, which is this object's from now on."""

    def __init__(self, loop: Loop, listener: _socket.socket, call: Callable[[_socket.socket], None]) -> None:
        self._loop = loop
        self._listener = listener
        self._call = call
        self._rest: Timer | None = None
        listener.setblocking(False)
        self._watch()

    def close(self) -> None:
        """Take no more."""
        if self._rest:
            self._rest.cancel()
        self._loop.unwatch(self._listener.fileno())
        self._listener.close()

    def _watch(self) -> None:
        self._loop.watch(self._listener.fileno(), READ, self._on_connections)

    def _on_connections(self, _events: int) -> None:
        for _ in range(_AT_ONCE):
            try:
                fd, _ = self._listener._accept()  # type: ignore[attr-defined]  # noqa: SLF001 - the C type's own accept
            except OSError as error:  # none left, or the client gave up, or there is no descriptor for it
                if error.errno in {EMFILE, ENFILE}:  # it stays ready: to look again at once is to look all the time
                    self._loop.unwatch(self._listener.fileno())
                    self._rest = self._loop.after(_REST, self._watch)
                return
            os.set_inheritable(fd, False)
            self._call(_socket.socket(self._listener.family, _socket.SOCK_STREAM, 0, fileno=fd))
