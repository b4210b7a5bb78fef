"""Questions for the world: passed on to the name servers of the host, or those of `--dns`, and the answers back.

Each question goes out by a socket of its own, connected and with a port that the kernel chose at random, under an id of
its own; an answer counts only if it comes by that socket, with that id, for that question. Nothing is kept, so nothing
can be poisoned. UDP is tried at each server in turn; what came by TCP goes on by TCP.
"""

from __future__ import annotations

import os
from _socket import AF_INET, AF_INET6, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK, SOCK_STREAM, socket
from errno import EINPROGRESS

from izba.linux.loop import READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from izba.linux.loop import Loop, Timer

PORT = 53
PATIENCE = 2.0
"""Seconds for one server."""
MOST = 1024
"""Questions under way at one time; more are answered with failure at once."""
_ROUNDS = 2
_LONGEST = 65535


class Upstream:
    """All that is under way."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.under_way = 0

    def ask(
        self, packet: bytes, servers: Sequence[str], done: Callable[[bytes | None], None], *, tcp: bool = False
    ) -> None:
        """Ask; `done` gets the answer under the question's own id, or None where nobody gave one."""
        if self.under_way >= MOST or not servers:
            done(None)
            return
        self.under_way += 1
        _Asking(self, packet, tuple(servers) * _ROUNDS, done, tcp=tcp).next()


class _Asking:
    """One question on its way from server to server."""

    def __init__(
        self,
        upstream: Upstream,
        packet: bytes,
        servers: Sequence[str],
        done: Callable[[bytes | None], None],
        *,
        tcp: bool,
    ) -> None:
        self._upstream = upstream
        self._loop = upstream.loop
        self._own_id = packet[:2]
        self._id = os.urandom(2)
        self._packet = self._id + packet[2:]
        self._question = _question_bytes(packet)
        self._servers = list(servers)
        self._done = done
        self._tcp = tcp
        self._received = bytearray()
        self._socket: socket | None = None
        self._timer: Timer | None = None

    def next(self) -> None:
        """Go on to the next server."""
        self._close()
        while self._servers:
            server = self._servers.pop(0)
            try:
                self._begin(server)
            except OSError:  # no route to it, or no such address
                self._close()
                continue
            return
        self._finish(None)

    def _begin(self, server: str) -> None:
        kind = SOCK_STREAM if self._tcp else SOCK_DGRAM
        self._socket = socket(AF_INET6 if ":" in server else AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
        try:
            self._socket.connect((server.partition("%")[0], PORT))
        except OSError as error:
            if error.errno != EINPROGRESS:
                raise
        self._received.clear()
        self._timer = self._loop.after(PATIENCE, self.next)
        if self._tcp:
            self._loop.watch(self._socket.fileno(), WRITE, self._on_connected)
        else:
            self._socket.send(self._packet)
            self._loop.watch(self._socket.fileno(), READ, self._on_datagram)

    def _on_datagram(self, _events: int) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:  # nobody listens there
            self.next()
            return
        if self._is_answer(data):
            self._finish(data)

    def _on_connected(self, _events: int) -> None:
        assert self._socket is not None
        try:
            framed = len(self._packet).to_bytes(2) + self._packet
            is_sent = self._socket.send(framed) == len(framed)
        except OSError:
            is_sent = False
        if not is_sent:  # refused, reset, or a question longer than anybody's
            self.next()
            return
        self._loop.watch(self._socket.fileno(), READ, self._on_stream)

    def _on_stream(self, _events: int) -> None:
        assert self._socket is not None
        try:
            data = self._socket.recv(_LONGEST)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._received += data
        end = 2 + int.from_bytes(self._received[:2])
        is_whole = len(self._received) >= max(2, end)
        if is_whole and self._is_answer(answer := bytes(self._received[2:end])):
            self._finish(answer)
        elif is_whole or not data:  # it says something else, and perhaps without end, or has ended too early
            self.next()

    def _is_answer(self, data: bytes) -> bool:
        return data[:2] == self._id and len(data) > 12 and data[2] & 0x80 != 0 and _same(data, self._question)

    def _finish(self, data: bytes | None) -> None:
        self._close()
        self._upstream.under_way -= 1
        self._done(data and self._own_id + data[2:])

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._loop.unwatch(self._socket.fileno())
            self._socket.close()
            self._socket = None


def _question_bytes(packet: bytes) -> bytes:
    """The question section of a packet with one question, whose name is not compressed."""
    at = 12
    while at < len(packet) and packet[at]:
        at += packet[at] + 1
    return packet[12 : at + 5]


def _same(answer: bytes, question: bytes) -> bool:
    """Whether the answer repeats the question; servers may change the case of letters."""
    return answer[12 : 12 + len(question)].lower() == question.lower()
