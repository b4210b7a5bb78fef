"""Subnets that clash with nothing, and addresses that come back."""

from __future__ import annotations

import pytest

from izba.errors import InvalidArgument
from izba.ids import new_id
from izba.network import ipam, ipv4
from izba.network.errors import AddressesExhausted, AddressInUse, BadAddress, PoolsExhausted, SubnetOverlaps
from izba.network.store import Endpoint, EndpointRequest, Network, Networks
from izba.paths import Roots
from izba.store.store import Store


@pytest.fixture
def store(tmp_path):
    with Store.open(Roots(data=str(tmp_path / "data"), run=str(tmp_path / "run"), config="", rootless=False)) as opened:
        yield opened


@pytest.fixture
def networks(store: Store) -> Networks:
    return Networks(store.db)


def small(networks: Networks, **changes: object) -> Network:
    """A network with room for five containers."""
    network = Network(id=new_id(), name="small", subnet="172.30.0.0/29", gateway="172.30.0.1")
    return networks.insert(network.replace(**changes))


def connected(store: Store, network: Network, wanted: str = "") -> Endpoint:
    id = new_id()
    store.db.execute(
        "INSERT INTO containers (id, name, image, snapshot, created, config) VALUES (?, ?, '', ?, 0, '{}')", id, id, id
    )
    return Networks(store.db).connect(id, network, EndpointRequest(network=network.name, address=wanted))


def lease(networks: Networks, network: Network, endpoint: Endpoint, *, runs: bool = True) -> str:
    return ipv4.text(ipam.lease(networks, network, endpoint, lambda _: runs))


def test_the_first_subnets_are_those_people_know() -> None:
    assert str(ipam.choose([])) == "172.17.0.0/24"
    assert str(ipam.choose([ipv4.subnet("172.17.0.0/16")])) == "172.18.0.0/24"


def test_a_subnet_overlaps_with_nothing_that_is_taken() -> None:
    taken = [ipv4.subnet("172.16.0.0/12"), ipv4.subnet("10.128.0.0/24")]
    assert str(ipam.choose(taken)) == "10.128.1.0/24"


def test_a_host_that_routes_everything_leaves_no_subnet() -> None:
    with pytest.raises(PoolsExhausted):
        ipam.choose([ipv4.subnet("172.16.0.0/12"), ipv4.subnet("10.0.0.0/8")])


def test_a_thousand_networks_find_room() -> None:
    taken: list[ipv4.Subnet] = []
    for _ in range(200):
        taken.append(ipam.choose(taken))
    assert len({str(subnet) for subnet in taken}) == 200
    assert not any(one.overlaps(other) for one in taken[:20] for other in taken if one is not other)


def test_a_subnet_of_another_network_is_refused_by_its_name(networks: Networks) -> None:
    small(networks)
    with pytest.raises(SubnetOverlaps, match="network small"):
        ipam.check_free(ipv4.subnet("172.30.0.0/16"), networks.all())


def test_addresses_are_given_out_in_order_and_never_the_networks_own(store: Store, networks: Networks) -> None:
    network = small(networks)
    given = [lease(networks, network, connected(store, network)) for _ in range(5)]
    assert given == [f"172.30.0.{last}" for last in range(2, 7)]
    with pytest.raises(AddressesExhausted):
        lease(networks, network, connected(store, network))


def test_an_endpoint_gets_its_address_again(store: Store, networks: Networks) -> None:
    network = small(networks)
    first, second = connected(store, network), connected(store, network)
    assert lease(networks, network, first) == "172.30.0.2"
    assert lease(networks, network, second) == "172.30.0.3"
    (again,) = networks.of_container(first.container)
    assert lease(networks, network, again) == "172.30.0.2"


def test_the_address_of_a_stopped_container_is_taken_only_when_none_is_left(store: Store, networks: Networks) -> None:
    network = small(networks)
    endpoints = [connected(store, network) for _ in range(6)]
    given = [lease(networks, network, endpoint, runs=False) for endpoint in endpoints]
    assert given[:5] == [f"172.30.0.{last}" for last in range(2, 7)]
    assert given[5] in given[:5]
    owners = [each for each in networks.of_network(network.id) if each.address is not None]
    assert len(owners) == 5


def test_an_address_goes_with_its_container(store: Store, networks: Networks) -> None:
    network = small(networks)
    endpoint = connected(store, network)
    lease(networks, network, endpoint)
    store.containers.delete(endpoint.container)
    assert networks.of_network(network.id) == []


def test_a_static_address_is_kept_for_its_container(store: Store, networks: Networks) -> None:
    network = small(networks)
    static = connected(store, network, wanted="172.30.0.2")
    assert lease(networks, network, connected(store, network)) == "172.30.0.3"
    assert lease(networks, network, static) == "172.30.0.2"


def test_a_static_address_is_taken_back_from_a_container_that_ended(store: Store, networks: Networks) -> None:
    network = small(networks)
    ended, static = connected(store, network), connected(store, network, wanted="172.30.0.2")
    networks.set_address(ended, ipv4.number("172.30.0.2"))
    with pytest.raises(AddressInUse, match=ended.container[:12]):
        lease(networks, network, static, runs=True)
    assert lease(networks, network, static, runs=False) == "172.30.0.2"


def test_the_range_limits_what_is_given_out_but_not_what_may_be_asked_for(store: Store, networks: Networks) -> None:
    network = small(networks, subnet="172.30.0.0/24", ip_range="172.30.0.128/31")
    assert lease(networks, network, connected(store, network)) == "172.30.0.128"
    assert lease(networks, network, connected(store, network)) == "172.30.0.129"
    with pytest.raises(AddressesExhausted):
        lease(networks, network, connected(store, network))
    assert lease(networks, network, connected(store, network, wanted="172.30.0.9")) == "172.30.0.9"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("172.31.0.2", "not in it"),
        ("172.30.0.0", "network's own"),
        ("172.30.0.7", "network's own"),
        ("172.30.0.1", "gateway"),
    ],
)
def test_an_address_that_no_container_can_have_is_refused(networks: Networks, address: str, reason: str) -> None:
    with pytest.raises(BadAddress, match=reason):
        ipam.check_address(address, small(networks))


@pytest.mark.parametrize(
    "text", ["1.2.3", "1.2.3.4.5", "256.1.1.1", "a.b.c.d", "1.2.3.-4", "0x1.2.3.4", "", "1.2.3.4 "]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        ipv4.number(text)


@pytest.mark.parametrize("text", ["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/0", "10.0.0.0/a", "/24"])
def test_what_is_no_subnet_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument):
        ipv4.subnet(text)


def test_bits_behind_the_prefix_do_not_count() -> None:
    assert str(ipv4.subnet("172.30.5.77/22")) == "172.30.4.0/22"
