"""How often the nf_tables rules of a network namespace were changed, by whomever. Costs next to nothing to import."""

from __future__ import annotations

from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, socket
from _struct import pack, unpack_from

# linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
_NETLINK_NETFILTER = 12
_GETGEN = 10 << 8 | 16
_REQUEST, _ERROR = 0x1, 2
_HEADER = 16
_BODY = _HEADER + 4
_GENERATION_ID = 1


def generation() -> int:
    """The number of the current ruleset: every commit counts. Raises `OSError` for who may not know it."""
    asked = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, _NETLINK_NETFILTER)
    try:
        asked.bind((0, 0))
        asked.send(pack("=IHHII", _BODY, _GETGEN, _REQUEST, 1, 0) + pack("=BBH", 0, 0, 0))
        answer = asked.recv(4096)
    finally:
        asked.close()
    _, kind = unpack_from("=IH", answer)
    if kind == _ERROR:
        (status,) = unpack_from("=i", answer, _HEADER)
        raise OSError(-status, "nf_tables does not tell its generation")
    offset = _BODY
    while offset + 8 <= len(answer):
        length, attribute = unpack_from("=HH", answer, offset)
        if attribute & 0x3FFF == _GENERATION_ID:
            return int(unpack_from(">I", answer, offset + 4)[0])
        offset += (max(length, 4) + 3) & ~3
    return 0
