"""rtnetlink(7): links, addresses and routes, in as few messages as the job has.

A `RouteSocket` speaks for the network namespace it was opened in, wherever it is used afterwards. Only what izba's
networks need is here; a batch of messages costs one system call to send.
"""

from __future__ import annotations

import errno
import os
from _socket import AF_INET, AF_INET6, AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, inet_ntop, inet_pton, socket
from _struct import Struct, pack, unpack_from

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self

# linux/netlink.h, linux/rtnetlink.h
_REQUEST, _ACK, _REPLACE, _EXCL, _CREATE, _DUMP = 0x1, 0x4, 0x100, 0x200, 0x400, 0x300
_NEWLINK, _DELLINK, _GETLINK, _SETLINK = 16, 17, 18, 19
_NEWADDR, _GETADDR = 20, 22
_NEWROUTE, _GETROUTE = 24, 26
_NEWRULE = 32
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_DUMP_INTERRUPTED = 0x10  # NLM_F_DUMP_INTR
_MOST_DUMPS = 100
_HEADER = Struct("=IHHII")  # length, type, flags, sequence, port
_IFINFO = Struct("=BxHiII")  # family, type, index, flags, change
_IFADDR = Struct("=BBBBI")  # family, prefix length, flags, scope, index
_RTMSG = Struct("=BBBBBBBBI")  # family, dst len, src len, tos, table, protocol, scope, type, flags

# linux/if_link.h, linux/if_addr.h, linux/rtnetlink.h, linux/veth.h
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 10, 18
_IFLA_IFALIAS = 20
_IFLA_NET_NS_FD = 28
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_BRPORT_MODE = 4  # IFLA_BRPORT_MODE: hairpin
_VETH_INFO_PEER = 1
_IFA_ADDRESS, _IFA_LOCAL, _IFA_BROADCAST = 1, 2, 4
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_TABLE = 1, 4, 5, 15
_RT_TABLE_MAIN, _RTPROT_STATIC, _RTN_UNICAST, _RTN_LOCAL = 254, 4, 1, 2
_SCOPE_UNIVERSE, _SCOPE_HOST = 0, 254
_FRA_FWMARK, _FRA_TABLE, _TO_TABLE = 10, 15, 1
UP = 1


class NetlinkError(OSError):
    """The kernel refused a message; `strerror` names what was asked of it."""


class Link(Record):
    """An interface. `kind` is bridge, veth and so on, empty for hardware; `master` an index, 0 for none.

    `alias` is what its maker wrote on it (`ip link` shows it).
    """

    index: int
    name: str
    mtu: int
    mac: bytes
    flags: int
    master: int
    kind: str
    alias: str = ""

    @property
    def is_up(self) -> bool:
        """Whether it is administratively up."""
        return bool(self.flags & UP)


class Address(Record):
    """An address of an interface, such as 172.18.0.1 with 16."""

    index: int
    address: str
    prefix: int


class Route(Record):
    """A route of the main table; an empty `destination` with prefix 0 is the default route."""

    destination: str
    prefix: int
    gateway: str
    index: int


class RouteSocket:
    """A rtnetlink socket of the current network namespace; a context manager.

    `fd` is one that another process made, in its own.
    """

    def __init__(self, fd: int | None = None) -> None:
        self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0, fileno=fd)
        self._sequence = 0
        if fd is not None:
            return
        try:
            self._socket.bind((0, 0))
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def fileno(self) -> int:
        """Its descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def add_bridge(self, name: str, *, mtu: int = 0, mac: bytes = b"", up: bool = True) -> None:
        """Make a bridge. Raises `NetlinkError` with EEXIST if the name is taken."""
        body = _IFINFO.pack(0, 0, 0, UP if up else 0, UP) + _attribute(_IFLA_IFNAME, _text(name))
        body += _number(_IFLA_MTU, mtu) if mtu else b""
        body += _attribute(_IFLA_ADDRESS, mac) if mac else b""
        body += _attribute(_IFLA_LINKINFO, _attribute(_INFO_KIND, b"bridge"))
        self.send([(_NEWLINK, _CREATE | _EXCL, body)], f"make bridge {name}")

    def add_veth(
        self, name: str, *, peer: str, peer_netns: int, master: int = 0, mtu: int = 0, peer_mac: bytes = b""
    ) -> None:
        """Make a veth that is up and a port of `master`; its peer is in the namespace open as `peer_netns`."""
        inner = _IFINFO.pack(0, 0, 0, 0, 0) + _attribute(_IFLA_IFNAME, _text(peer))
        inner += _number(_IFLA_NET_NS_FD, peer_netns)
        inner += _number(_IFLA_MTU, mtu) if mtu else b""
        inner += _attribute(_IFLA_ADDRESS, peer_mac) if peer_mac else b""
        veth = _attribute(_INFO_KIND, b"veth") + _attribute(_INFO_DATA, _attribute(_VETH_INFO_PEER, inner))
        body = _IFINFO.pack(0, 0, 0, UP, UP) + _attribute(_IFLA_IFNAME, _text(name))
        body += _number(_IFLA_MTU, mtu) if mtu else b""
        body += _number(_IFLA_MASTER, master) if master else b""
        body += _attribute(_IFLA_LINKINFO, veth)
        self.send([(_NEWLINK, _CREATE | _EXCL, body)], f"make veth {name}")

    def set_hairpin(self, index: int, *, on: bool = True) -> None:
        """Let a bridge port send frames back where they came from: a container calls its own published port."""
        data = _attribute(_INFO_SLAVE_KIND, b"bridge")
        data += _attribute(_INFO_SLAVE_DATA, _attribute(_BRPORT_MODE, bytes([on])))
        body = _IFINFO.pack(0, 0, index, 0, 0) + _attribute(_IFLA_LINKINFO, data)
        self.send([(_NEWLINK, 0, body)], f"set hairpin of interface {index}")

    def set_link(self, index: int, *, up: bool = True, master: int | None = None) -> None:
        """Bring an interface up or down, and make it a port of `master` (0: of none)."""
        body = _IFINFO.pack(0, 0, index, UP if up else 0, UP)
        body += _number(_IFLA_MASTER, master) if master is not None else b""
        self.send([(_SETLINK, 0, body)], f"set interface {index}")

    def set_alias(self, index: int, alias: str) -> None:
        """Write something on an interface, at most 255 bytes; `Link.alias` tells it."""
        body = _IFINFO.pack(0, 0, index, 0, 0) + _attribute(_IFLA_IFALIAS, alias.encode()[:255])
        self.send([(_SETLINK, 0, body)], f"set the alias of interface {index}")

    def delete_link(self, index: int) -> None:
        """Delete an interface; of a veth, both ends."""
        self.send([(_DELLINK, 0, _IFINFO.pack(0, 0, index, 0, 0))], f"delete interface {index}")

    def link(self, name: str) -> Link | None:
        """The interface of that name, None if there is none."""
        body = _IFINFO.pack(0, 0, 0, 0, 0) + _attribute(_IFLA_IFNAME, _text(name))
        try:
            replies = self.send([(_GETLINK, 0, body)], f"find interface {name}")
        except NetlinkError as error:
            if error.errno == errno.ENODEV:
                return None
            raise
        return _link(replies[0])

    def links(self) -> tuple[Link, ...]:
        """All interfaces."""
        return tuple(_link(reply) for reply in self._dump(_GETLINK, _IFINFO.pack(0, 0, 0, 0, 0)))

    def add_address(self, index: int, address: str, prefix: int) -> None:
        """Give an interface an address, with its broadcast address if it is of version 4."""
        family, raw = _address(address)
        body = _IFADDR.pack(family, prefix, 0, _SCOPE_UNIVERSE, index)
        body += _attribute(_IFA_LOCAL, raw) + _attribute(_IFA_ADDRESS, raw)
        if family == AF_INET and prefix < 31:
            host_bits = (1 << (32 - prefix)) - 1
            body += _attribute(_IFA_BROADCAST, (int.from_bytes(raw) | host_bits).to_bytes(4))
        self.send([(_NEWADDR, _CREATE | _EXCL, body)], f"give interface {index} the address {address}/{prefix}")

    def addresses(self, family: int = AF_INET) -> tuple[Address, ...]:
        """All addresses of a family."""
        found = []
        for reply in self._dump(_GETADDR, _IFADDR.pack(family, 0, 0, 0, 0)):
            got_family, prefix, _, _, index = _IFADDR.unpack_from(reply)
            values = dict(_attributes(reply, _IFADDR.size))
            raw = values.get(_IFA_LOCAL) or values.get(_IFA_ADDRESS)
            if raw:
                found.append(Address(index=index, address=inet_ntop(got_family, raw), prefix=prefix))
        return tuple(found)

    def add_route(
        self, gateway: str, *, index: int, destination: str = "", prefix: int = 0, replace: bool = False
    ) -> None:
        """Route `destination`/`prefix` (the default route: nothing) through `gateway` on an interface.

        With `replace`, in the place of a route to the same destination, if there is one.
        """
        family, raw = _address(gateway)
        body = _RTMSG.pack(family, prefix, 0, 0, _RT_TABLE_MAIN, _RTPROT_STATIC, _SCOPE_UNIVERSE, _RTN_UNICAST, 0)
        body += _attribute(_RTA_GATEWAY, raw) + _number(_RTA_OIF, index)
        if destination:
            body += _attribute(_RTA_DST, _address(destination)[1])
        self.send(
            [(_NEWROUTE, _CREATE | (_REPLACE if replace else _EXCL), body)],
            f"route {destination or 'default'} through {gateway}",
        )

    def keep_marked(self, mark: int, *, table: int, index: int) -> None:
        """Route packets with a mark to this host itself, whatever their address; `index` is the loopback's."""
        values = _number(_FRA_FWMARK, mark) + _number(_FRA_TABLE, table)
        rule = _RTMSG.pack(AF_INET, 0, 0, 0, table, 0, 0, _TO_TABLE, 0) + values
        self.send([(_NEWRULE, _CREATE, rule)], f"route what is marked {mark} by table {table}")
        route = _RTMSG.pack(AF_INET, 0, 0, 0, table, _RTPROT_STATIC, _SCOPE_HOST, _RTN_LOCAL, 0)
        self.send([(_NEWROUTE, _CREATE, route + _number(_RTA_OIF, index))], f"keep what table {table} routes")

    def routes(self, family: int = AF_INET) -> tuple[Route, ...]:
        """The unicast routes of the main table."""
        found = []
        for reply in self._dump(_GETROUTE, _RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)):
            got_family, prefix, _, _, table, _, _, kind, _ = _RTMSG.unpack_from(reply)
            values = dict(_attributes(reply, _RTMSG.size))
            if _RTA_TABLE in values:
                (table,) = unpack_from("=I", values[_RTA_TABLE])
            if table != _RT_TABLE_MAIN or kind != _RTN_UNICAST or got_family not in {AF_INET, AF_INET6}:
                continue
            found.append(
                Route(
                    destination=inet_ntop(got_family, values[_RTA_DST]) if _RTA_DST in values else "",
                    prefix=prefix,
                    gateway=inet_ntop(got_family, values[_RTA_GATEWAY]) if _RTA_GATEWAY in values else "",
                    index=unpack_from("=I", values[_RTA_OIF])[0] if _RTA_OIF in values else 0,
                )
            )
        return tuple(found)

    def send(self, messages: Iterable[tuple[int, int, bytes]], what: str) -> list[bytes]:
        """Send (type, flags, body) messages in one call and wait until each is acknowledged; the replies' bodies.

        Raises `NetlinkError` for the first that is refused; the kernel has then carried out those before it.
        """
        batch, pending = [], set()
        for kind, flags, body in messages:
            self._sequence += 1
            pending.add(self._sequence)
            batch.append(_message(kind, flags | _REQUEST | _ACK, self._sequence, body))
        self._socket.send(b"".join(batch))
        replies: list[bytes] = []
        refused = 0
        while pending:
            for kind, _, sequence, body in self._receive():
                if sequence not in pending:
                    continue
                if kind == _NLMSG_ERROR:
                    pending.discard(sequence)
                    refused = refused or -unpack_from("=i", body)[0]
                else:
                    replies.append(body)
        if refused:
            raise NetlinkError(refused, f"{os.strerror(refused)}: {what}")
        return replies

    def _dump(self, kind: int, body: bytes) -> list[bytes]:
        """All of a kind. Asked again where something changed meanwhile: then one may be missing, or be there twice."""
        for _ in range(_MOST_DUMPS):
            replies, is_whole = self._dump_once(kind, body)
            if is_whole:
                return replies
        raise OSError(errno.EBUSY, "the kernel's list changes too fast to be read")

    def _dump_once(self, kind: int, body: bytes) -> tuple[list[bytes], bool]:
        self._sequence += 1
        self._socket.send(_message(kind, _REQUEST | _DUMP, self._sequence, body))
        replies: list[bytes] = []
        is_whole = True
        while True:
            for got, flags, sequence, reply in self._receive():
                if sequence != self._sequence:
                    continue
                is_whole = is_whole and not flags & _DUMP_INTERRUPTED
                if got == _NLMSG_DONE:
                    return replies, is_whole
                if got == _NLMSG_ERROR:
                    refused = -unpack_from("=i", reply)[0]
                    raise NetlinkError(refused, f"{os.strerror(refused)}: list of type {kind}")
                replies.append(reply)

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Type, flags, sequence and body of each message of a packet."""
        data = self._socket.recv(1 << 18)
        offset = 0
        while offset + _HEADER.size <= len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
            yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
            offset += (length + 3) & ~3


def _message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    length = _HEADER.size + len(body)
    return _HEADER.pack(length, kind, flags, sequence, 0) + body + bytes(-length % 4)


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return pack("=HH", length, kind) + value + bytes(-length % 4)


def _number(kind: int, value: int) -> bytes:
    return pack("=HHI", 8, kind, value)


def _text(value: str) -> bytes:
    return value.encode() + b"\0"


def _attributes(data: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset + 4 <= len(data):
        length, kind = unpack_from("=HH", data, offset)
        if length < 4:
            return
        yield kind & 0x3FFF, data[offset + 4 : offset + length]
        offset += (length + 3) & ~3


def _link(reply: bytes) -> Link:
    _, _, index, flags, _ = _IFINFO.unpack_from(reply)
    values = dict(_attributes(reply, _IFINFO.size))
    information = dict(_attributes(values.get(_IFLA_LINKINFO, b""), 0))
    return Link(
        index=index,
        name=values[_IFLA_IFNAME].rstrip(b"\0").decode(),
        mtu=unpack_from("=I", values[_IFLA_MTU])[0],
        mac=values.get(_IFLA_ADDRESS, b""),
        flags=flags,
        master=unpack_from("=I", values[_IFLA_MASTER])[0] if _IFLA_MASTER in values else 0,
        kind=information.get(_INFO_KIND, b"").rstrip(b"\0").decode(),
        alias=values.get(_IFLA_IFALIAS, b"").rstrip(b"\0").decode(errors="replace"),
    )


def _address(text: str) -> tuple[int, bytes]:
    family = AF_INET6 if ":" in text else AF_INET
    return family, inet_pton(family, text)
