"""The resolver of one container: its two sockets, and what is answered to what comes by them."""

from __future__ import annotations

import _socket

from izba.linux.acceptor import Acceptor
from izba.linux.loop import READ
from izba.network import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from izba.linux.loop import Loop, Timer
    from izba.network.dns.names import Names
    from izba.network.dns.upstream import Upstream

_AT_ONCE = 64
_MOST_CONNECTIONS = 32
_MOST_ASKED = 256
"""Questions of one container that the world is asked at one time: there is a limit for all (`upstream`)."""
_IDLE = 10.0


class Resolver:
    """Answers one container. `servers` are asked for what is not ours; none given: the host's."""

    def __init__(
        self,
        loop: Loop,
        container: str,
        sockets: tuple[_socket.socket, _socket.socket],
        servers: Sequence[str],
        names: Names,
        upstream: Upstream,
    ) -> None:
        self._loop = loop
        self._container = container
        self._udp, tcp = sockets
        self._servers = tuple(servers)
        self._names = names
        self._upstream = upstream
        self._connections: set[_Connection] = set()
        self._asked = 0
        self._turn = 0
        loop.watch(self._udp.fileno(), READ, self._on_datagrams)
        self._acceptor = Acceptor(loop, tcp, self._on_connection)

    def close(self) -> None:
        """The container ended."""
        self._acceptor.close()
        self._loop.unwatch(self._udp.fileno())
        self._udp.close()
        for connection in list(self._connections):
            connection.close()

    def forget(self, connection: _Connection) -> None:
        """The connection was closed."""
        self._connections.discard(connection)

    def answer(self, packet: bytes, send: Callable[[bytes], None], *, tcp: bool) -> None:
        """Answer now, or when the world has."""
        from izba.network.dns import answers

        question = answers.parse(packet)
        if question is None:
            return
        self._turn += question.kind == answers.A
        found = answers.reply(
            question,
            find=lambda name: self._names.find(self._container, name),
            name_of=lambda address: self._names.name_of(self._container, address),
            first=self._turn,
            limit=65535 if tcp else question.udp_size,
        )
        if found is not None:
            send(found)
        elif not self._names.goes_out(self._container):
            send(answers.failure(question, answers.REFUSED))
        else:
            failed = answers.failure(question, answers.SERVFAIL)
            if self._asked >= _MOST_ASKED:
                send(failed)
                return
            self._asked += 1

            def done(data: bytes | None) -> None:
                self._asked -= 1
                if data is None:
                    send(failed)
                else:
                    send(data if tcp else answers.cut(question, data))

            self._upstream.ask(packet, self._servers or files.name_servers(), done, tcp=tcp)

    def _on_datagrams(self, _events: int) -> None:
        for _ in range(_AT_ONCE):  # other containers have their turn
            try:
                packet, client = self._udp.recvfrom(4096)
            except OSError:  # no more, or an ICMP error of an answer that nobody waited for
                return
            self.answer(packet, lambda data, client=client: self._send(data, client), tcp=False)  # type: ignore[misc]

    def _send(self, data: bytes, client: tuple[str, int]) -> None:
        try:
            self._udp.sendto(data, client)
        except OSError:  # the client, or the whole container, has gone
            return

    def _on_connection(self, connection: _socket.socket) -> None:
        if len(self._connections) >= _MOST_CONNECTIONS:
            connection.close()
            return
        self._connections.add(_Connection(self._loop, self, connection))


class _Connection:
    """One client by TCP: each message after its length, in two bytes."""

    def __init__(self, loop: Loop, resolver: Resolver, connection: _socket.socket) -> None:
        self._loop = loop
        self._resolver = resolver
        self._socket = connection
        self._received = bytearray()
        self._timer: Timer | None = None
        connection.setblocking(False)
        loop.watch(connection.fileno(), READ, self._on_bytes)
        self._wait()

    def close(self) -> None:
        """Close it."""
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()
        self._resolver.forget(self)

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.after(_IDLE, self.close)

    def _on_bytes(self, _events: int) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._wait()
        self._received += data
        while len(self._received) > 1:
            length = int.from_bytes(self._received[:2])
            if len(self._received) < length + 2:
                return
            packet = bytes(self._received[2 : length + 2])
            del self._received[: length + 2]
            self._resolver.answer(packet, self._send, tcp=True)

    def _send(self, data: bytes) -> None:
        if self._timer is None:
            return
        framed = len(data).to_bytes(2) + data
        try:
            if self._socket.send(framed) < len(framed):  # it asks and does not read
                self.close()
        except OSError:
            self.close()
