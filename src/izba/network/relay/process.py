"""The relay's life: whoever connects registers a container; with the last connection it ends.

Requests, each a message (`linux.wire`) that is answered by one:

    {"verb": "hello"}                            answered {"ok": true}: this relay is not about to end
    {"verb": "namespaces"}                       rootless: descriptors of the user and the network namespace come back
    {"verb": "names", "container", "servers"}    with the resolver's two sockets in the container
    {"verb": "ports", "subnet", "places"}        with a socket for each; a place is [protocol, address, port]
"""

from __future__ import annotations

import _signal
import _socket
import os
from functools import partial

from izba.linux import process as processes
from izba.linux import wire
from izba.linux.acceptor import Acceptor
from izba.linux.loop import READ, Loop
from izba.network import ipv4
from izba.network.relay.listeners import DatagramPort, StreamPort
from izba.network.relay.outward import is_world
from izba.network.relay.shares import Connections

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.network.dns.names import Names
    from izba.network.dns.server import Resolver
    from izba.network.dns.upstream import Upstream
    from izba.network.relay.inside import Inside

_IP_BIND_ADDRESS_NO_PORT = 24  # the port is chosen when it is known whereto: it may serve several ends at once
_EAGER = 50e-6
"""Seconds: what carries one request after another asks so long before it sleeps (`Loop`)."""
LINGER = 1.0
"""Seconds without a container, before it ends."""


def main(listener: _socket.socket, data: str, socket_path: str, given: tuple[int, ...], *, rootless: bool) -> None:
    """Serve until nobody needs it. `data` is the data root; `given` are namespaces to use instead of new ones."""
    processes.set_name("izba-network")
    relay = Relay(listener, data, socket_path, descriptors=_raise_limit())
    if rootless:
        from izba.network.relay.inside import Inside
        from izba.network.relay.outward import Outward

        relay.inside = Inside(given)
        Outward(relay.loop, relay.inside, relay.connections)
    relay.run()


class Relay:
    """The loop, and who is registered."""

    def __init__(self, listener: _socket.socket, data: str, socket_path: str, *, descriptors: int) -> None:
        self.loop = Loop(eager=_EAGER)
        self.inside: Inside | None = None
        self.connections = Connections(descriptors)
        self._data = data
        self._socket_path = socket_path
        self._guests: set[_Guest] = set()
        self._containers: dict[str, int] = {}
        self._names: Names | None = None
        self._upstream: Upstream | None = None
        self._idle = self.loop.after(10 * LINGER, self._end)
        self._acceptor = Acceptor(self.loop, listener, self._on_connection)
        self.loop.on_signal(_signal.SIGTERM, self.loop.stop)

    def run(self) -> None:
        """Serve."""
        self.loop.run()

    def dial(self, subnet: str, kind: int, client: str) -> _socket.socket:
        """A socket of the side that containers are on, to speak for a client to a container of the subnet.

        In the user's namespace it has the client's own address; as root, and for a client on IPv6, on this host's
        loopback or with an address of the container's own network, that of the bridge.
        """
        if self.inside is None:
            return _socket.socket(_socket.AF_INET, kind | _socket.SOCK_CLOEXEC, 0)
        made = self.inside.socket(kind)
        if ":" not in client and is_world(client) and ipv4.number(client) not in ipv4.subnet(subnet):
            made.setsockopt(_socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            made.bind((client, 0))
        return made

    def resolver(self, container: str, sockets: tuple[_socket.socket, _socket.socket], servers: list[str]) -> Resolver:
        """A resolver for the container."""
        from izba.network.dns.names import Names
        from izba.network.dns.server import Resolver
        from izba.network.dns.upstream import Upstream

        if self._names is None or self._upstream is None:
            self._names = Names(f"{self._data}/izba.db", self._runs)
            self._upstream = Upstream(self.loop)
        return Resolver(self.loop, container, sockets, servers, self._names, self._upstream)

    def register(self, container: str) -> None:
        """The container runs, as long as the connection lasts that says so."""
        self._containers[container] = self._containers.get(container, 0) + 1

    def forget(self, guest: _Guest) -> None:
        """Its connection ended."""
        self._guests.discard(guest)
        if guest.container:
            self._containers[guest.container] -= 1
            if not self._containers[guest.container]:
                del self._containers[guest.container]
        if not self._guests:
            self._idle.cancel()
            self._idle = self.loop.after(LINGER, self._end)

    def _runs(self, container: str) -> bool:
        return container in self._containers

    def _on_connection(self, connection: _socket.socket) -> None:
        self._idle.cancel()
        self._guests.add(_Guest(self, connection))

    def _end(self) -> None:
        """No new connection finds us from here on; one that came in this moment is reset, and its maker tries again."""
        if not self._guests:
            try:
                os.unlink(self._socket_path)
            except FileNotFoundError:
                pass
            self._acceptor.close()
            self.loop.stop()


class _Guest:
    """One connection: a container, once it has said so."""

    def __init__(self, relay: Relay, connection: _socket.socket) -> None:
        self.container = ""
        self._relay = relay
        self._connection = connection
        self._open: list[Resolver | StreamPort | DatagramPort] = []
        connection.setblocking(False)
        relay.loop.watch(connection.fileno(), READ, self._on_message)

    def _on_message(self, _events: int) -> None:
        try:
            value, fds = wire.receive(self._connection)
        except BlockingIOError:
            return
        except (EOFError, OSError):
            self._close()
            return
        answer, given = self._answer(value, fds)
        wire.send(self._connection, answer, fds=given)

    def _answer(self, value: dict[str, Any], fds: list[int]) -> tuple[dict[str, Any], tuple[int, ...]]:
        verb = value["verb"]
        if verb == "namespaces" and self._relay.inside is not None:
            return {"ok": True}, self._relay.inside.namespaces
        if verb == "names":
            self.container = value["container"]
            self._relay.register(self.container)
            udp, tcp = (_socket.socket(fileno=fd) for fd in fds)
            self._open.append(self._relay.resolver(self.container, (udp, tcp), value["servers"]))
        elif verb == "ports":
            dial = partial(self._relay.dial, value["subnet"])
            for (protocol, address, port), fd in zip(value["places"], fds, strict=True):
                loop, listener, place = self._relay.loop, _socket.socket(fileno=fd), (address, port)
                if protocol == "tcp":
                    self._open.append(StreamPort(loop, listener, place, dial, self._relay.connections))
                else:
                    self._open.append(DatagramPort(loop, listener, place, dial))
        return {"ok": True}, ()

    def _close(self) -> None:
        self._relay.loop.unwatch(self._connection.fileno())
        self._connection.close()
        for each in self._open:
            each.close()
        self._relay.forget(self)


def _raise_limit() -> int:
    """How many descriptors we may have: each carried connection has two, and pipes if it is busy."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 1 << 20 if hard == resource.RLIM_INFINITY else hard
