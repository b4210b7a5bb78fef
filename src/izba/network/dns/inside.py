"""The resolver's sockets in a container's own network namespace, and the rules that make them port 53 of 127.0.0.11.

A container may have a name server of its own on every address of it, so the real port is another one (as in Docker).
"""

from __future__ import annotations

from _socket import (
    AF_INET,
    IPPROTO_TCP,
    IPPROTO_UDP,
    SO_RCVBUF,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)

from izba.linux import nft, nftread
from izba.linux.nft import NftSocket
from izba.network.files import RESOLVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.linux.nft import Message

_TABLE = "izba_names"
_NAT = -100
_RCVBUF = 1 << 20
_REG32_01 = 9


def make_sockets() -> tuple[socket, socket]:
    """For UDP and TCP, in the current network namespace, whose loopback is up."""
    made = []
    for kind in (SOCK_DGRAM, SOCK_STREAM):
        each = socket(AF_INET, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
        each.bind((RESOLVER, 0))
        made.append(each)
    udp, tcp = made
    udp.setsockopt(SOL_SOCKET, SO_RCVBUF, _RCVBUF)
    tcp.listen(128)
    with NftSocket() as rules:
        if nftread.has_table(rules, _TABLE):  # of a resolver before
            rules.commit([nft.delete_table(_TABLE)])
        rules.commit(redirection(udp.getsockname()[1], tcp.getsockname()[1]))
    return udp, tcp


def redirection(udp_port: int, tcp_port: int) -> list[Message]:
    """The rules."""
    return [
        nft.add_table(_TABLE),
        nft.add_chain(_TABLE, "output", kind="nat", hook=nft.OUTPUT, priority=_NAT),
        *(
            nft.add_rule(
                _TABLE,
                "output",
                [
                    *nft.destination(RESOLVER, 32),
                    nft.meta_load(nft.L4PROTO),
                    nft.compare(bytes([protocol])),
                    nft.payload_load(nft.TRANSPORT, 2, 2),
                    nft.compare(nft.port(53)),
                    nft.load_immediate(nft.address(RESOLVER)),
                    nft.load_immediate(nft.port(port), _REG32_01),
                    nft.dnat(),
                ],
            )
            for protocol, port in ((IPPROTO_UDP, udp_port), (IPPROTO_TCP, tcp_port))
        ),
    ]
