"""Networks on a machine with a LAN, as root, as a user with subordinate ids and as one without: the same for all."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.conftest import (
    HOST,
    LAN,
    Izba,
    Machine,
    PrefixedIzba,
    Server,
    address_of,
    ask_from,
    eventually,
    fetch,
    idle,
    ids_of,
    own_prefix,
    relays,
    send,
    send_from,
    served,
    within,
)

pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("setpriv")]


@pytest.fixture
def open_directory(busybox_archive: Path) -> Iterator[Path]:
    """A directory that every user sees what is in."""
    path = busybox_archive.parent / "open"
    path.mkdir()
    yield path
    shutil.rmtree(path)


@pytest.fixture
def izba(each_izba: Izba) -> Izba:
    """root's, and that of each kind of ordinary user, in turn."""
    return each_izba


# -- what a network is made with


def test_a_network_has_the_addresses_the_mtu_and_the_labels_it_was_made_with(izba: Izba, machine: Machine) -> None:
    pool = ("--subnet", "10.99.8.0/24", "--gateway", "10.99.8.254", "--ip-range", "10.99.8.64/31")
    mtu = ("-o", "com.docker.network.driver.mtu=1300")
    izba.ok("network", "create", *pool, *mtu, "--label", "of=test", "-d", "bridge", "made")
    first, second = idle(izba, "--network", "made"), idle(izba, "--network", "made")
    outside = idle(izba, "--network", "made", "--ip", "10.99.8.9")
    visitor = idle(izba)
    izba.ok("network", "connect", "--ip", "10.99.8.10", "made", visitor)

    assert [address_of(izba, name, "made") for name in (first, second)] == ["10.99.8.64", "10.99.8.65"]
    for name, address in ((outside, "10.99.8.9"), (visitor, "10.99.8.10")):
        assert address_of(izba, name, "made") == address
        assert f"{address}/24" in izba.ok("exec", name, "ip", "addr")
    assert "default via 10.99.8.254 dev eth0" in izba.ok("exec", first, "ip", "route")
    assert izba.ok("exec", first, "cat", "/sys/class/net/eth0/mtu") == "1300"
    full = izba("run", "--rm", "--network", "made", "busybox", "true")
    assert (full.returncode, "no available IPv4 addresses on network made" in full.stderr) == (125, True)
    found = json.loads(izba.ok("network", "inspect", "made"))[0]
    (config,) = found["IPAM"]["Config"]
    assert config == {"Subnet": "10.99.8.0/24", "Gateway": "10.99.8.254", "IPRange": "10.99.8.64/31"}
    assert (found["Driver"], found["Labels"]) == ("bridge", {"of": "test"})
    assert found["Options"]["com.docker.network.driver.mtu"] == "1300"
    with Server(LAN, 7070, machine.on_lan):
        assert ask_from(izba, first, LAN, 7070) == HOST  # by a gateway that is not the subnet's first address


def test_what_is_sent_fits_the_uplink(izba: Izba, machine: Machine) -> None:
    """root's packets leave as they are. Of an ordinary user's only what is in them leaves, in packets of the host's."""
    client = idle(izba)
    assert izba.ok("exec", client, "cat", "/sys/class/net/eth0/mtu") == ("1500" if izba.user else "1400")
    much = "x" * 8000
    with Server(LAN, 7070, machine.on_lan):
        assert len(send_from(izba, client, LAN, 7070, much)) == len(f"{HOST} {much}")


def test_a_subnet_that_the_host_routes_is_not_taken(izba: Izba, machine: Machine) -> None:
    machine.host("ip", "route", "add", "10.98.0.0/16", "via", LAN)
    try:
        refused = izba("network", "create", "--subnet", "10.98.4.0/24", "one")
    finally:
        machine.host("ip", "route", "del", "10.98.0.0/16")
    assert refused.returncode == 1
    assert "10.98.4.0/24 overlaps with a route of this host" in refused.stderr
    assert izba.ok("network", "ls", "-q", "--filter", "type=custom") == ""


def test_networks_are_isolated_from_each_other(izba: Izba) -> None:
    """Streams, datagrams and pings: between two networks that both get out."""
    for network in ("one", "two"):
        izba.ok("network", "create", network)
    web, near, far = served(izba, "--network", "one"), idle(izba, "--network", "one"), idle(izba, "--network", "two")
    address = address_of(izba, web, "one")
    ping = ("ping", "-c", "1", address, "-W")

    with Server("0.0.0.0", 81, within(izba, web)):
        assert ask_from(izba, near, address, 80) == web
        assert send_from(izba, near, address, 81, "ping").endswith(" ping")
        assert izba("exec", near, *ping, "30").returncode == 0
        assert ask_from(izba, far, address, 80, timeout=1) == ""
        assert send_from(izba, far, address, 81, "ping", timeout=1) == ""
        assert izba("exec", far, *ping, "1").returncode == 1


# -- published ports


def test_ports_are_published_as_each_form_asks_and_only_there(izba: Izba, machine: Machine) -> None:
    forms = ("8000-8001:80-81", f"{HOST}:8010:80", "127.0.0.1:5300:80/udp", "5301:80/udp", "127.0.0.1::81", "81/udp")
    name = idle(izba, *(word for form in forms for word in ("-p", form)))
    ports = izba.inspect(name)["NetworkSettings"]["Ports"]
    chosen = int(next(each["HostPort"] for each in ports["81/tcp"] if each["HostIp"] == "127.0.0.1"))
    chosen_udp = int(ports["81/udp"][0]["HostPort"])
    on_loopback = {"prefix": machine.on_host}
    on_lan = {"prefix": machine.on_lan}

    with Server("0.0.0.0", 80, within(izba, name)), Server("0.0.0.0", 81, within(izba, name)):
        for port in (8000, 8001):
            for address in ("127.0.0.1", "::1", HOST):
                assert fetch(address, port, **on_loopback) not in REFUSED, (address, port)
            assert fetch(HOST, port, **on_lan) == LAN
        assert fetch("127.0.0.1", 8002, **on_loopback) in REFUSED
        assert fetch(HOST, 8010, **on_lan) == LAN
        assert fetch("127.0.0.1", 8010, **on_loopback) in REFUSED
        assert fetch("127.0.0.1", chosen, **on_loopback) not in REFUSED
        assert fetch(HOST, chosen, **on_lan) in REFUSED
        assert send("127.0.0.1", 5300, "ping", **on_loopback).endswith(" ping")
        assert send(HOST, 5300, "ping", timeout=1, **on_lan) == ""
        assert send(HOST, 5301, "ping", **on_lan) == f"{LAN} ping"
        assert send(HOST, chosen_udp, "ping", **on_lan) == f"{LAN} ping"
        assert send("127.0.0.1", chosen_udp, "ping", **on_loopback).endswith(" ping")
    assert set(izba.ok("port", name, "80").splitlines()) == {f"{HOST}:8010", "0.0.0.0:8000", "[::]:8000"}


REFUSED = {"ConnectionRefusedError", "TimeoutError", "ConnectionResetError", "OSError"}


def test_all_exposed_ports_are_published(izba: Izba, machine: Machine) -> None:
    name = idle(izba, "-P", "--expose", "80", "--expose", "90-91/udp")
    ports = izba.inspect(name)["NetworkSettings"]["Ports"]

    assert set(ports) == {"80/tcp", "90/udp", "91/udp"}
    with Server("0.0.0.0", 80, within(izba, name)), Server("0.0.0.0", 91, within(izba, name)):
        assert fetch(HOST, int(ports["80/tcp"][0]["HostPort"]), prefix=machine.on_lan) == LAN
        assert send(HOST, int(ports["91/udp"][0]["HostPort"]), "ping", prefix=machine.on_lan) == f"{LAN} ping"


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_taken_port_names_its_holder(izba: Izba, machine: Machine, protocol: str) -> None:
    """A container, a program of one's own, another user's program, which nobody but root sees, and oneself."""
    first = idle(izba, "-p", f"8080:80/{protocol}")
    refused = izba("run", "--rm", "-p", f"8080:80/{protocol}", "busybox", "true")
    assert refused.returncode == 125
    assert f"container {izba.inspect(first)['Id'][:12]} has the port" in refused.stderr

    for prefix in (own_prefix(izba, machine), machine.on_host):
        with Server("127.0.0.1", 9090, prefix) as server:
            refused = izba("run", "--rm", "-p", f"9090:80/{protocol}", "busybox", "true")
            pid = server.process.pid
        seen = izba.user is None or prefix != machine.on_host
        assert f"{f'(pid {pid})' if seen else 'another program'} has the port" in refused.stderr
        assert "-p 9091:…" in refused.stderr
    izba.ok("run", "--rm", "-p", f"9090:80/{protocol}", "busybox", "true")
    twice = izba("run", "--rm", "-p", f"9090:80/{protocol}", "-p", f"127.0.0.1:9090:81/{protocol}", "busybox", "true")
    assert f"cannot publish 127.0.0.1:9090/{protocol}: its own port 80 has the port" in twice.stderr


def test_a_low_port_is_published_or_its_remedy_told_and_the_remedy_works(izba: Izba, machine: Machine) -> None:
    remedy = "net.ipv4.ip_unprivileged_port_start=81"
    before = machine.host("sysctl", "-n", remedy.partition("=")[0]).strip()
    if izba.user:
        refused = izba("run", "--rm", "-p", "81:80", "busybox", "true")
        assert refused.returncode == 125
        assert f"`sudo sysctl {remedy}`" in refused.stderr
        machine.host("sysctl", "-q", remedy)
    try:
        web = served(izba, "-p", "81:80")
        assert fetch(HOST, 81, prefix=machine.on_lan) == web
    finally:
        machine.host("sysctl", "-q", f"{remedy.partition('=')[0]}={before}")


@pytest.mark.peer("iptables")
def test_a_firewall_that_drops_what_is_forwarded_is_told_with_the_remedy_which_works(
    izba: Izba, machine: Machine
) -> None:
    """root's packets are forwarded; nothing of an ordinary user's is."""
    machine.host("iptables", "-P", "FORWARD", "DROP")
    try:
        warned = izba("run", "--rm", "busybox", "true").stderr
        if izba.user is None:
            assert warned.startswith("warning: a firewall of this host drops what is forwarded")
            machine.host("sh", "-c", warned.split("`")[1])
        else:
            assert warned == ""
        name = idle(izba, "-p", "8080:80")
        with Server(LAN, 7070, machine.on_lan), Server("0.0.0.0", 80, within(izba, name)):
            assert ask_from(izba, name, LAN, 7070) == HOST
            assert fetch(HOST, 8080, prefix=machine.on_lan) == LAN
    finally:
        machine.host("nft", "delete", "table", "ip", "filter")


# -- without a program of anybody's


def test_nobodys_program_is_needed(izba: Izba, machine: Machine) -> None:
    """No ip, no nft, no slirp4netns, no pasta and no setuid program."""
    nsenter, setpriv = shutil.which("nsenter"), shutil.which("setpriv")
    assert nsenter
    assert setpriv
    prefix = (nsenter, *machine.on_host[1:])
    if izba.user:
        prefix += (setpriv, *ids_of(izba.user))
    if izba.has_single_id:  # a range has its maps written by newuidmap, which has nothing to do with networks
        prefix += ("--no-new-privs",)
    alone = PrefixedIzba(root=izba.root, user=izba.user, names=izba.names, prefix=prefix, extra={"PATH": "/nowhere"})
    eventually(lambda: relays(izba) == [])  # one that was started with more than this
    alone.ok("network", "create", "one")
    web, client = served(alone, "--network", "one", "-p", "8080:80"), idle(alone, "--network", "one")

    assert ask_from(alone, client, web, 80) == web
    with Server(LAN, 7070, machine.on_lan):
        assert ask_from(alone, client, LAN, 7070) == HOST
        assert send_from(izba, client, LAN, 7070, "ping") == f"{HOST} ping"
    assert fetch(HOST, 8080, prefix=machine.on_lan) == web


# -- networks that change while the container runs


def test_ports_go_with_the_container_to_another_network(izba: Izba, machine: Machine) -> None:
    """Out of the one that they were published by, and into one that it was not in when it started."""
    for network in ("one", "two"):
        izba.ok("network", "create", network)
    name = idle(izba, "--network", "one", "-p", "8080:80", "-p", "8080:80/udp", "-p", f"{HOST}:8081:80")

    def is_reached() -> bool:
        with Server("0.0.0.0", 80, within(izba, name)):
            assert fetch("::1", 8080, prefix=machine.on_host) not in REFUSED
            assert fetch("127.0.0.1", 8080, prefix=machine.on_host) not in REFUSED
            assert send(HOST, 8080, "ping", prefix=machine.on_lan) == f"{LAN} ping"
            return fetch(HOST, 8080, prefix=machine.on_lan) == LAN == fetch(HOST, 8081, prefix=machine.on_lan)

    izba.ok("network", "disconnect", "one", name)
    izba.ok("network", "connect", "two", name)
    assert is_reached()
    izba.ok("network", "connect", "one", name)
    assert is_reached()
    izba.ok("network", "disconnect", "two", name)
    assert is_reached()
    with Server(LAN, 7070, machine.on_lan):
        assert ask_from(izba, name, LAN, 7070) == HOST
    if izba.user is None:
        izba.ok("network", "ls")  # puts right what is wrong with the rules
        assert machine.host("nft", "list", "map", "ip", "izba1", "any_ports").count("8080") == 2
        assert is_reached()


def test_a_restart_by_policy_has_the_networks_of_now(izba: Izba, machine: Machine) -> None:
    """Neither those that the container was taken out of, which may be gone, nor without those that it was let into."""
    for network in ("one", "two"):
        izba.ok("network", "create", network)
    web = served(izba, "--network", "two")
    name = idle(izba, "--network", "one", "-p", "8080:80", "--restart", "always")
    izba.ok("network", "connect", "--alias", "known", "two", name)
    izba.ok("network", "disconnect", "one", name)
    izba.ok("network", "rm", "one")
    pid, address = izba.state(name)["Pid"], address_of(izba, name, "two")
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: izba.state(name)["Pid"] not in {0, pid})

    assert izba.ok("exec", name, "ip", "-4", "-o", "addr", "show", "scope", "global").split()[1:4] == [
        *("eth0", "inet", f"{address}/24")
    ]
    assert ask_from(izba, name, web, 80) == web
    assert address in izba.ok("exec", web, "nslookup", "known")
    with Server("0.0.0.0", 80, within(izba, name)):
        assert fetch(HOST, 8080, prefix=machine.on_lan) == LAN


def test_what_waits_for_its_restart_is_connected_and_disconnected(izba: Izba, open_directory: Path) -> None:
    """Between two runs there is nothing to be connected, but a next one."""
    for network in ("one", "two"):
        izba.ok("network", "create", network)
    name = izba.name()
    options = ("--network", "one", "--restart", "always", "-v", f"{open_directory}:/told:ro")
    izba.ok("run", "-d", "--name", name, *options, "busybox", "sh", "-c", "test -e /told/go && exec sleep 1000; exit 1")
    eventually(lambda: izba.state(name)["Status"] == "restarting")
    izba.ok("network", "connect", "two", name)
    izba.ok("network", "disconnect", "one", name)
    (open_directory / "go").touch()
    eventually(lambda: izba.state(name)["Running"] and izba("exec", name, "true").returncode == 0)
    shown = izba.ok("exec", name, "ip", "-4", "-o", "addr", "show", "scope", "global")

    assert [line.split()[1:4:2] for line in shown.splitlines()] == [["eth0", f"{address_of(izba, name, 'two')}/24"]]


def test_many_connections_at_once_are_all_made(izba: Izba) -> None:
    networks = ["one", "two", "three", "four"]
    for network in networks:
        izba.ok("network", "create", network)
    name = idle(izba, "--restart", "always")

    def all_at_once(verb: str) -> set[str]:
        changing = [izba.popen("network", verb, network, name) for network in networks]
        assert [each.wait(timeout=120) for each in changing] == [0] * len(networks)
        shown = izba.ok("exec", name, "ip", "-4", "-o", "addr", "show", "scope", "global").splitlines()
        found = [line.split()[3].partition("/")[0] for line in shown]
        assert len(set(found)) == len(found)
        hosts = izba.ok("exec", name, "cat", "/etc/hosts").splitlines()
        assert {line.split()[0] for line in hosts if izba.inspect(name)["Id"][:12] in line} == set(found)
        return set(found)

    connected = all_at_once("connect")
    assert connected == {address_of(izba, name, network) for network in [*networks, "bridge"]}
    pid = izba.state(name)["Pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: izba.state(name)["Pid"] not in {0, pid})
    assert len(izba.ok("exec", name, "ls", "/sys/class/net").split()) == 1 + len(connected)
    assert all_at_once("disconnect") == {address_of(izba, name)}


def test_a_container_without_a_network_of_its_own_is_not_connected(izba: Izba) -> None:
    izba.ok("network", "create", "one")
    for mode in ("none", "host"):
        name = idle(izba, "--network", mode)
        refused = izba("network", "connect", "one", name)
        assert (refused.returncode, f"has the network {mode}" in refused.stderr) == (1, True)
