"""Bridges as root, on a machine of its own with a LAN beside it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.network.conftest import (
    HOST,
    LAN,
    Izba,
    Machine,
    MachineIzba,
    Server,
    _fill,
    address_of,
    ask_from,
    fetch,
    idle,
    send_from,
    served,
    within,
)

pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("nft")]


def test_a_container_is_on_the_default_bridge_with_the_uplinks_mtu(izba: Izba, machine: Machine) -> None:
    name = idle(izba)

    (link,) = json.loads(izba.ok("exec", name, "sh", "-c", "echo [$(cat /sys/class/net/eth0/mtu)]"))
    assert link == 1400
    routes = izba.ok("exec", name, "ip", "route")
    subnet = address_of(izba, name).rpartition(".")[0]
    assert f"default via {subnet}.1 dev eth0" in routes
    assert f"{address_of(izba, name)}\t{izba.inspect(name)['Id'][:12]}" in izba.ok("exec", name, "cat", "/etc/hosts")
    bridges = json.loads(machine.host("ip", "-j", "link", "show", "type", "bridge"))
    assert [bridge["mtu"] for bridge in bridges] == [1400]


def test_containers_of_a_network_reach_each_other_and_the_world(izba: Izba, machine: Machine) -> None:
    web, client = served(izba), idle(izba)

    assert ask_from(izba, client, address_of(izba, web), 80) == web
    with Server(LAN, 7070, machine.on_lan):
        assert ask_from(izba, client, LAN, 7070) == HOST  # masqueraded
        assert send_from(izba, client, LAN, 7070, "ping") == f"{HOST} ping"


def test_a_published_port_is_reached_from_everywhere(izba: Izba, machine: Machine) -> None:
    web, client = served(izba, "-p", "8080:80"), idle(izba)
    gateway = izba.inspect(web)["NetworkSettings"]["Gateway"]

    for address in ("127.0.0.1", "::1", HOST, "127.0.0.53"):
        assert fetch(address, 8080, prefix=machine.on_host) == web, address
    assert fetch(HOST, 8080, prefix=machine.on_lan) == web
    assert ask_from(izba, client, HOST, 8080) == web
    assert ask_from(izba, client, gateway, 8080) == web
    assert ask_from(izba, web, HOST, 8080) == web  # its own port, by way of the host
    assert izba.ok("port", web) == "80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080"
    assert izba.ok("ps", "--filter", f"name={web}", "--format", "{{.Ports}}") == (
        "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"
    )


def test_a_published_port_is_reached_from_another_network(izba: Izba) -> None:
    izba.ok("network", "create", "one")
    web, client = served(izba, "-p", "8080:80"), idle(izba, "--network", "one")

    assert ask_from(izba, client, HOST, 8080) == web


def test_a_client_of_the_lan_is_seen_by_its_own_address(izba: Izba, machine: Machine) -> None:
    name = idle(izba, "-p", "8080:80")
    for port, shown in (("8080", [name]), ("8000-8100/tcp", [name]), ("80", []), ("8080/udp", [])):
        assert izba.ok("ps", "--filter", f"publish={port}", "--format", "{{.Names}}").split() == shown
    with Server("0.0.0.0", 80, within(izba, name)):
        assert fetch(HOST, 8080, prefix=machine.on_lan) == LAN


def test_an_address_that_is_not_the_hosts_cannot_be_published_on(izba: Izba) -> None:
    refused = izba("run", "--rm", "-p", "203.0.113.9:80:80", "busybox", "true")
    assert "203.0.113.9: it is no address of this host" in refused.stderr


def test_a_container_that_ended_leaves_no_rule_no_interface_and_no_port(izba: Izba, machine: Machine) -> None:
    web = served(izba, "-p", "8080:80")
    izba.ok("rm", "-f", web)
    izba.ok("run", "--rm", "-p", "8080:80", "busybox", "true")

    assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == "ConnectionRefusedError"
    assert "8080" not in machine.host("nft", "list", "table", "ip", "izba1")


def test_a_killed_monitor_leaves_nothing_that_the_next_container_would_get(izba: Izba, machine: Machine) -> None:
    """I: the rules of a container whose monitor was killed lead to no other one."""
    web = served(izba, "-p", "8080:80")
    monitor = json.loads((izba.directory(web) / "state.json").read_text())["monitor"][0]
    address = address_of(izba, web)
    machine.host("kill", "-9", str(monitor))
    izba.ok("rm", "-f", web)
    other = served(izba)

    assert address_of(izba, other) == address
    assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == "ConnectionRefusedError"
    again = served(izba, "-p", "8080:80")
    assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == again


def test_a_restarted_container_has_its_address_and_its_port_again(izba: Izba, machine: Machine) -> None:
    web = served(izba, "-p", "8080:80", "-p", "90")
    before = izba.inspect(web)["NetworkSettings"]
    izba.ok("restart", "-t", "0", web)
    after = izba.inspect(web)["NetworkSettings"]

    assert after["IPAddress"] == before["IPAddress"]
    assert after["Ports"]["80/tcp"] == before["Ports"]["80/tcp"]


def test_rules_that_a_firewall_flushed_come_back_with_the_next_container(izba: Izba, machine: Machine) -> None:
    client = idle(izba)
    machine.host("nft", "delete", "table", "ip", "izba1")
    idle(izba)
    with Server(LAN, 7070, machine.on_lan):
        assert ask_from(izba, client, LAN, 7070) == HOST


def test_the_bridge_of_an_izba_that_is_gone_goes_with_the_next_that_is_made(
    izba: Izba, machine: Machine, tmp_path: Path
) -> None:
    doomed = MachineIzba(root=tmp_path / "doomed", machine=machine)
    id = doomed.ok("network", "inspect", "bridge", "--format", "{{.Id}}")
    machine.host("ip", "link", "add", f"izba-{id[:10]}", "type", "bridge")
    machine.host("ip", "link", "set", f"izba-{id[:10]}", "alias", f"izba of {doomed.root}")
    izba.ok("network", "create", "one")
    idle(izba, "--network", "one")
    assert f"izba-{id[:10]}" in machine.host("ip", "link")

    shutil.rmtree(doomed.root)
    izba.ok("network", "create", "two")
    idle(izba, "--network", "two")
    assert f"izba-{id[:10]}" not in machine.host("ip", "link")
    ours = izba.ok("network", "inspect", "two", "--format", "{{.Id}}")
    assert f"izba of {izba.root}" in machine.host("ip", "-d", "link", "show", f"izba-{ours[:10]}")


def test_what_is_left_in_the_rules_of_a_bridge_that_was_removed_by_hand_is_no_hindrance(
    izba: Izba, machine: Machine
) -> None:
    web = served(izba, "-p", "8080:80")
    machine.host("nft", "add", "element", "ip", "izba1", "subnets", "{ 10.77.3.0/24 }")
    izba.ok("network", "create", "--subnet", "10.77.0.0/16", "wide")
    client = idle(izba, "--network", "wide")
    assert ask_from(izba, client, HOST, 8080) == web
    subnets = machine.host("nft", "list", "set", "ip", "izba1", "subnets")
    assert "10.77.0.0/16" in subnets
    assert "10.77.3.0/24" not in subnets
    assert ask_from(izba, web, HOST, 8080) == web


def test_traffic_gets_through_dockers_forward_drop(izba: Izba, machine: Machine) -> None:
    rules = """table ip filter {
        chain DOCKER-USER { return; }
        chain FORWARD { type filter hook forward priority 0; policy drop; jump DOCKER-USER; }
    }"""
    machine.host("nft", rules)
    try:
        web, client = served(izba, "-p", "8080:80"), idle(izba)
        with Server(LAN, 7070, machine.on_lan):
            assert ask_from(izba, client, LAN, 7070) == HOST
        assert fetch(HOST, 8080, prefix=machine.on_lan) == web
        idle(izba)
        assert machine.host("nft", "list", "chain", "ip", "filter", "DOCKER-USER").count("accept") == 2
    finally:
        machine.host("nft", "delete", "table", "ip", "filter")


def test_a_subnet_that_the_host_routes_is_not_chosen_and_not_taken(izba: Izba, machine: Machine) -> None:
    machine.host("ip", "route", "add", "172.18.0.0/15", "via", LAN)
    try:
        izba.ok("network", "create", "one")
        subnet = json.loads(izba.ok("network", "inspect", "one"))[0]["IPAM"]["Config"][0]["Subnet"]
        assert not subnet.startswith(("172.18.", "172.19."))
        assert "overlaps with a route" in izba("network", "create", "--subnet", "172.19.4.0/24", "two").stderr
    finally:
        machine.host("ip", "route", "del", "172.18.0.0/15")


def test_a_chosen_subnet_moves_out_of_the_way_of_a_new_route(izba: Izba, machine: Machine) -> None:
    izba.ok("network", "create", "one")
    subnet = json.loads(izba.ok("network", "inspect", "one"))[0]["IPAM"]["Config"][0]["Subnet"]
    there = idle(izba, "--network", "one")
    izba.ok("stop", "-t", "0", there)
    izba.ok("network", "prune", "-f", "--filter", "label=none")  # its bridge goes
    machine.host("ip", "route", "add", subnet, "via", LAN)
    try:
        izba.ok("start", there)
        for name in (there, idle(izba, "--network", "one")):
            assert not address_of(izba, name, "one").startswith(subnet.rpartition(".")[0] + ".")
    finally:
        machine.host("ip", "route", "del", subnet)


def test_the_rules_read_as_nft_itself_would_write_them(izba: Izba, machine: Machine) -> None:
    idle(izba)
    said = machine.host("nft", "list", "table", "ip", "izba1")
    for line in (
        'iifname != "lo" ip daddr 127.0.0.0/8 drop',
        "dnat ip to ip daddr . meta l4proto . th dport map @ports",
        "fib daddr type local dnat ip to meta l4proto . th dport map @any_ports",
        "ip saddr 127.0.0.0/8 oifname @bridges masquerade",
        "ip saddr @subnets oifname @bridges ct status dnat masquerade",
        "iifname @masqueraded oifname != @bridges masquerade",
        "iifname . oifname @same_bridge accept",
        "iifname @internal drop",
        "oifname @internal drop",
        "oifname @bridges ct state established,related accept",
        "oifname @bridges ct status dnat accept",
        "oifname @bridges drop",
    ):
        assert line in said


@pytest.mark.peer("setpriv")
def test_a_root_that_may_not_make_networks_is_told_so(izba: Izba, machine: Machine) -> None:
    """As in a container of another engine."""
    without = ("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
    command = [*machine.on_host, *without, *izba.command[len(machine.on_host) :], "run", "--rm"]
    refused = subprocess.run([*command, "busybox", "true"], capture_output=True, text=True, check=False)
    assert refused.returncode == 125
    assert "networks cannot be made here" in refused.stderr
    assert "--network host" in refused.stderr
    subprocess.run([*command, "--network", "host", "busybox", "true"], check=True)


def test_two_izbas_that_start_at_the_same_moment_have_different_subnets(
    izba: Izba, machine: Machine, tmp_path: Path, busybox_archive: Path
) -> None:
    other = _fill(MachineIzba(root=tmp_path / "other", machine=machine), busybox_archive)
    for turn in range(4):
        starting = []
        for one in (izba, other):
            one.ok("network", "create", f"at-once-{turn}")
        for one in (izba, other):
            name = one.name()
            command = ("run", "-d", "--name", name, "--network", f"at-once-{turn}", "busybox", "sleep", "60")
            starting.append(one.popen(*command, stdout=subprocess.DEVNULL))
        assert [each.wait(timeout=120) for each in starting] == [0, 0]
    addresses = machine.host("ip", "-4", "-o", "addr", "show").split()
    gateways = [word for word in addresses if word.endswith("/24") and word.startswith(("172.", "10."))]

    assert len(gateways) >= 8
    assert len(set(gateways)) == len(gateways)
    rules = machine.host("nft", "list", "table", "ip", "izba1")
    assert rules.count("@masqueraded") == 1  # two that make the table at once write its rules once
    other.clean()
    other("network", "prune", "-f")


HALF_MADE = """
import os, sys, time
from izba.linux.netlink import RouteSocket
from izba.network import bridge
from izba.network.plan import LinkPlan

OWNER = "/an/izba"
link = LinkPlan(network="n", name="n", bridge="izba-half", gateway="10.99.0.1", prefix=24, interface="eth0",
                address="10.99.0.2", mac=bytes(6))

def is_waiting(pid):
    with open("/proc/locks") as locks:
        return any("-> FLOCK" in line and f" {pid} " in line for line in locks)

with RouteSocket() as host, bridge.Alone():
    host.add_bridge("izba-half", up=False)
    half = host.link("izba-half")
    here = os.open("/proc/self/ns/net", os.O_RDONLY)
    host.add_veth("izba-port", peer="izba-peer", peer_netns=here, master=half.index)
    pid = os.fork()
    if pid == 0:
        os.closerange(3, 100)  # our own hold on the lock is not the child's
        with RouteSocket() as own:
            os._exit(0 if bridge.ensure_bridge(own, link, owner=OWNER).index == half.index else 1)
    while not is_waiting(pid):
        if os.waitpid(pid, os.WNOHANG)[0]:
            sys.exit("it did not wait for who makes it")
        time.sleep(0.01)
    host.set_alias(half.index, "izba of " + OWNER)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""


def test_a_bridge_that_is_being_made_is_waited_for_and_not_taken_for_anothers() -> None:
    command = ["unshare", "--net", "--mount", sys.executable, "-c", HALF_MADE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (0, "")
