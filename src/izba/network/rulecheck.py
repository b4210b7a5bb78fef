"""What of the rules is not as it should be, as sets: what others took away, and what killed processes left."""

from __future__ import annotations

from izba.linux import nft as messages_of
from izba.linux import nftread
from izba.network import ipv4, nft

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from izba.linux.nft import Message, NftSocket
    from izba.network.plan import LinkPlan

PortElements = dict[str, dict[bytes, bytes]]
"""Elements by the name of their map."""


def corrections(
    socket: NftSocket,
    links: Iterable[LinkPlan],
    *,
    exists: Callable[[str], bool],
    wanted: PortElements,
    allowed: PortElements,
) -> list[Message]:
    """What makes the rules right, nothing if they are.

    `links` have the bridges that are up; `exists` tells of an interface's name; `wanted` are the ports of running
    containers, `allowed` those of others that may be about to run.
    """
    links = tuple(links)
    expected = {name: len(rules) for name, rules in nft.chains().items()}
    found = nftread.rule_counts(socket, nft.TABLE)
    messages = [] if found == expected else nft.restored()
    messages += _of_bridges(socket, links, exists)
    for name in nft.PORT_MAPS:
        held = dict(nftread.elements(socket, nft.TABLE, name))
        messages += _of_ports(name, held, wanted.get(name, {}), allowed.get(name, {}), links)
    return messages


def _of_bridges(socket: NftSocket, links: tuple[LinkPlan, ...], exists: Callable[[str], bool]) -> list[Message]:
    keys: dict[str, set[bytes]] = {name: set() for name in nft.INTERFACE_SETS}
    for link in links:
        for name, key in nft.bridge_keys(link).items():
            keys[name].add(key)
    messages: list[Message] = []
    for name, expected in keys.items():
        held = {key for key, _ in nftread.elements(socket, nft.TABLE, name)}
        if missing := expected - held:
            messages.append(messages_of.add_elements(nft.TABLE, name, [(key, b"") for key in sorted(missing)]))
        if dead := {key for key in held if not exists(key[:16].rstrip(b"\0").decode())}:
            messages.append(messages_of.delete_elements(nft.TABLE, name, sorted(dead)))
    subnets = {nft.subnet_range(link.gateway, link.prefix) for link in links}
    missing_ranges = subnets - nftread.ranges(socket, nft.TABLE, nft.SUBNETS)
    return messages + [messages_of.add_range(nft.TABLE, nft.SUBNETS, *each) for each in sorted(missing_ranges)]


def _of_ports(
    name: str,
    held: Mapping[bytes, bytes],
    wanted: Mapping[bytes, bytes],
    allowed: Mapping[bytes, bytes],
    links: tuple[LinkPlan, ...],
) -> list[Message]:
    ours = [ipv4.subnet(f"{link.gateway}/{link.prefix}") for link in links]
    wrong = {
        key
        for key, value in held.items()
        if any(int.from_bytes(value[:4]) in subnet for subnet in ours)
        and value not in {wanted.get(key), allowed.get(key)}
    }
    missing = {key: value for key, value in wanted.items() if key not in held or key in wrong}
    messages = []
    if wrong:
        messages.append(messages_of.delete_elements(nft.TABLE, name, sorted(wrong)))
    if missing:
        messages.append(messages_of.add_elements(nft.TABLE, name, sorted(missing.items())))
    return messages
