"""A question and its answer on the wire (RFC 1035). Pure: names are looked up by what is passed in.

Of a question no more is read than is needed to answer it, and no pointer is followed: what a container sends must cost
no more than what it is worth.
"""

from __future__ import annotations

import struct

from izba.network import ipv4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

A, PTR, OPT, ANY = 1, 12, 41, 255
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
TTL = 10
"""Seconds: a container that was replaced is found again soon by those that keep answers."""
_PLAIN_UDP = 512
_HEADER = struct.Struct(">HHHHHH")
_QUESTION = struct.Struct(">HH")
_RECORD = struct.Struct(">HHIH")
_ANSWER, _OPERATION, _CERTAIN, _CUT, _WANTS_MORE, _HAS_MORE = 0x8000, 0x7800, 0x0400, 0x0200, 0x0100, 0x0080
_LONGEST_NAME, _LONGEST_LABEL = 255, 63
_THE_NAME_ASKED = b"\xc0\x0c"  # a pointer to offset 12
_MOST_EXTRAS = 4  # an OPT record (RFC 6891), a signature; more is nobody's question


class Question:
    """One question of a client; `name` is without the final dot, `kind` the number of a type, `section` as it came."""

    __slots__ = ("_flags", "id", "kind", "name", "section", "udp_size")

    def __init__(self, packet: bytes) -> None:
        """Raises `ValueError`, `IndexError` or `struct.error` for what is no question."""
        self.id, self._flags, questions, answers, authorities, extras = _HEADER.unpack_from(packet)
        if self._flags & (_ANSWER | _OPERATION) or questions != 1:
            raise ValueError(packet[:12])
        labels, at = _labels(packet)
        self.name = ".".join(labels)
        self.kind, _ = _QUESTION.unpack_from(packet, at)
        at += _QUESTION.size
        self.section = packet[_HEADER.size : at]
        self.udp_size = _PLAIN_UDP
        if not answers and not authorities:
            self.udp_size = max(_PLAIN_UDP, _offered_size(packet, at, min(extras, _MOST_EXTRAS)))

    @property
    def address(self) -> int | None:
        """The address that is asked about, of a reverse question."""
        parts = self.name.lower().removesuffix(".in-addr.arpa").split(".")
        if self.kind != PTR or len(parts) != 4 or not all(_is_octet(part) for part in parts):
            return None
        return ipv4.number(".".join(reversed(parts)))

    def head(self, *, flags: int = 0, answers: int = 0) -> bytes:
        """The header and question section of an answer."""
        kept = self._flags & _WANTS_MORE
        return _HEADER.pack(self.id, _ANSWER | _HAS_MORE | kept | flags, 1, answers, 0, 0) + self.section


def parse(data: bytes) -> Question | None:
    """The question in a packet; None for what is none: an answer, another operation, no or several questions."""
    try:
        return Question(data)
    except (ValueError, IndexError, struct.error):
        return None


def reply(
    question: Question,
    *,
    find: Callable[[str], list[int] | None],
    name_of: Callable[[int], str | None],
    first: int = 0,
    limit: int = 65535,
) -> bytes | None:
    """The answer, where it is ours to give; `first` is where the rotation of addresses begins.

    None where the question is for the world. An answer of more than `limit` bytes says so, and has no records.
    """
    if (address := question.address) is not None:
        holder = name_of(address)
        if holder is None:
            return None
        name = _on_the_wire(holder)
        return _packed(question, PTR, [name], limit) if name else failure(question, NXDOMAIN)
    addresses = find(question.name)
    if addresses is None:
        return None
    if not addresses:
        return failure(question, NXDOMAIN)
    records = []
    if question.kind in {A, ANY}:
        start = first % len(addresses)
        records = [each.to_bytes(4) for each in addresses[start:] + addresses[:start]]
    return _packed(question, A, records, limit)


def failure(question: Question, code: int) -> bytes:
    """An answer without records: NXDOMAIN, SERVFAIL, REFUSED."""
    return question.head(flags=code)


def cut(question: Question, answer: bytes) -> bytes:
    """An answer of somebody else as it goes by UDP: one that the client has no room for tells it to ask by TCP."""
    if len(answer) <= question.udp_size:
        return answer
    return question.head(flags=_CUT | answer[3] & 0x0F)


def _packed(question: Question, kind: int, records: list[bytes], limit: int) -> bytes:
    data = question.head(flags=_CERTAIN, answers=len(records)) + b"".join(
        _THE_NAME_ASKED + _RECORD.pack(kind, 1, TTL, len(each)) + each for each in records
    )
    return data if len(data) <= limit else question.head(flags=_CERTAIN | _CUT)


def _labels(packet: bytes) -> tuple[list[str], int]:
    """The name in a packet's question, and where it ends. A dot within a label is no dot between two."""
    labels, at = [], _HEADER.size
    while length := packet[at]:
        if length > _LONGEST_LABEL or at + length - _HEADER.size > _LONGEST_NAME - 2:
            raise ValueError(length)  # a pointer among them: there is nothing before a question to point to
        labels.append(packet[at + 1 : at + 1 + length].decode("latin-1").replace(".", "\\."))
        at += 1 + length
    return labels, at + 1


def _offered_size(packet: bytes, at: int, extras: int) -> int:
    """The size that the client's OPT record offers for answers by UDP, 0 where there is none."""
    for _ in range(extras):
        if at + _RECORD.size >= len(packet) or packet[at]:  # the name of an OPT record is the root (RFC 6891, 6.1.2)
            return 0
        kind, size, _, length = _RECORD.unpack_from(packet, at + 1)
        if kind == OPT:
            return int(size)
        at += 1 + _RECORD.size + length
    return 0


def _on_the_wire(name: str) -> bytes:
    """A name of a container and its network; nothing for one that no answer can have (containers' may be longer)."""
    labels = [label for label in name.encode().split(b".") if label]
    if not labels or max(map(len, labels)) > _LONGEST_LABEL or sum(map(len, labels)) + len(labels) >= _LONGEST_NAME:
        return b""
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _is_octet(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) < 256
