"""TCP carried from one socket to another, both ways, until both sides have ended.

Small messages are read and written; a connection that turns out to carry much goes by splice(2) through a pipe, so
that its bytes never come into this process. The end of one direction is passed on as such (half-open connections go
on), an error as a reset. A side that does not read makes the other wait.
"""

from __future__ import annotations

import os
from _socket import (
    IPPROTO_TCP,
    SHUT_WR,
    SO_KEEPALIVE,
    SO_LINGER,
    SOL_SOCKET,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_NODELAY,
    socket,
)
from _struct import pack

from izba.linux.loop import READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.linux.loop import Loop

_CHUNK = 65536
_BULK = 16
"""So many full chunks in a row, and a direction goes on by splice."""
_PIPE = 1 << 20
_F_SETPIPE_SZ = 1031
_SPLICE_FLAGS = 0x3  # SPLICE_F_MOVE | SPLICE_F_NONBLOCK
_TURNS = 8
KEEP_ALIVE = (15, 15, 9)
"""Seconds of silence before the first question whether a peer is there, between two, and how many go unanswered: as
Docker's proxy has it."""


class Stream:
    """Two connected sockets, which are this object's from now on; `ended` is called once, when both are closed."""

    __slots__ = ("_closed", "_ended", "_events", "_flows", "_loop", "_sockets")

    def __init__(self, loop: Loop, one: socket, other: socket, ended: Callable[[], None]) -> None:
        self._loop = loop
        self._ended = ended
        self._closed = False
        self._sockets = (one, other)
        self._flows = (_Flow(one, other), _Flow(other, one))
        self._events = [READ, READ]
        for index, each in enumerate(self._sockets):
            each.setblocking(False)
            each.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
            _keep_alive(each)
            loop.watch(each.fileno(), READ, self._on_first if index == 0 else self._on_second)

    def close(self, *, reset: bool = False) -> None:
        """End both connections; `reset` tells them that something was lost."""
        if self._closed:
            return
        self._closed = True
        for each in self._sockets:
            self._loop.unwatch(each.fileno())
            if reset:
                abort(each)
            else:
                each.close()
        for flow in self._flows:
            flow.close()
        self._ended()

    def _on_first(self, events: int) -> None:
        try:
            if events == READ and self._flows[0].carry_little():
                return
        except OSError:
            self.close(reset=True)
            return
        self._on(0, events)

    def _on_second(self, events: int) -> None:
        try:
            if events == READ and self._flows[1].carry_little():
                return
        except OSError:
            self.close(reset=True)
            return
        self._on(1, events)

    def _on(self, index: int, events: int) -> None:
        incoming, outgoing = self._flows[index], self._flows[1 - index]
        try:
            if events & WRITE:
                outgoing.write()
                if not outgoing.waiting:
                    outgoing.run()
            if events & READ:
                incoming.run()
        except BlockingIOError:
            pass
        except OSError:
            self.close(reset=True)
            return
        if incoming.ended and outgoing.ended:
            self.close()
            return
        self._watch()

    def _watch(self) -> None:
        """Each socket is read while its flow may go on, and written while the flow towards it has to wait."""
        for index in (0, 1):
            incoming, outgoing = self._flows[index], self._flows[1 - index]
            wanted = (0 if incoming.finished or incoming.waiting else READ) | (WRITE if outgoing.waiting else 0)
            if wanted != self._events[index]:
                self._events[index] = wanted
                call = self._on_first if index == 0 else self._on_second
                if wanted:
                    self._loop.watch(self._sockets[index].fileno(), wanted, call)
                else:
                    self._loop.unwatch(self._sockets[index].fileno())


class _Flow:
    """One direction. `waiting`: the reader is behind; `finished`: the writer ended; `ended`: that was passed on."""

    __slots__ = (
        "_full",
        "_held",
        "_in_pipe",
        "_pipe",
        "_receive",
        "_send",
        "_source",
        "_target",
        "ended",
        "finished",
        "waiting",
    )

    def __init__(self, source: socket, target: socket) -> None:
        self._source = source
        self._target = target
        self._receive = source.recv
        self._send = target.send
        self._held = b""
        self._full = 0
        self._pipe: tuple[int, int] | None = None
        self._in_pipe = 0
        self.waiting = False
        self.finished = False
        self.ended = False

    def close(self) -> None:
        for fd in self._pipe or ():
            os.close(fd)
        self._pipe = None

    def carry_little(self) -> bool:
        """The most frequent case, a message that goes through at once, in the fewest steps.

        False where more is to be done, which is left for the longer way; nothing is lost until then.
        """
        if self._pipe is not None or self.waiting or self.finished:
            return False
        try:
            data = self._receive(_CHUNK)
        except BlockingIOError:
            return True
        if not data:
            self._finish()
            return False
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._held = data[sent:]
            self.waiting = True
            return False
        self._full = 0 if len(data) < _CHUNK // 2 else self._full + 1
        return self._full < _BULK

    def run(self) -> None:
        """Carry what is there, within reason: others have their turn."""
        for _ in range(_TURNS):
            if self.finished or self.waiting or not self._read():
                return

    def _read(self) -> bool:
        """Carry once; False where there was little or nothing."""
        if self._pipe is not None:
            return self._splice()
        try:
            data = self._source.recv(_CHUNK)
        except BlockingIOError:
            return False
        if not data:
            self._finish()
            return False
        self._full = self._full + 1 if len(data) >= _CHUNK // 2 else 0
        self._held = data
        self.write()
        if self._full >= _BULK and not self.waiting:
            self._open_pipe()
        return len(data) == _CHUNK

    def _splice(self) -> bool:
        assert self._pipe is not None
        try:
            count = os.splice(self._source.fileno(), self._pipe[1], _PIPE, flags=_SPLICE_FLAGS)
        except BlockingIOError:
            return False
        if count == 0:
            self._finish()
            return False
        self._in_pipe += count
        self.write()
        return True

    def write(self) -> None:
        """Pass on what is held; `waiting` says whether something is left."""
        self.waiting = False
        try:
            if self._held:
                sent = self._target.send(self._held)
                self._held = self._held[sent:]
            while self._in_pipe and self._pipe is not None:
                self._in_pipe -= os.splice(self._pipe[0], self._target.fileno(), self._in_pipe, flags=_SPLICE_FLAGS)
        except BlockingIOError:
            pass
        self.waiting = bool(self._held or self._in_pipe)
        if self.finished and not self.waiting:
            self._pass_on_end()

    def _finish(self) -> None:
        self.finished = True
        if not self.waiting:
            self._pass_on_end()

    def _pass_on_end(self) -> None:
        if not self.ended:
            self.ended = True
            self._target.shutdown(SHUT_WR)

    def _open_pipe(self) -> None:
        import fcntl

        try:
            self._pipe = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
            fcntl.fcntl(self._pipe[1], _F_SETPIPE_SZ, _PIPE)
        except OSError:  # out of descriptors, or of pipe memory for this user: it goes on as before, or with less
            self._full = 0


def _keep_alive(connection: socket) -> None:
    """A peer that lost its power or its way never ends a connection, which would keep its place here for ever."""
    connection.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
    for option, value in zip((TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT), KEEP_ALIVE, strict=True):
        connection.setsockopt(IPPROTO_TCP, option, value)


def abort(connection: socket) -> None:
    """Close a connection with a reset."""
    try:
        connection.setsockopt(SOL_SOCKET, SO_LINGER, pack("ii", 1, 0))
    except OSError:
        pass
    connection.close()
