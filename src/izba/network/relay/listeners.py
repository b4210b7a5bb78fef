"""Published ports by way of this process: each connection that comes is carried to the container's port."""

from __future__ import annotations

import _socket
from errno import EINPROGRESS

from izba.linux.acceptor import Acceptor
from izba.linux.loop import READ, WRITE
from izba.network.relay.stream import Stream, abort

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.linux.loop import Loop, Timer
    from izba.network.relay.shares import Connections

    Dial = Callable[[int, str], _socket.socket]
    """A new socket of the side that containers are on; of streams or datagrams, for a client with that address."""

_AT_ONCE = 16
_CONNECT_PATIENCE = 20.0
_DATAGRAM_PATIENCE = 90.0
_MOST_CLIENTS = 1024


class Connecting:
    """A connection on its way from an accepted client to where it is to go."""

    def __init__(
        self,
        loop: Loop,
        client: _socket.socket,
        target: _socket.socket,
        address: tuple[str, int],
        streams: set[Stream | Connecting],
    ) -> None:
        self._loop = loop
        self._client = client
        self._target = target
        self._streams = streams
        self._timer: Timer | None = None
        target.setblocking(False)
        try:
            target.connect(address)
        except OSError as error:
            if error.errno != EINPROGRESS:
                self.close()
                return
            streams.add(self)
            self._timer = loop.after(_CONNECT_PATIENCE, self.close)
            loop.watch(target.fileno(), WRITE, lambda _events: self._on_connected())
            return
        self._join()

    def _on_connected(self) -> None:
        self._loop.unwatch(self._target.fileno())
        if self._target.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR):
            self.close()
            return
        self._streams.discard(self)
        if self._timer:
            self._timer.cancel()
        self._join()

    def _join(self) -> None:
        stream: Stream

        def ended() -> None:
            self._streams.discard(stream)

        stream = Stream(self._loop, self._client, self._target, ended)
        self._streams.add(stream)

    def close(self) -> None:
        """Nobody answers there: the client is told as if it had called there itself."""
        self._streams.discard(self)
        if self._timer:
            self._timer.cancel()
        self._loop.unwatch(self._target.fileno())
        self._target.close()
        abort(self._client)


class StreamPort:
    """A listening socket whose connections go to one address."""

    def __init__(
        self,
        loop: Loop,
        listener: _socket.socket,
        address: tuple[str, int],
        dial: Dial,
        connections: Connections,
    ) -> None:
        self._loop = loop
        self._address = address
        self._dial = dial
        self._connections = connections
        self._acceptor = Acceptor(loop, listener, self._on_connection)

    def close(self) -> None:
        """The container ended: so do its connections."""
        self._acceptor.close()
        self._connections.close(self)

    def _on_connection(self, client: _socket.socket) -> None:
        streams = self._connections.of(self, shares=False)
        if streams is None:
            abort(client)
            return
        try:
            target = self._dial(_socket.SOCK_STREAM, client.getpeername()[0])
        except OSError:  # it has gone, or there is no descriptor left
            abort(client)
            return
        Connecting(self._loop, client, target, self._address, streams)


class DatagramPort:
    """A UDP socket whose packets go to one address; a client's answers come back to it for a while."""

    def __init__(self, loop: Loop, listener: _socket.socket, address: tuple[str, int], dial: Dial) -> None:
        self._loop = loop
        self._listener = listener
        self._address = address
        self._dial = dial
        self._clients: dict[tuple[str, int], tuple[_socket.socket, list[Timer]]] = {}
        listener.setblocking(False)
        loop.watch(listener.fileno(), READ, self._on_datagrams)

    def close(self) -> None:
        """The container ended."""
        self._loop.unwatch(self._listener.fileno())
        self._listener.close()
        for client in list(self._clients):
            self._forget(client)

    def _on_datagrams(self, _events: int) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, client = self._listener.recvfrom(65535)
            except OSError:
                return
            target = self._target_of(client)
            if target is None:
                continue
            try:
                target.send(data)
            except OSError:  # the container's port is closed; what its kernel said of it came late
                continue

    def _target_of(self, client: tuple[str, int]) -> _socket.socket | None:
        if client not in self._clients:
            if len(self._clients) >= _MOST_CLIENTS:
                self._forget(next(iter(self._clients)))  # the oldest: addresses that answer nothing are soon many
            try:
                made = self._dial(_socket.SOCK_DGRAM, client[0])
            except OSError:
                return None
            try:
                made.setblocking(False)
                made.connect(self._address)
            except OSError:
                made.close()
                return None
            self._clients[client] = (made, [])
            self._loop.watch(made.fileno(), READ, lambda _events: self._on_answer(client))
        target, timers = self._clients[client]
        for timer in timers:
            timer.cancel()
        timers[:] = [self._loop.after(_DATAGRAM_PATIENCE, lambda: self._forget(client))]
        return target

    def _on_answer(self, client: tuple[str, int]) -> None:
        target = self._clients[client][0]
        try:
            data = target.recv(65535)
            self._listener.sendto(data, client)
        except OSError:
            return

    def _forget(self, client: tuple[str, int]) -> None:
        target, timers = self._clients.pop(client)
        for timer in timers:
            timer.cancel()
        self._loop.unwatch(target.fileno())
        target.close()
