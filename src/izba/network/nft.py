"""The rules of izba's networks as data: one table for a host, made once; bridges and ports are elements of its sets.

    prerouting, output   a packet to a published port of this host goes to the container           maps ports, any_ports
    postrouting          what leaves a network for elsewhere gets the host's address;
                         what came to a published port from the host itself or a container, the bridge's
    forward              within a network everything; into one answers and what is published; out of one everything,
                         unless it is internal
    raw                  nobody outside speaks to, or as, an address of the host's loopback;
                         no container speaks as somebody who is not in its network

`nft list table ip izba1` reads like this page.
"""

from __future__ import annotations

from _socket import IPPROTO_TCP, IPPROTO_UDP
from errno import ENOENT

from izba.linux import nft, nftread
from izba.linux.netlink import NetlinkError
from izba.linux.nft import NftSocket
from izba.network import ipv4

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.linux.nft import Message
    from izba.network.plan import LinkPlan, PortBinding

TABLE = "izba1"
"""The number is that of this page: an izba that has another one makes a table of its own beside it."""
PROTOCOLS = {"tcp": IPPROTO_TCP, "udp": IPPROTO_UDP}
_BRIDGES, _SAME, _INTERNAL, _MASQUERADED, _SUBNETS, _PORTS, _ANY_PORTS = range(1, 8)
_NAMES = {
    _BRIDGES: "bridges",
    _SAME: "same_bridge",
    _INTERNAL: "internal",
    _MASQUERADED: "masqueraded",
    _SUBNETS: "subnets",
    _PORTS: "ports",
    _ANY_PORTS: "any_ports",
}
_RAW, _MANGLE, _NAT, _FILTER, _SOURCE_NAT = -300, -150, -100, 0, 100
_REG_2, _REG32_01, _REG32_02 = 2, 9, 10


def table() -> list[Message]:
    """The table, its sets and chains, as one commit."""
    return [*_foundation(), *(rule for rules in chains().values() for rule in rules)]


def restored() -> list[Message]:
    """The table as one commit, whatever is left of it: sets keep what they have, chains get their rules anew."""
    rules = chains()
    return [
        *_foundation(),
        *(nft.flush_chain(TABLE, name) for name in rules),
        *(rule for listed in rules.values() for rule in listed),
    ]


def chains() -> dict[str, list[Message]]:
    """The rules of each chain."""
    return {
        "raw": _raw(),
        "prerouting": _published("prerouting"),
        "output": _published("output"),
        "postrouting": _postrouting(),
        "forward": _forward(),
    }


def _foundation() -> list[Message]:
    interface = (nft.INTERFACE,)
    target = (nft.ADDRESS, nft.SERVICE)
    return [
        nft.add_table(TABLE),
        nft.add_map(TABLE, _NAMES[_BRIDGES], key=interface, number=_BRIDGES),
        nft.add_map(TABLE, _NAMES[_SAME], key=interface * 2, number=_SAME),
        nft.add_map(TABLE, _NAMES[_INTERNAL], key=interface, number=_INTERNAL),
        nft.add_map(TABLE, _NAMES[_MASQUERADED], key=interface, number=_MASQUERADED),
        nft.add_map(TABLE, _NAMES[_SUBNETS], key=(nft.ADDRESS,), number=_SUBNETS, ranges=True),
        nft.add_map(TABLE, _NAMES[_PORTS], key=(nft.ADDRESS, nft.PROTOCOL, nft.SERVICE), value=target, number=_PORTS),
        nft.add_map(TABLE, _NAMES[_ANY_PORTS], key=(nft.PROTOCOL, nft.SERVICE), value=target, number=_ANY_PORTS),
        nft.add_chain(TABLE, "raw", kind="filter", hook=nft.PREROUTING, priority=_RAW),
        nft.add_chain(TABLE, "prerouting", kind="nat", hook=nft.PREROUTING, priority=_NAT),
        nft.add_chain(TABLE, "output", kind="nat", hook=nft.OUTPUT, priority=_NAT),
        nft.add_chain(TABLE, "postrouting", kind="nat", hook=nft.POSTROUTING, priority=_SOURCE_NAT),
        nft.add_chain(TABLE, "forward", kind="filter", hook=nft.FORWARD, priority=_FILTER),
    ]


def _raw() -> list[Message]:
    # route_localnet lets 127.0.0.0/8 through on bridges, for published ports; it is for answers only.
    from_elsewhere = nft.interface(nft.IIFNAME, "lo", equal=False)
    drop = nft.verdict(nft.DROP)
    # A container that may send raw packets would otherwise answer in the world's name what another network has asked.
    forged = [*_from(_BRIDGES), nft.fib_source_interface(), nft.compare(bytes(4))]
    return [
        nft.add_rule(TABLE, "raw", [*from_elsewhere, *nft.destination("127.0.0.0", 8), drop]),
        nft.add_rule(TABLE, "raw", [*from_elsewhere, *nft.source("127.0.0.0", 8), drop]),
        nft.add_rule(TABLE, "raw", [*forged, drop]),
    ]


def _published(chain: str) -> list[Message]:
    to_address = [
        nft.payload_load(nft.NETWORK, 16, 4),
        nft.meta_load(nft.L4PROTO, _REG32_01),
        nft.payload_load(nft.TRANSPORT, 2, 2, _REG32_02),
        _look_up(_PORTS, result=1),
        nft.dnat(),
    ]
    to_any = [
        *nft.is_local(),
        nft.meta_load(nft.L4PROTO),
        nft.payload_load(nft.TRANSPORT, 2, 2, _REG32_01),
        _look_up(_ANY_PORTS, result=1),
        nft.dnat(),
    ]
    return [nft.add_rule(TABLE, chain, to_address), nft.add_rule(TABLE, chain, to_any)]


def _postrouting() -> list[Message]:
    dnatted = nft.connection(nft.CT_STATUS, nft.DNATTED)
    into = _to(_BRIDGES)
    # Told by its address, for between two ports of a bridge a packet's interface is not known here (br_netfilter).
    container = [nft.payload_load(nft.NETWORK, 12, 4), _look_up(_SUBNETS)]
    return [
        nft.add_rule(TABLE, "postrouting", [*nft.source("127.0.0.0", 8), *into, nft.masquerade()]),
        nft.add_rule(TABLE, "postrouting", [*container, *into, *dnatted, nft.masquerade()]),
        nft.add_rule(TABLE, "postrouting", [*_from(_MASQUERADED), *_to(_BRIDGES, there=False), nft.masquerade()]),
    ]


def _forward() -> list[Message]:
    accept, drop = nft.verdict(nft.ACCEPT), nft.verdict(nft.DROP)
    within = [nft.meta_load(nft.IIFNAME), nft.meta_load(nft.OIFNAME, _REG_2), _look_up(_SAME)]
    answers = nft.connection(nft.CT_STATE, nft.ESTABLISHED_RELATED)
    published = nft.connection(nft.CT_STATUS, nft.DNATTED)
    return [
        nft.add_rule(TABLE, "forward", [*within, accept]),
        nft.add_rule(TABLE, "forward", [*_from(_INTERNAL), drop]),
        nft.add_rule(TABLE, "forward", [*_to(_INTERNAL), drop]),
        nft.add_rule(TABLE, "forward", [*_to(_BRIDGES), *answers, accept]),
        nft.add_rule(TABLE, "forward", [*_to(_BRIDGES), *published, accept]),
        nft.add_rule(TABLE, "forward", [*_to(_BRIDGES), drop]),
    ]


def _from(set_number: int, *, there: bool = True) -> list[bytes]:
    return [nft.meta_load(nft.IIFNAME), _look_up(set_number, there=there)]


def _to(set_number: int, *, there: bool = True) -> list[bytes]:
    return [nft.meta_load(nft.OIFNAME), _look_up(set_number, there=there)]


def _look_up(number: int, *, result: int | None = None, there: bool = True) -> bytes:
    return nft.lookup(_NAMES[number], number=number, result=result, there=there)


def bridge_elements(link: LinkPlan) -> list[Message]:
    """What makes a bridge one of ours."""
    made = [nft.add_elements(TABLE, name, [(key, b"")], exclusive=False) for name, key in bridge_keys(link).items()]
    return [*made, nft.add_range(TABLE, SUBNETS, *subnet_range(link.gateway, link.prefix))]


def bridge_keys(link: LinkPlan) -> dict[str, bytes]:
    """The bridge's key in each set of interfaces that it belongs to, by the set's name."""
    name = nft.interface_name(link.bridge)
    keys = {_NAMES[_BRIDGES]: name, _NAMES[_SAME]: name + name}
    if link.internal:
        keys[_NAMES[_INTERNAL]] = name
    elif link.masquerade:
        keys[_NAMES[_MASQUERADED]] = name
    return keys


INTERFACE_SETS = tuple(_NAMES[number] for number in (_BRIDGES, _SAME, _INTERNAL, _MASQUERADED))
PORT_MAPS = tuple(_NAMES[number] for number in (_PORTS, _ANY_PORTS))
SUBNETS = _NAMES[_SUBNETS]


def subnet_range(gateway: str, prefix: int) -> tuple[bytes, bytes]:
    subnet = ipv4.subnet(f"{gateway}/{prefix}")
    return subnet.first.to_bytes(4), (subnet.last + 1).to_bytes(4)


def prepare(socket: NftSocket, link: LinkPlan, *, is_new: bool) -> None:
    """Make the table if it is not there, and see that the link's bridge is in its sets."""
    missing = not nftread.has_table(socket, TABLE)
    if missing or is_new:
        socket.commit([*(table() if missing else ()), *bridge_elements(link)])


def renew_subnets(socket: NftSocket, bridges: Iterable[tuple[str, int]]) -> None:
    """Let the set of subnets be those of these bridges' addresses: a bridge that others removed left its own there."""
    ranges = {subnet_range(gateway, prefix) for gateway, prefix in bridges}
    socket.commit([nft.flush_set(TABLE, SUBNETS), *(nft.add_range(TABLE, SUBNETS, *each) for each in sorted(ranges))])


def forget_bridge(socket: NftSocket, bridge: str, gateway: str, prefix: int) -> None:
    """Take a bridge out of all sets."""
    name = nft.interface_name(bridge)
    known = nft.delete_elements(TABLE, _NAMES[_BRIDGES], [name])
    same = nft.delete_elements(TABLE, _NAMES[_SAME], [name + name])
    subnet = nft.delete_range(TABLE, SUBNETS, *subnet_range(gateway, prefix))
    masqueraded, internal = (nft.delete_elements(TABLE, _NAMES[each], [name]) for each in (_MASQUERADED, _INTERNAL))
    try:
        socket.commit([known, masqueraded, same, subnet])  # as most are; to be refused costs 13 ms
    except NetlinkError as error:
        if error.errno != ENOENT:
            raise
    else:
        return
    for message in (known, masqueraded, internal, same, subnet):
        try:
            socket.commit([message])
        except NetlinkError as error:
            if error.errno != ENOENT:
                raise


MARK = 0x1A
"""On datagrams that leave the user's own namespace, for its routing rules to keep them; nothing else there has it."""


def lead_out(socket: NftSocket, tcp_port: int, udp_port: int) -> None:
    """In the user's own namespace, which has no way out: what leaves for the world arrives at ports of ours instead.

    What has no route there is the world's; other networks and the bridges' own addresses have one. An answer to a
    client of the world is for the socket of ours that has the client's address. What a container sends to the port for
    datagrams itself is dropped: it would seem to be meant for the world, and may come from an internal network.
    """
    outward = [*_from(_BRIDGES), *_from(_INTERNAL, there=False), nft.fib_daddr_interface(), nft.compare(bytes(4))]
    tcp = [nft.meta_load(nft.L4PROTO), nft.compare(bytes([IPPROTO_TCP]))]
    udp = [nft.meta_load(nft.L4PROTO), nft.compare(bytes([IPPROTO_UDP]))]
    redirect = [nft.load_immediate(nft.port(tcp_port)), nft.redirect()]
    proxy = [nft.load_immediate(nft.port(udp_port)), nft.transparent_proxy(), *nft.set_mark(MARK)]
    to_proxy = [*udp, nft.payload_load(nft.TRANSPORT, 2, 2), nft.compare(nft.port(udp_port))]
    socket.commit(
        [
            *(() if nftread.has_table(socket, TABLE) else table()),
            nft.add_chain(TABLE, "streams_out", kind="nat", hook=nft.PREROUTING, priority=_NAT + 1),
            nft.add_chain(TABLE, "datagrams_out", kind="filter", hook=nft.PREROUTING, priority=_MANGLE),
            nft.add_chain(TABLE, "answers_out", kind="filter", hook=nft.PREROUTING, priority=_MANGLE),
            nft.add_chain(TABLE, "led_only", kind="filter", hook=nft.INPUT, priority=_FILTER),
            nft.flush_chain(TABLE, "answers_out"),
            nft.add_rule(TABLE, "answers_out", [*outward, *tcp, *nft.is_answer(), *nft.set_mark(MARK)]),
            nft.flush_chain(TABLE, "streams_out"),
            nft.flush_chain(TABLE, "datagrams_out"),
            nft.add_rule(TABLE, "streams_out", [*outward, *tcp, *redirect]),
            nft.add_rule(TABLE, "datagrams_out", [*outward, *udp, *proxy, nft.verdict(nft.ACCEPT)]),
            nft.flush_chain(TABLE, "led_only"),
            nft.add_rule(TABLE, "led_only", [*to_proxy, *nft.is_marked(MARK, equal=False), nft.verdict(nft.DROP)]),
        ]
    )


# -- published ports


def publish(socket: NftSocket, bindings: Iterable[PortBinding], address: str) -> None:
    """Send published ports to a container. Whoever calls holds them, so an element that is there is a dead one's."""
    published = port_elements(bindings, address)
    messages = _stale(socket, published, address)
    for name, elements in published.items():
        messages.append(nft.add_elements(TABLE, name, elements.items()))
    if messages:
        socket.commit(messages)


def unpublish(socket: NftSocket, bindings: Iterable[PortBinding], address: str) -> None:
    """Take a container's published ports away; those that are gone, or another container's now, are no matter."""
    for name, elements in port_elements(bindings, address).items():
        held = dict(nftread.elements(socket, TABLE, name))
        if ours := [key for key, value in elements.items() if held.get(key) == value]:
            socket.commit([nft.delete_elements(TABLE, name, ours)])


def _stale(socket: NftSocket, published: dict[str, dict[bytes, bytes]], address: str) -> list[Message]:
    """What leads to an earlier owner of the address, or of one of the ports, that could not clean up."""
    messages = []
    for name in PORT_MAPS:
        ours = published.get(name, {})
        held = nftread.elements(socket, TABLE, name)
        if keys := [key for key, value in held if key in ours or value.startswith(nft.address(address))]:
            messages.append(nft.delete_elements(TABLE, name, keys))
    return messages


def port_elements(bindings: Iterable[PortBinding], address: str) -> dict[str, dict[bytes, bytes]]:
    """What sends published ports to the container at `address`, by the name of the map; IPv6 is the relay's."""
    found: dict[str, dict[bytes, bytes]] = {}
    for binding in bindings:
        if ":" in binding.host_ip:
            continue
        place = [bytes([PROTOCOLS[binding.protocol]]), nft.port(binding.host_port)]
        number = _ANY_PORTS
        if binding.host_ip:
            number = _PORTS
            place.insert(0, nft.address(binding.host_ip))
        target = nft.concatenation(nft.address(address), nft.port(binding.container_port))
        found.setdefault(_NAMES[number], {})[nft.concatenation(*place)] = target
    return found


# -- other people's rules


def accept_through_docker(socket: NftSocket, bridge: str) -> str | None:
    """Docker drops what is forwarded and not its own: let ours through its chain for users' rules.

    Where somebody else's policy drops, a sentence about it.
    """
    if nftread.policy(socket, "filter", "FORWARD") != nft.DROP:
        return None
    pattern = "izba-*" if bridge.startswith("izba-") else bridge
    if not nftread.has_chain(socket, "filter", "DOCKER-USER"):
        name = pattern.replace("*", "+")
        return (
            "a firewall of this host drops what is forwarded, that of containers too; "
            f"`iptables -I FORWARD -i {name} -j ACCEPT; iptables -I FORWARD -o {name} -j ACCEPT` lets them through"
        )
    known = b"".join(nftread.rules(socket, "filter", "DOCKER-USER"))
    if pattern.rstrip("*").encode() not in known:
        accept = nft.verdict(nft.ACCEPT)
        socket.commit(
            [
                nft.add_rule("filter", "DOCKER-USER", [*nft.interface(key, pattern), accept], first=True)
                for key in (nft.IIFNAME, nft.OIFNAME)
            ]
        )
    return None
