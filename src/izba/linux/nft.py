"""nf_tables by netlink: tables, chains, rules, maps and their elements, as one transaction.

    with NftSocket() as nft:
        nft.commit([add_table("izba"), add_chain("izba", "post", kind="nat", hook=POSTROUTING, priority=100), ...])

Everything in a commit happens or nothing does. Rules are lists of expressions, each a function here named as
`nft --debug=netlink` prints it; `nft list ruleset` shows what they mean. The family is IPv4 unless said.
"""

from __future__ import annotations

import os
from _socket import AF_INET, AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, inet_aton, socket
from _struct import Struct, pack, unpack_from

from izba.linux.netlink import NetlinkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self

    Message = tuple[int, int, int, bytes]  # type, flags, family, attributes

# linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
_NETLINK_NETFILTER = 12
_REQUEST, _ACK, _CREATE, _EXCL, _APPEND = 0x1, 0x4, 0x400, 0x200, 0x800
_BATCH_BEGIN, _BATCH_END, _ERROR, _DONE = 0x10, 0x11, 0x2, 0x3
_SUBSYSTEM = 10
_NEWTABLE, _DELTABLE, _NEWCHAIN, _NEWRULE, _DELRULE, _NEWSET = 0, 2, 3, 6, 8, 9
_NEWSETELEM, _DELSETELEM = 12, 14
_NESTED = 0x8000
_HEADER = Struct("=IHHII")

PREROUTING, INPUT, FORWARD, OUTPUT, POSTROUTING = range(5)
ACCEPT, DROP = 1, 0
L4PROTO, IIFNAME, OIFNAME, _MARK = 16, 6, 7, 3
NETWORK, TRANSPORT = 1, 2
CT_STATE, CT_DIRECTION, CT_STATUS = 0, 1, 2
ESTABLISHED_RELATED, DNATTED = 0x6, 0x20
_REG_1, _REG32_00 = 1, 8
_SET_MAP, _SET_INTERVAL, _INTERVAL_END = 0x8, 0x4, 0x1

ADDRESS = (7, 4)
PROTOCOL = (12, 1)
SERVICE = (13, 2)
INTERFACE = (41, 16)
"""Data types of keys and values: nft's number of the type, for `nft list` to print it, and its bytes."""

_HOST_BYTE_ORDER = pack("=BBI", 0, 4, 1)
"""What `nft` writes on a set (NFTNL_UDATA_SET_KEYBYTEORDER) to know how its keys are to be printed."""


class NftSocket:
    """An nf_tables socket of the current network namespace; a context manager."""

    def __init__(self) -> None:
        self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, _NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the socket, once the kernel has freed what was deleted through it."""
        self._socket.close()

    def commit(self, messages: Sequence[Message]) -> None:
        """Carry out all messages or none. Raises `NetlinkError` for the first that the kernel refuses."""
        first = self._sequence + 1
        parts = [self._message(_BATCH_BEGIN, _REQUEST, pack("=BBH", 0, 0, _swap(_SUBSYSTEM)))]
        for kind, flags, family, body in messages:
            header = pack("=BBH", family, 0, 0)
            parts.append(self._message(_SUBSYSTEM << 8 | kind, flags | _REQUEST | _ACK, header + body))
        parts.append(self._message(_BATCH_END, _REQUEST, pack("=BBH", 0, 0, _swap(_SUBSYSTEM))))
        self._socket.send(b"".join(parts))
        pending = {first + 1 + number for number in range(len(messages))}
        refused: tuple[int, int] | None = None
        while pending:
            data = self._socket.recv(1 << 16)
            offset = 0
            while offset + _HEADER.size <= len(data):
                length, kind, _, sequence, _ = _HEADER.unpack_from(data, offset)
                if kind == _ERROR:
                    (status,) = unpack_from("=i", data, offset + _HEADER.size)
                    if status and (refused is None or sequence < refused[0]):
                        refused = (sequence, -status)
                    if status and sequence not in pending:
                        pending.clear()  # the batch as a whole was refused
                    pending.discard(sequence)
                offset += (length + 3) & ~3
        if refused:
            number = refused[0] - first
            raise NetlinkError(refused[1], f"{os.strerror(refused[1])}: nf_tables message {number} of {len(messages)}")

    def ask(self, kind: int, flags: int, family: int, body: bytes) -> list[bytes]:
        """The attributes of each answer to a question (NFT_MSG_GET*), a dump or not. Raises `NetlinkError`."""
        data = self._message(_SUBSYSTEM << 8 | kind, flags | _REQUEST | _ACK, pack("=BBH", family, 0, 0) + body)
        self._socket.send(data)
        answers: list[bytes] = []
        while True:
            data = self._socket.recv(1 << 18)
            offset = 0
            while offset + _HEADER.size <= len(data):
                length, got, _, sequence, _ = _HEADER.unpack_from(data, offset)
                if sequence == self._sequence and got in {_ERROR, _DONE}:
                    (status,) = unpack_from("=i", data, offset + _HEADER.size)
                    if status:
                        raise NetlinkError(-status, f"{os.strerror(-status)}: nf_tables question {kind}")
                    return answers
                if sequence == self._sequence:
                    answers.append(data[offset + _HEADER.size + 4 : offset + length])
                offset += (length + 3) & ~3

    def _message(self, kind: int, flags: int, body: bytes) -> bytes:
        self._sequence += 1
        length = _HEADER.size + len(body)
        return _HEADER.pack(length, kind, flags, self._sequence, 0) + body + bytes(-length % 4)


def add_table(table: str, *, family: int = AF_INET) -> Message:
    """Make a table; one that exists stays as it is."""
    return _NEWTABLE, _CREATE, family, _text(1, table)


def delete_table(table: str, *, family: int = AF_INET) -> Message:
    """Delete a table with all it has. ENOENT if there is none."""
    return _DELTABLE, 0, family, _text(1, table)


def add_chain(
    table: str, name: str, *, kind: str, hook: int, priority: int, policy: int = ACCEPT, family: int = AF_INET
) -> Message:
    """Make a base chain; `kind` is nat or filter."""
    place = _nested(4, _be32(1, hook) + _be32(2, priority & 0xFFFFFFFF))
    return _NEWCHAIN, _CREATE, family, _text(1, table) + _text(3, name) + place + _be32(5, policy) + _text(7, kind)


def add_rule(
    table: str, chain: str, expressions: Iterable[bytes], *, first: bool = False, family: int = AF_INET
) -> Message:
    """Append a rule to a chain, or put it `first`."""
    listed = _nested(4, b"".join(_nested(1, expression) for expression in expressions))
    flags = _CREATE if first else _CREATE | _APPEND
    return _NEWRULE, flags, family, _text(1, table) + _text(2, chain) + listed


def flush_chain(table: str, chain: str, *, family: int = AF_INET) -> Message:
    """Delete all rules of a chain."""
    return _DELRULE, 0, family, _text(1, table) + _text(2, chain)


def add_map(
    table: str,
    name: str,
    *,
    key: Sequence[tuple[int, int]],
    value: Sequence[tuple[int, int]] = (),
    number: int = 1,
    ranges: bool = False,
    family: int = AF_INET,
) -> Message:
    """Make a map from a key of several parts to a value of several, or a set where there is no `value`.

    `number` tells maps of one commit apart. A set may be of `ranges` of keys (`add_range`).
    """
    flags = (_SET_MAP if value else 0) | (_SET_INTERVAL if ranges else 0)
    body = _text(1, table) + _text(2, name) + _be32(3, flags)
    body += _be32(4, _type(key)) + _be32(5, _width(key))
    if value:
        body += _be32(6, _type(value)) + _be32(7, _width(value))
    if key == (INTERFACE,):
        body += _attribute(13, _HOST_BYTE_ORDER)
    return _NEWSET, _CREATE, family, body + _be32(10, number)


def add_elements(
    table: str,
    name: str,
    elements: Iterable[tuple[bytes, bytes]],
    *,
    exclusive: bool = True,
    family: int = AF_INET,
) -> Message:
    """Put (key, value) pairs into a map, (key, b"") into a set.

    EEXIST for a key that is there; without `exclusive` only if its value is another one.
    """
    flags = _CREATE | _EXCL if exclusive else _CREATE
    return _NEWSETELEM, flags, family, _elements(table, name, elements)


def add_range(table: str, name: str, first: bytes, after: bytes, *, family: int = AF_INET) -> Message:
    """Put a range of keys into a set of ranges: from `first` to the one before `after`."""
    return _NEWSETELEM, _CREATE, family, _range(table, name, first, after)


def delete_range(table: str, name: str, first: bytes, after: bytes, *, family: int = AF_INET) -> Message:
    """Take a range out of a set of ranges. ENOENT if it is not there."""
    return _DELSETELEM, 0, family, _range(table, name, first, after)


def flush_set(table: str, name: str, *, family: int = AF_INET) -> Message:
    """Take everything out of a set or map."""
    return _DELSETELEM, 0, family, _text(1, table) + _text(2, name)


def delete_elements(table: str, name: str, keys: Iterable[bytes], *, family: int = AF_INET) -> Message:
    """Take keys out of a map. ENOENT for one that is not there."""
    return _DELSETELEM, 0, family, _elements(table, name, [(key, b"") for key in keys])


def concatenation(*parts: bytes) -> bytes:
    """A key or value of several parts: each padded to four bytes."""
    return b"".join(part + bytes(-len(part) % 4) for part in parts)


def address(text: str) -> bytes:
    """An IPv4 address as key or value."""
    return inet_aton(text)


def port(number: int) -> bytes:
    """A port as key or value."""
    return pack(">H", number)


def interface_name(name: str) -> bytes:
    """An interface's name as key."""
    return name.encode().ljust(16, b"\0")


# Expressions. Registers 1 and 8 are the same four bytes; 9, 10 and 11 follow.


def meta_load(key: int, register: int = _REG_1) -> bytes:
    """Load what the kernel knows of a packet."""
    return _expression("meta", _be32(1, register) + _be32(2, key))


def payload_load(base: int, offset: int, length: int, register: int = _REG_1) -> bytes:
    """Load bytes of the packet's network or transport header."""
    return _expression("payload", _be32(1, register) + _be32(2, base) + _be32(3, offset) + _be32(4, length))


def ct_load(key: int, register: int = _REG_1) -> bytes:
    """Load the state or status of the packet's connection."""
    return _expression("ct", _be32(1, register) + _be32(2, key))


def fib_daddr_type(register: int = _REG_1) -> bytes:
    """Load the kind of the destination address: `is_local` compares it."""
    return _expression("fib", _be32(1, register) + _be32(2, 3) + _be32(3, 2))


def fib_daddr_interface(register: int = _REG_1) -> bytes:
    """Load the index of the interface that the route to the destination leaves by; 0 where there is no route."""
    return _expression("fib", _be32(1, register) + _be32(2, 1) + _be32(3, 2))


def fib_source_interface(register: int = _REG_1) -> bytes:
    """Load the index of the interface that the packet came by; 0 where no route to its source leaves by that."""
    return _expression("fib", _be32(1, register) + _be32(2, 1) + _be32(3, 1 | 8))


def compare(value: bytes, *, equal: bool = True, register: int = _REG_1) -> bytes:
    """Go on if the register has (not) the value."""
    return _expression("cmp", _be32(1, register) + _be32(2, 0 if equal else 1) + _nested(3, _attribute(1, value)))


def mask(value: int, register: int = _REG_1) -> bytes:
    """Keep the bits of `value`, in the machine's own byte order."""
    body = _be32(1, register) + _be32(2, register) + _be32(3, 4)
    body += _nested(4, _attribute(1, pack("=I", value))) + _nested(5, _attribute(1, bytes(4)))
    return _expression("bitwise", body)


def lookup(
    name: str, *, number: int = 1, register: int = _REG_1, result: int | None = None, there: bool = True
) -> bytes:
    """Look the register up in a map, into register `result`; in a set without one, and go on if it is (not) `there`."""
    body = _text(1, name) + _be32(2, register) + (_be32(3, result) if result is not None else b"")
    return _expression("lookup", body + _be32(4, number) + (b"" if there else _be32(5, 1)))


def dnat(address_register: int = _REG_1, port_register: int = _REG32_00 + 1, *, family: int = AF_INET) -> bytes:
    """Send the connection to the address and port in two registers."""
    return _expression("nat", _be32(1, 1) + _be32(2, family) + _be32(3, address_register) + _be32(5, port_register))


def masquerade() -> bytes:
    """Give the connection the address of the interface it leaves by."""
    return _expression("masq", b"")


def redirect(port_register: int = _REG_1) -> bytes:
    """Send the connection to this host, to the port in a register."""
    return _expression("redir", _be32(1, port_register))


def transparent_proxy(port_register: int = _REG_1) -> bytes:
    """Give the packet, its addresses unchanged, to a socket of this host at the port in a register."""
    return _expression("tproxy", _be32(1, AF_INET) + _be32(3, port_register))


def set_mark(value: int) -> list[bytes]:
    """Mark the packet, for the routing rules."""
    return [load_immediate(pack("=I", value)), _expression("meta", _be32(2, _MARK) + _be32(3, _REG_1))]


def is_marked(value: int, *, equal: bool = True) -> list[bytes]:
    """Whether the packet has (not) this mark."""
    return [meta_load(_MARK), compare(pack("=I", value), equal=equal)]


def load_immediate(value: bytes, register: int = _REG_1) -> bytes:
    """Put a value into a register."""
    return _expression("immediate", _be32(1, register) + _nested(2, _attribute(1, value)))


def verdict(code: int) -> bytes:
    """End with ACCEPT or DROP."""
    return _expression("immediate", _be32(1, 0) + _nested(2, _nested(2, _be32(1, code))))


# Matches of several expressions.


def interface(key: int, name: str, *, equal: bool = True) -> list[bytes]:
    """The packet came (IIFNAME) or goes (OIFNAME) by the interface `name`; a final `*` makes it a prefix."""
    raw = name.encode()
    value = raw[:-1] if raw.endswith(b"*") else raw + bytes(16 - len(raw))
    return [meta_load(key), compare(value, equal=equal)]


def source(network: str, prefix: int) -> list[bytes]:
    """The packet comes from an address of the network."""
    return _in_network(12, network, prefix)


def destination(network: str, prefix: int) -> list[bytes]:
    """The packet goes to an address of the network."""
    return _in_network(16, network, prefix)


def is_local() -> list[bytes]:
    """The packet goes to an address of this host."""
    return [fib_daddr_type(), compare(pack("=I", 2))]


def connection(key: int, bits: int) -> list[bytes]:
    """The connection has one of the bits in its state or status."""
    return [ct_load(key), mask(bits), compare(bytes(4), equal=False)]


def is_answer() -> list[bytes]:
    """The packet goes towards where its connection came from (IP_CT_DIR_REPLY)."""
    return [ct_load(CT_DIRECTION), compare(b"\1")]


def _in_network(offset: int, network: str, prefix: int) -> list[bytes]:
    raw = inet_aton(network)
    if prefix % 8 == 0 and prefix:
        return [payload_load(NETWORK, offset, prefix // 8), compare(raw[: prefix // 8])]
    bits = (0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF).to_bytes(4)
    body = _be32(1, _REG_1) + _be32(2, _REG_1) + _be32(3, 4)
    body += _nested(4, _attribute(1, bits)) + _nested(5, _attribute(1, bytes(4)))
    return [payload_load(NETWORK, offset, 4), _expression("bitwise", body), compare(raw)]


def _elements(table: str, name: str, elements: Iterable[tuple[bytes, bytes]]) -> bytes:
    listed = b""
    for key, value in elements:
        element = _nested(1, _attribute(1, key)) + (_nested(2, _attribute(1, value)) if value else b"")
        listed += _nested(1, element)
    return _text(1, table) + _text(2, name) + _nested(3, listed)


def _range(table: str, name: str, first: bytes, after: bytes) -> bytes:
    listed = _nested(1, _nested(1, _attribute(1, first)))
    listed += _nested(1, _nested(1, _attribute(1, after)) + _be32(3, _INTERVAL_END))
    return _text(1, table) + _text(2, name) + _nested(3, listed)


def _width(parts: Sequence[tuple[int, int]]) -> int:
    return parts[0][1] if len(parts) == 1 else sum(length + -length % 4 for _, length in parts)


def _type(parts: Sequence[tuple[int, int]]) -> int:
    number = 0
    for kind, _ in parts:
        number = number << 6 | kind
    return number


def _expression(name: str, body: bytes) -> bytes:
    return _text(1, name) + _nested(2, body)


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return pack("=HH", length, kind) + value + bytes(-length % 4)


def _nested(kind: int, value: bytes) -> bytes:
    return _attribute(kind | _NESTED, value)


def _be32(kind: int, value: int) -> bytes:
    return _attribute(kind, pack(">I", value))


def text_attribute(kind: int, value: str) -> bytes:
    """A netlink attribute that holds a text."""
    return _attribute(kind, value.encode() + b"\0")


_text = text_attribute


def _swap(value: int) -> int:
    return int(unpack_from("=H", pack(">H", value))[0])
