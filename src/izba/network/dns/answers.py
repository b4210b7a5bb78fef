"""A question and its answer on the wire (RFC 1035), by dnslib. Pure: names are looked up by what is passed in."""

from __future__ import annotations

from dnslib import AAAA, PTR, QTYPE, RCODE, RR, A, DNSError, DNSHeader, DNSRecord

from izba.network import ipv4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AAAA", "Question", "failure", "parse", "reply"]

TTL = 10
"""Seconds: a container that was replaced is found again soon by those that keep answers."""
_PLAIN_UDP = 512


class Question:
    """One question of a client; `name` is without the final dot and `kind` such as "A"."""

    def __init__(self, record: DNSRecord) -> None:
        self.record = record
        self.id: int = record.header.id
        self.name = str(record.q.qname).rstrip(".")
        self.kind: str = QTYPE.get(record.q.qtype)
        opt = next((each for each in record.ar if each.rtype == QTYPE.OPT), None)
        self.udp_size = max(_PLAIN_UDP, opt.rclass) if opt is not None else _PLAIN_UDP

    @property
    def address(self) -> int | None:
        """The address that is asked about, of a reverse question."""
        parts = self.name.lower().removesuffix(".in-addr.arpa").split(".")
        if self.kind != "PTR" or len(parts) != 4 or not all(part.isdecimal() and int(part) < 256 for part in parts):
            return None
        return ipv4.number(".".join(reversed(parts)))


def parse(data: bytes) -> Question | None:
    """The question in a packet; None for what is none: an answer, another operation, no or several questions."""
    try:
        record = DNSRecord.parse(data)
        if record.header.qr or record.header.opcode or len(record.questions) != 1:
            return None
        return Question(record)
    except (DNSError, ValueError, IndexError, KeyError, UnicodeError):
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
        name = name_of(address)
        if name is None:
            return None
        if not name:
            return failure(question, "NXDOMAIN")
        return _packed(question, [RR(question.record.q.qname, QTYPE.PTR, rdata=PTR(name), ttl=TTL)], limit)
    addresses = find(question.name)
    if addresses is None:
        return None
    if not addresses:
        return failure(question, "NXDOMAIN")
    records = []
    if question.kind in {"A", "ANY"}:
        start = first % len(addresses)
        rotated = addresses[start:] + addresses[:start]
        records = [RR(question.record.q.qname, QTYPE.A, rdata=A(ipv4.text(each)), ttl=TTL) for each in rotated]
    return _packed(question, records, limit)


def failure(question: Question, code: str) -> bytes:
    """An answer without records: NXDOMAIN, SERVFAIL, REFUSED."""
    header = DNSHeader(id=question.id, qr=1, ra=1, rd=question.record.header.rd, rcode=getattr(RCODE, code))
    return bytes(DNSRecord(header, q=question.record.q).pack())


def _packed(question: Question, records: list[RR], limit: int) -> bytes:
    header = DNSHeader(id=question.id, qr=1, aa=1, ra=1, rd=question.record.header.rd)
    data = bytes(DNSRecord(header, q=question.record.q, rr=records).pack())
    if len(data) <= limit:
        return data
    header.tc = 1
    return bytes(DNSRecord(header, q=question.record.q).pack())
