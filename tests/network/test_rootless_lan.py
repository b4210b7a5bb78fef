"""Both kinds of ordinary user on a machine with a LAN: what others show of root's networks (bridges, attacks)."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.conftest import (
    HOST,
    LAN,
    Izba,
    Machine,
    Server,
    address_of,
    ask_from,
    eventually,
    fetch,
    idle,
    relays,
    send,
    served,
    within,
)

pytestmark = [pytest.mark.root, pytest.mark.peer("setpriv")]


@pytest.fixture
def izba(lan_izba: Izba) -> Iterator[Izba]:
    yield lan_izba
    lan_izba.clean()
    lan_izba("network", "prune", "-f")


def test_a_published_port_is_reached_from_everywhere(izba: Izba, machine: Machine) -> None:
    izba.ok("network", "create", "one")
    web, client, other = served(izba, "-p", "8080:80"), idle(izba), idle(izba, "--network", "one")

    for address in ("127.0.0.1", "::1", HOST, "127.0.0.53"):
        assert fetch(address, 8080, prefix=machine.on_host) == web, address
    assert fetch(HOST, 8080, prefix=machine.on_lan) == web
    for asker in (client, other, web):
        assert ask_from(izba, asker, HOST, 8080) == web
    assert izba.ok("port", web) == "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080"


def test_a_client_of_the_lan_is_seen_by_its_own_address(izba: Izba, machine: Machine) -> None:
    name = idle(izba, "-p", "8080:80", "-p", "5300:80/udp")
    with Server("0.0.0.0", 80, within(izba, name)):
        assert fetch(HOST, 8080, prefix=machine.on_lan) == LAN
        assert send(HOST, 5300, "ping", prefix=machine.on_lan) == f"{LAN} ping"


def test_a_port_of_the_loopback_is_not_reached_from_the_lan(izba: Izba, machine: Machine) -> None:
    web = served(izba, "-p", "127.0.0.1:8080:80", "-p", f"{HOST}:8081:80")
    assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == web
    assert fetch(HOST, 8080, prefix=machine.on_lan) == "ConnectionRefusedError"
    assert fetch(HOST, 8081, prefix=machine.on_lan) == web
    assert fetch("127.0.0.1", 8081, prefix=machine.on_host) == "ConnectionRefusedError"


def test_networks_are_isolated_from_each_other(izba: Izba) -> None:
    izba.ok("network", "create", "one")
    izba.ok("network", "create", "--internal", "two")
    web, inner = served(izba, "--network", "one"), served(izba, "--network", "two")
    client = idle(izba, "--network", "two")

    assert ask_from(izba, client, address_of(izba, inner, "two"), 80) == inner
    assert ask_from(izba, client, address_of(izba, web, "one"), 80, timeout=1) == ""
    assert ask_from(izba, web, address_of(izba, inner, "two"), 80, timeout=1) == ""


def test_the_world_sees_the_host_and_no_internal_network_sees_the_world(izba: Izba, machine: Machine) -> None:
    izba.ok("network", "create", "--internal", "two")
    machine.lan("ip", "addr", "add", "169.254.169.254/32", "dev", "lan0")
    try:
        with Server("0.0.0.0", 7070, machine.on_lan):
            client, inner = idle(izba), idle(izba, "--network", "two")
            for address in (LAN, "169.254.169.254"):
                assert ask_from(izba, client, address, 7070) == HOST
                assert ask_from(izba, inner, address, 7070, timeout=1) == ""
    finally:
        machine.lan("ip", "addr", "del", "169.254.169.254/32", "dev", "lan0")


def test_ports_are_chosen_kept_and_given_back(izba: Izba, machine: Machine) -> None:
    web = served(izba, "-P", "--expose", "80", "-p", "127.0.0.1::90")
    before = izba.inspect(web)["NetworkSettings"]
    port = int(before["Ports"]["80/tcp"][0]["HostPort"])
    assert fetch("127.0.0.1", port, prefix=machine.on_host) == web
    assert izba.ok("port", web, "90") == f"127.0.0.1:{before['Ports']['90/tcp'][0]['HostPort']}"

    refused = izba("run", "--rm", "-p", f"{port}:80", "busybox", "true")
    assert f"container {izba.inspect(web)['Id'][:12]} has the port" in refused.stderr
    assert "it is no address of this host" in izba("run", "--rm", "-p", "203.0.113.9:80:80", "busybox", "true").stderr
    izba.ok("restart", "-t", "0", web)
    after = izba.inspect(web)["NetworkSettings"]
    assert after["IPAddress"] == before["IPAddress"]
    port = int(after["Ports"]["80/tcp"][0]["HostPort"])  # another one perhaps, as with Docker
    eventually(lambda: fetch("127.0.0.1", port, prefix=machine.on_host) == web)
    izba.ok("rm", "-f", web)
    eventually(lambda: fetch("127.0.0.1", port, prefix=machine.on_host) == "ConnectionRefusedError")
    izba.ok("run", "--rm", "-p", f"{port}:80", "busybox", "true")


def test_a_subnet_that_the_host_routes_is_not_chosen_and_moves_out_of_the_way(izba: Izba, machine: Machine) -> None:
    machine.host("ip", "route", "add", "172.18.0.0/15", "via", LAN)
    try:
        izba.ok("network", "create", "one")
        subnet = json.loads(izba.ok("network", "inspect", "one"))[0]["IPAM"]["Config"][0]["Subnet"]
        assert not subnet.startswith(("172.18.", "172.19."))
    finally:
        machine.host("ip", "route", "del", "172.18.0.0/15")
    there = idle(izba, "--network", "one")
    izba.ok("stop", "-t", "0", there)
    machine.host("ip", "route", "add", subnet, "via", LAN)
    try:
        izba.ok("start", there)
        for name in (there, idle(izba, "--network", "one")):
            assert not address_of(izba, name, "one").startswith(subnet.rpartition(".")[0] + ".")
    finally:
        machine.host("ip", "route", "del", subnet)


def in_the_users_namespace(izba: Izba, script: str) -> str:
    """What a shell prints that is where the bridges of this user's izba are."""
    eventually(lambda: len(relays(izba)) == 1)  # one that had just ended may still be there
    (relay,) = relays(izba)
    (inside,) = Path(f"/proc/{relay}/task/{relay}/children").read_text().split()
    entered = ["nsenter", f"--user=/proc/{inside}/ns/user", f"--net=/proc/{inside}/ns/net", "sh", "-ec", script]
    return subprocess.run(entered, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("in_use", [False, True])
def test_a_subnet_moves_with_its_bridge_which_is_still_there(izba: Izba, machine: Machine, in_use: bool) -> None:
    """Another container keeps the user's own namespace, with the bridge in it; perhaps even something on the bridge."""
    izba.ok("network", "create", "one")
    found = json.loads(izba.ok("network", "inspect", "one"))[0]
    subnet, bridge = found["IPAM"]["Config"][0]["Subnet"], f"izba-{found['Id'][:10]}"
    idle(izba)
    izba.ok("run", "--rm", "--network", "one", "busybox", "true")
    # The veth of a container that ended goes a moment later.
    eventually(lambda: in_the_users_namespace(izba, f"ip -o link show master {bridge}") == "")
    if in_use:
        add = "ip link add veth0 type veth peer name veth1 && ip link set veth0 master"
        in_the_users_namespace(izba, f"{add} {bridge}")
    machine.host("ip", "route", "add", subnet, "via", LAN)
    try:
        with Server("0.0.0.0", 7070, machine.on_lan):
            web, client = served(izba, "--network", "one"), idle(izba, "--network", "one")
            assert not address_of(izba, web, "one").startswith(subnet.rpartition(".")[0] + ".")
            assert ask_from(izba, client, web, 80) == web
            assert ask_from(izba, client, LAN, 7070) == HOST
    finally:
        machine.host("ip", "route", "del", subnet)


def test_there_is_no_way_round_by_ipv6(izba: Izba) -> None:
    assert "inet6" not in izba.ok("exec", idle(izba), "ip", "addr", "show", "eth0")
