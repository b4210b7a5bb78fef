"""Which subnet a network gets, and which address a container.

Subnets are /24s of 172.16.0.0/12 and 10.128.0.0/9 that overlap with no route, address or name server of the host and
with no other network: a VPN or a cloud's own network stays reachable.

An address is kept by its endpoint after the container ended, so that it comes back with the same one; only when the
pool has no free address left is one taken from a container that does not run. So nothing has to be given back, and a
killed process can lose none.
"""

from __future__ import annotations

from izba.network import ipv4
from izba.network.errors import AddressesExhausted, AddressInUse, BadAddress, PoolsExhausted, SubnetOverlaps
from izba.network.ipv4 import Subnet

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from izba.network.store import Endpoint, Network, Networks


def candidates() -> Iterator[Subnet]:
    """The subnets izba chooses from, in this order; the first ones are those that people know from Docker."""
    for third in range(256):
        for second in range(17, 32):
            yield Subnet(first=172 << 24 | second << 16 | third << 8, prefix=24)
    for second in range(128, 256):
        for third in range(256):
            yield Subnet(first=10 << 24 | second << 16 | third << 8, prefix=24)


def choose(taken: Iterable[Subnet]) -> Subnet:
    """The first subnet that overlaps with none of `taken`. Raises `PoolsExhausted`."""
    ranges = tuple(taken)
    for candidate in candidates():
        if not any(candidate.overlaps(each) for each in ranges):
            return candidate
    raise PoolsExhausted


def check_free(wanted: Subnet, others: Iterable[Network]) -> None:
    """Raises `SubnetOverlaps` where another network of izba's has addresses of it."""
    for network in others:
        if network.subnet and wanted.overlaps(ipv4.subnet(network.subnet)):
            raise SubnetOverlaps(str(wanted), f"network {network.name} ({network.subnet})")


def check_address(address: str, network: Network) -> int:
    """The number of an address that a container of the network may have. Raises `BadAddress`."""
    number, subnet = ipv4.number(address), ipv4.subnet(network.subnet)
    if number not in subnet:
        raise BadAddress(address, network.subnet, "it is not in it")
    if number in {subnet.first, subnet.last}:
        raise BadAddress(address, network.subnet, "the first and the last address are the network's own")
    if number == ipv4.number(network.gateway):
        raise BadAddress(address, network.subnet, "it is the gateway's")
    return number


def lease(networks: Networks, network: Network, endpoint: Endpoint, runs: Callable[[str], bool]) -> int:
    """The endpoint's address, now its own; `runs` tells of a container id whether it does. Within a transaction.

    Raises `AddressInUse` and `AddressesExhausted`.
    """
    if endpoint.address is not None and not endpoint.wanted:
        return endpoint.address
    neighbours = [each for each in networks.of_network(network.id) if each.container != endpoint.container]
    others = {each.address: each for each in neighbours if each.address is not None}
    if endpoint.wanted:
        address = check_address(endpoint.wanted, network)
        if holder := others.get(address):
            if runs(holder.container):
                raise AddressInUse(endpoint.wanted, holder.container[:12])
            networks.set_address(holder, None)
    else:
        reserved = _own(network) | {ipv4.number(each.wanted) for each in neighbours if each.wanted}
        address = _free(networks, network, others, reserved, runs)
    networks.set_address(endpoint, address)
    return address


def _free(
    networks: Networks,
    network: Network,
    others: dict[int, Endpoint],
    reserved: set[int],
    runs: Callable[[str], bool],
) -> int:
    pool = ipv4.subnet(network.ip_range or network.subnet)
    for address in range(pool.first, pool.last + 1):
        if address not in others and address not in reserved:
            return address
    for address, holder in others.items():
        if address in pool and address not in reserved and not runs(holder.container):
            networks.set_address(holder, None)
            return address
    raise AddressesExhausted(network.name, network.ip_range or network.subnet)


def _own(network: Network) -> set[int]:
    subnet = ipv4.subnet(network.subnet)
    reserved = {subnet.first, subnet.last, ipv4.number(network.gateway)}
    return reserved | {ipv4.number(address) for address in network.auxiliary.values()}


def mac_of(address: int) -> bytes:
    """The hardware address that goes with an address, always the same: neighbours need not learn it anew (Docker)."""
    return b"\x02\x42" + address.to_bytes(4)
