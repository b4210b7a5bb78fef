"""attacks.md, section H, as root: what a LAN, a container and a foreign network try."""

from __future__ import annotations

import pytest

from tests.network.conftest import (
    HOST,
    LAN,
    Izba,
    Machine,
    Server,
    address_of,
    ask_from,
    fetch,
    idle,
    send_from,
    served,
    within,
)

pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("nft")]


def test_a_port_of_the_loopback_is_not_reached_from_the_lan(izba: Izba, machine: Machine) -> None:
    """H1. Not even by a neighbour that sends packets for 127.0.0.1 to this host (CVE-2020-8558's way in)."""
    web = served(izba, "-p", "127.0.0.1:8080:80")
    assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == web
    assert fetch(HOST, 8080, prefix=machine.on_lan) == "ConnectionRefusedError"
    machine.lan("ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
    machine.lan("sysctl", "-q", "net.ipv4.conf.all.route_localnet=1")
    machine.lan("ip", "route", "add", "127.0.0.1", "via", HOST)
    try:
        assert fetch("127.0.0.1", 8080, prefix=machine.on_lan, timeout=1) == "TimeoutError"
    finally:
        machine.lan("ip", "route", "del", "127.0.0.1")
        machine.lan("ip", "addr", "add", "127.0.0.1/8", "dev", "lo")


def test_a_port_of_one_address_is_published_there_only(izba: Izba, machine: Machine) -> None:
    """H1."""
    web = served(izba, "-p", f"{HOST}:8080:80")
    assert fetch(HOST, 8080, prefix=machine.on_lan) == web
    assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == "ConnectionRefusedError"
    assert fetch("::1", 8080, prefix=machine.on_host) == "ConnectionRefusedError"


def test_a_port_that_is_not_published_is_not_reached_by_a_route_to_the_container(izba: Izba, machine: Machine) -> None:
    """H1: a neighbour that knows the container's address."""
    web = served(izba)
    subnet = address_of(izba, web).rpartition(".")[0] + ".0/24"
    machine.lan("ip", "route", "add", subnet, "via", HOST)
    try:
        assert fetch(address_of(izba, web), 80, prefix=machine.on_lan, timeout=1) == "TimeoutError"
    finally:
        machine.lan("ip", "route", "del", subnet)


def test_nothing_gets_into_or_out_of_an_internal_network(izba: Izba, machine: Machine) -> None:
    """H2."""
    izba.ok("network", "create", "--internal", "inner")
    web, client = served(izba, "--network", "inner"), idle(izba, "--network", "inner")
    other = idle(izba)
    address = address_of(izba, web, "inner")
    gateway = f"{address.rpartition('.')[0]}.1"

    assert ask_from(izba, client, address, 80) == web
    machine.lan("ip", "route", "add", f"{gateway}/24".replace(".1/", ".0/"), "via", HOST)
    try:
        with Server(LAN, 7070, machine.on_lan):
            assert ask_from(izba, client, LAN, 7070, timeout=1) == ""
            # Not even with a route of its own making.
            machine.host(*within(izba, client), "ip", "route", "add", "default", "via", gateway)
            assert ask_from(izba, client, LAN, 7070, timeout=1) == ""
            assert send_from(izba, client, LAN, 7070, "ping", timeout=2) == ""
        assert fetch(address, 80, prefix=machine.on_lan, timeout=1) == "TimeoutError"
        assert ask_from(izba, other, address, 80, timeout=1) == ""
    finally:
        machine.lan("ip", "route", "del", f"{gateway}/24".replace(".1/", ".0/"))


def test_an_internal_network_asks_no_name_servers(izba: Izba) -> None:
    """H2: a question is a way out, too."""
    izba.ok("network", "create", "--internal", "inner")
    client = idle(izba, "--network", "inner")
    assert "REFUSED" in izba("exec", client, "nslookup", "secret.example.com").stdout


def test_a_container_does_not_reach_the_hosts_loopback(izba: Izba, machine: Machine) -> None:
    """H4. Nor by packets for 127.0.0.1 that it sends to the bridge."""
    name = idle(izba)
    gateway = izba.inspect(name)["NetworkSettings"]["Gateway"]
    with Server("127.0.0.1", 9090, machine.on_host):
        assert ask_from(izba, name, gateway, 9090, timeout=2) == ""
        assert ask_from(izba, name, HOST, 9090, timeout=2) == ""
        inside = within(izba, name)
        machine.host(*inside, "ip", "addr", "del", "127.0.0.1/8", "dev", "lo")
        machine.host(*inside, "sysctl", "-q", "net.ipv4.conf.all.route_localnet=1")
        machine.host(*inside, "ip", "route", "add", "127.0.0.1", "via", gateway)
        assert fetch("127.0.0.1", 9090, prefix=inside, timeout=1) == "TimeoutError"


def test_the_metadata_address_is_reached_as_from_the_host_and_never_from_an_internal_network(
    izba: Izba, machine: Machine
) -> None:
    """H5. Docker's users rely on the first; docs/networks.md says how to close it."""
    izba.ok("network", "create", "--internal", "inner")
    machine.lan("ip", "addr", "add", "169.254.169.254/32", "dev", "lan0")
    try:
        with Server("169.254.169.254", 80, machine.on_lan):
            assert ask_from(izba, idle(izba), "169.254.169.254", 80) == HOST
            assert ask_from(izba, idle(izba, "--network", "inner"), "169.254.169.254", 80, timeout=1) == ""
    finally:
        machine.lan("ip", "addr", "del", "169.254.169.254/32", "dev", "lan0")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", HOST])
def test_no_client_seems_to_be_the_containers_own_loopback(izba: Izba, machine: Machine, address: str) -> None:
    """H6 (CVE-2021-20199)."""
    name = idle(izba, "-p", "8080:80")
    with Server("0.0.0.0", 80, within(izba, name)):
        seen = fetch(address, 8080, prefix=machine.on_host)
    assert seen in {izba.inspect(name)["NetworkSettings"]["Gateway"], HOST}


def test_there_is_no_way_round_by_ipv6(izba: Izba, machine: Machine) -> None:
    """H7: an interface's own fe80:: address would be one, to the host and to what listens there on every address."""
    name = idle(izba)
    assert "inet6" not in izba.ok("exec", name, "ip", "addr", "show", "eth0")
    bridge = f"izba-{izba.inspect(name)['NetworkSettings']['Networks']['bridge']['NetworkID'][:10]}"
    assert "inet6" not in machine.host("ip", "addr", "show", bridge)
