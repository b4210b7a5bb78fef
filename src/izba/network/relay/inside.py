"""The user's own namespaces, where an ordinary user's bridges are: made once, and a process in them that makes sockets.

    relay (the host's namespaces) ──── asks for sockets ────▶ izba-inside (user, network and mount namespace)
                                  ◀─── descriptors ──────────

Everybody who starts a container there joins the user namespace, and is root in it. The namespaces last as long as a
container's monitor, the relay or the process inside has them open.
"""

from __future__ import annotations

import _signal
import _socket
import os

from izba.linux import flags as f
from izba.linux import idmaps, interfaces, namespaces, wire
from izba.linux import process as processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BATCH = 32
_IP_TRANSPARENT, _IP_RECVORIGDSTADDR = 19, 20
_TABLE = 100


class Inside:
    """The relay's end. `given` are the user and the network namespace to be in; none: new ones."""

    def __init__(self, given: tuple[int, ...]) -> None:
        self._channel, theirs = wire.pair()
        child = os.fork()
        if child == 0:
            try:
                self._channel.close()
                _main(theirs, given)
            finally:
                os._exit(0)
        theirs.close()
        value, fds = wire.receive(self._channel)
        if "error" in value:
            raise OSError(value["error"])
        self.namespaces: tuple[int, ...] = (fds[0], fds[1])
        self.streams_out = _socket.socket(fileno=fds[2])
        self.datagrams_out = _socket.socket(fileno=fds[3])
        self._ready: dict[int, list[int]] = {}

    def socket(self, kind: int) -> _socket.socket:
        """A new socket of the network namespace, of streams or datagrams, which may have anybody's address."""
        ready = self._ready.setdefault(kind, [])
        if not ready:
            ready += self._ask({"kind": kind, "count": _BATCH})
        return _socket.socket(_socket.AF_INET, kind, 0, fileno=ready.pop())

    def answering_from(self, address: str, port: int) -> _socket.socket:
        """A datagram socket whose address is one of the world's, for answers that came from there."""
        (fd,) = self._ask({"from": [address, port]})
        return _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM, 0, fileno=fd)

    def _ask(self, value: dict[str, Any]) -> list[int]:
        wire.send(self._channel, value)
        answer, fds = wire.receive(self._channel)
        if "error" in answer:
            raise OSError(answer["errno"], answer["error"])
        return fds


def join(user: int, net: int) -> None:
    """Become root in the user's own user namespace, in a new mount namespace and in the network namespace."""
    namespaces.join_user_namespace(user)
    namespaces.setns(net, f.CLONE_NEWNET)
    processes.set_dumpable(True)  # our own children find in /proc what we have open; a change of ids forbids it


# -- the process inside


def _main(channel: _socket.socket, given: tuple[int, ...]) -> None:
    processes.set_name("izba-inside")
    processes.set_parent_death_signal(_signal.SIGKILL)
    processes.close_all_but({0, 1, 2, channel.fileno(), *given})
    try:
        if given:
            join(*given)
        else:
            namespaces.enter_user_namespace(idmaps.plan_of_this_user())
            namespaces.unshare(f.CLONE_NEWNET)
            processes.set_parent_death_signal(_signal.SIGKILL)  # a change of ids clears it
        interfaces.set_up("lo")
        streams, datagrams = _ways_out(is_new=not given)
        fds = [os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC) for name in ("user", "net")]
    except OSError as error:
        wire.send(channel, {"error": str(error)})
        return
    wire.send(channel, {"ok": True}, fds=(*fds, streams.fileno(), datagrams.fileno()))
    streams.close()
    datagrams.close()
    while True:
        try:
            value, _ = wire.receive(channel)
        except EOFError:
            return
        _answer(channel, value)


def _answer(channel: _socket.socket, value: dict[str, Any]) -> None:
    made: list[_socket.socket] = []
    try:
        if "kind" in value:
            kind = value["kind"] | _socket.SOCK_CLOEXEC
            for _ in range(value["count"]):
                made.append(_socket.socket(_socket.AF_INET, kind, 0))
                made[-1].setsockopt(_socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
        else:
            made.append(_transparent(value["from"][0], value["from"][1]))
        wire.send(channel, {"ok": True}, fds=[each.fileno() for each in made])
    except OSError as error:
        wire.send(channel, {"error": error.strerror, "errno": error.errno})
    finally:
        for each in made:
            each.close()


def _ways_out(*, is_new: bool) -> tuple[_socket.socket, _socket.socket]:
    """Where connections and datagrams that leave for the world arrive instead."""
    from izba.linux.netlink import RouteSocket
    from izba.linux.nft import NftSocket
    from izba.network import nft
    from izba.network.sysctl import write_sysctl

    streams = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC, 0)
    streams.bind(("", 0))
    streams.listen(1024)
    datagrams = _transparent("", 0)
    datagrams.setsockopt(_socket.IPPROTO_IP, _IP_RECVORIGDSTADDR, 1)
    if is_new:
        # Where bridged packets go through the rules as well, they forget on the way which socket they are for.
        write_sysctl("bridge/bridge-nf-call-iptables", "0")
        with RouteSocket() as routes:
            loopback = routes.link("lo")
            assert loopback is not None
            routes.keep_marked(nft.MARK, table=_TABLE, index=loopback.index)
    with NftSocket() as rules:
        nft.lead_out(rules, streams.getsockname()[1], datagrams.getsockname()[1])
    return streams, datagrams


def _transparent(address: str, port: int) -> _socket.socket:
    """A datagram socket that may have an address of somebody else (IP_TRANSPARENT, ip(7))."""
    made = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC, 0)
    made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    made.setsockopt(_socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
    made.bind((address, port))
    return made
