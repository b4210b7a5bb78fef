"""Rootless: what leaves a network for the world, carried there from the host's network.

A connection that leaves is turned by a rule to a listening socket inside, which this process holds; where it was meant
to go is asked of the kernel (SO_ORIGINAL_DST), and a socket of the host goes there. A datagram comes with the address
it was meant for (TPROXY); its answer goes back by a socket inside that has this address.
"""

from __future__ import annotations

import _socket
from _struct import unpack_from

from izba.linux.acceptor import Acceptor
from izba.linux.loop import READ
from izba.network import ipv4
from izba.network.relay.listeners import Connecting
from izba.network.relay.stream import abort

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.linux.loop import Loop, Timer
    from izba.network.relay.inside import Inside
    from izba.network.relay.shares import Connections

    Address = tuple[str, int]

_SO_ORIGINAL_DST = 80
_IP_ORIGDSTADDR = 20
_AT_ONCE = 16
_MOST_FLOWS = 1024
"""Of all containers: where there is no room, who has most of them gives one up."""
_PATIENCE = 90.0


class Outward:
    """Carries connections and datagrams out, and answers back."""

    def __init__(self, loop: Loop, inside: Inside, connections: Connections) -> None:
        self._loop = loop
        self._inside = inside
        self._connections = connections
        self._flows: dict[str, dict[tuple[Address, Address], _Flow]] = {}  # by the container's address
        self._count = 0
        Acceptor(loop, inside.streams_out, self._on_connection)
        inside.datagrams_out.setblocking(False)
        loop.watch(inside.datagrams_out.fileno(), READ, self._on_datagrams)

    def forget(self, key: tuple[Address, Address]) -> None:
        """Nothing was heard of the flow for a while, or another needs its place."""
        container = key[0][0]
        self._count -= 1
        del self._flows[container][key]
        if not self._flows[container]:
            del self._flows[container]

    def _on_connection(self, client: _socket.socket) -> None:
        address = original_destination(client)
        if address is None or not is_world(address[0]):
            abort(client)
            return
        try:
            streams = self._connections.of(client.getpeername()[0], shares=True)
            if streams is None:
                abort(client)
                return
            target = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)
        except OSError:  # it has gone, or there is no descriptor left
            abort(client)
            return
        Connecting(self._loop, client, target, address, streams)

    def _on_datagrams(self, _events: int) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, _, client = self._inside.datagrams_out.recvmsg(65535, 64)
            except OSError:
                return
            wanted = [_address(value) for _, kind, value in ancillary if kind == _IP_ORIGDSTADDR]
            if not wanted or not is_world(wanted[0][0]):
                continue
            if flow := self._flow((client, wanted[0])):
                flow.send(data)

    def _flow(self, key: tuple[Address, Address]) -> _Flow | None:
        container = key[0][0]
        if flow := self._flows.get(container, {}).get(key):
            return flow
        if self._count >= _MOST_FLOWS:
            most = max(self._flows.values(), key=len)
            next(iter(most.values())).close()  # its oldest
        try:
            made = _Flow(self._loop, self._inside, key, self)
        except OSError:  # no route to it, or no descriptors left
            return None
        self._flows.setdefault(container, {})[key] = made
        self._count += 1
        return made


class _Flow:
    """Datagrams between one client and one address of the world. Later ones of the client come by `_within` too."""

    def __init__(self, loop: Loop, inside: Inside, key: tuple[Address, Address], owner: Outward) -> None:
        client, wanted = key
        self._loop = loop
        self._key = key
        self._owner = owner
        self._outside = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC, 0)
        try:
            self._outside.connect(wanted)
            self._within = inside.answering_from(*wanted)
        except OSError:
            self._outside.close()
            raise
        self._within.connect(client)
        self._timer: Timer = loop.after(_PATIENCE, self.close)
        for source, target in ((self._outside, self._within), (self._within, self._outside)):
            source.setblocking(False)
            self._carry(source, target)

    def send(self, data: bytes) -> None:
        """Send one to the world."""
        try:
            self._outside.send(data)
        except OSError:  # refused, or too large for the way
            return

    def close(self) -> None:
        """Forget it."""
        self._timer.cancel()
        for each in (self._outside, self._within):
            self._loop.unwatch(each.fileno())
            each.close()
        self._owner.forget(self._key)

    def _carry(self, source: _socket.socket, target: _socket.socket) -> None:
        def on_datagram(_events: int) -> None:
            try:
                target.send(source.recv(65535))
            except OSError:
                return
            self._timer.cancel()
            self._timer = self._loop.after(_PATIENCE, self.close)

        self._loop.watch(source.fileno(), READ, on_datagram)


def original_destination(connection: _socket.socket) -> Address | None:
    """Where the client wanted to go; None for one that called this socket itself."""
    try:
        wanted = _address(connection.getsockopt(_socket.IPPROTO_IP, _SO_ORIGINAL_DST, 16))
    except OSError:
        return None
    return None if wanted == connection.getsockname() else wanted


def is_world(address: str) -> bool:
    """Whether a container may be carried there: not to the host's own loopback, nor to many at once."""
    number = ipv4.number(address)
    return 1 <= number >> 24 < 224 and number >> 24 != 127


def _address(data: bytes) -> Address:
    """A sockaddr_in."""
    port, address = unpack_from(">HI", data, 2)
    return ipv4.text(address), port
