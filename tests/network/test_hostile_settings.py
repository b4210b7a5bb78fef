"""attacks.md, section H: what a network's settings, which may be those of somebody else's Compose file, ask for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.network.conftest import Izba, Machine, address_of, ask_from, fetch, idle, served

pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("nft")]

BRIDGE = "com.docker.network.bridge.name"


def links(machine: Machine) -> dict[str, str]:
    """The interfaces of the host, with their flags."""
    return {link["ifname"]: " ".join(link["flags"]) for link in json.loads(machine.host("ip", "-j", "link"))}


@pytest.mark.parametrize("name", ["up0", "lo", "..", "all", "default", "a/b", "longer-than-fifteen"])
def test_a_bridge_is_not_given_the_name_of_an_interface_or_a_path(izba: Izba, machine: Machine, name: str) -> None:
    before = links(machine)
    refused = izba("network", "create", "-o", f"{BRIDGE}={name}", "bad")
    assert refused.returncode == 1
    assert name in refused.stderr
    assert "bad" not in izba.ok("network", "ls", "--format", "{{.Name}}")
    assert links(machine) == before


def test_a_compose_file_does_not_get_the_hosts_interface_either(izba: Izba, machine: Machine, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text(
        "services: {web: {image: busybox, networks: [bad]}}\n"
        f"networks: {{bad: {{driver_opts: {{{BRIDGE}: up0}}}}}}\n"
    )
    refused = izba("compose", "-f", str(file), "up", "-d")
    assert refused.returncode != 0
    assert "the interface up0 is there already" in refused.stderr
    izba("compose", "-f", str(file), "down")
    assert "UP" in links(machine)["up0"]


@pytest.mark.parametrize("kind", ["bridge", "veth"])
def test_an_interface_that_came_later_is_neither_used_nor_removed(izba: Izba, machine: Machine, kind: str) -> None:
    izba.ok("network", "create", "-o", f"{BRIDGE}=later0", "bad")
    machine.host("ip", "link", "add", "later0", "type", kind)
    machine.host("ip", "link", "set", "later0", "up")
    try:
        refused = izba("run", "--rm", "--network", "bad", "busybox", "true")
        assert refused.returncode == 125
        assert "the interface later0 is there already" in refused.stderr
        idle(izba)
        machine.host("nft", "flush", "chain", "ip", "izba1", "forward")
        izba.ok("ps")  # puts the rules right, and would not let another's bridge be one of them
        assert "later0" not in machine.host("nft", "list", "table", "ip", "izba1")
        izba.ok("network", "rm", "bad")
        assert "UP" in links(machine)["later0"]
    finally:
        machine.host("ip", "link", "del", "later0")


def test_two_networks_do_not_share_a_bridge(izba: Izba) -> None:
    izba.ok("network", "create", "-o", f"{BRIDGE}=ours0", "one")
    refused = izba("network", "create", "-o", f"{BRIDGE}=ours0", "two")
    assert (refused.returncode, "the interface ours0 is the bridge of network one" in refused.stderr) == (1, True)
    assert address_of(izba, idle(izba, "--network", "one"), "one")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("--subnet", "0.0.0.0/0"), "invalid CIDR address"),
        (("--subnet", "0.0.0.0/24"), "no host has an address of it"),
        (("--subnet", "127.0.0.0/24"), "no host has an address of it"),
        (("--subnet", "224.0.0.0/24"), "no host has an address of it"),
        (("--subnet", "255.255.255.0/24"), "no host has an address of it"),
        (("--subnet", "10.99.9.0/31"), "no room for containers"),
        (("--subnet", "10.99.9.0/24", "--gateway", "10.99.9.0"), "the network's own"),
        (("--subnet", "10.99.9.0/24", "--gateway", "10.99.9.255"), "the network's own"),
        (("--subnet", "10.99.9.0/24", "--gateway", "10.99.8.1"), "no matching subnet for gateway"),
        (("--subnet", "10.99.9.0/24", "--ip-range", "10.99.0.0/16"), "no matching subnet for range"),
        (("--subnet", "198.18.0.0/16"), "overlaps with a route"),
    ],
)
def test_addresses_that_no_network_can_have_are_refused(izba: Izba, settings: tuple[str, ...], said: str) -> None:
    refused = izba("network", "create", *settings, "bad")
    assert refused.returncode == 1
    assert said in refused.stderr
    assert izba.ok("network", "ls", "-q", "--filter", "type=custom") == ""


def test_nothing_is_published_of_an_internal_network(each_izba: Izba, machine: Machine) -> None:
    """A client is refused at once, and the port is free for others."""
    each_izba.ok("network", "create", "--internal", "inner")
    name = each_izba.name()
    started = each_izba(
        "run", "-d", "--name", name, "--network", "inner", "-p", "8080:80", "--expose", "90", "busybox", "sleep", "1000"
    )
    assert started.returncode == 0
    assert f"published ports of {name} are discarded" in started.stderr
    for address in ("127.0.0.1", "::1"):
        assert fetch(address, 8080, prefix=machine.on_host) == "ConnectionRefusedError"
    assert each_izba.inspect(name)["NetworkSettings"]["Ports"] == {"80/tcp": None, "90/tcp": None}
    web = served(each_izba, "-p", "8080:80")
    assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == web


def test_no_port_of_the_host_leads_out_of_an_internal_network(each_izba: Izba) -> None:
    """A published port of a container elsewhere, asked for at the internal network's own gateway."""
    each_izba.ok("network", "create", "--internal", "inner")
    served(each_izba, "-p", "8080:80")
    client = idle(each_izba, "--network", "inner")
    gateway = each_izba.inspect(client)["NetworkSettings"]["Networks"]["inner"]["Gateway"]
    assert ask_from(each_izba, client, gateway, 8080, timeout=1) == ""
