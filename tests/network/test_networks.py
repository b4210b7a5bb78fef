"""`izba network` and `--network`, as root and as both kinds of ordinary user."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator

import pytest

from izba.network.files import host_address
from tests.network.conftest import (
    Izba,
    Server,
    address_of,
    ask_from,
    eventually,
    fetch,
    idle,
    relays,
    send_from,
    served,
)

pytestmark = pytest.mark.root


@pytest.fixture
def network(any_izba: Izba) -> Iterator[str]:
    """A network of the user's own."""
    name = f"n{os.urandom(4).hex()}"
    any_izba.ok("network", "create", name)
    yield name
    any_izba.clean()
    any_izba.ok("network", "rm", name)


def test_containers_find_each_other_by_name_alias_and_id(any_izba: Izba, network: str) -> None:
    web = served(any_izba, "--network", network, "--network-alias", "shop", "--hostname", "till")
    client = idle(any_izba, "--network", network)
    id = any_izba.inspect(web)["Id"][:12]

    for name in (web, "shop", "till", id, f"{web}.{network}", web.upper()):
        assert ask_from(any_izba, client, name, 80) == web, name
    assert f"name = {web}.{network}" in any_izba.ok("exec", client, "nslookup", address_of(any_izba, web, network))


def test_those_behind_one_alias_take_turns(any_izba: Izba, network: str) -> None:
    servers = {served(any_izba, "--network", network, "--network-alias", "shop") for _ in range(2)}
    client = idle(any_izba, "--network", network)

    assert {ask_from(any_izba, client, "shop", 80) for _ in range(6)} == servers


def test_a_name_goes_with_its_container_and_follows_a_rename(any_izba: Izba, network: str) -> None:
    web, client = served(any_izba, "--network", network), idle(any_izba, "--network", network)
    renamed = any_izba.name()
    any_izba.ok("rename", web, renamed)
    assert ask_from(any_izba, client, renamed, 80) == web
    any_izba.ok("stop", "-t", "0", renamed)
    eventually(lambda: "NXDOMAIN" in any_izba("exec", client, "nslookup", renamed).stdout)


def test_the_names_of_another_network_are_not_told(any_izba: Izba, network: str) -> None:
    """H3."""
    other = f"{network}x"
    any_izba.ok("network", "create", other)
    try:
        web = served(any_izba, "--network", other)
        client = idle(any_izba, "--network", network)
        said = any_izba("exec", client, "nslookup", f"{web}.{other}").stdout
        assert address_of(any_izba, web, other) not in said
    finally:
        any_izba.clean()
        any_izba.ok("network", "rm", other)


def test_other_names_are_asked_of_the_servers_given(any_izba: Izba, network: str) -> None:
    """The question goes out by the host's network and the answer comes back under the client's own id."""
    import socket
    import threading

    from dnslib import QTYPE, RR, A, DNSRecord

    served_by = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    served_by.bind((host_address(), 53))
    seen = []

    def answer() -> None:
        while True:
            data, client = served_by.recvfrom(4096)
            if data == b"stop":
                return
            record = DNSRecord.parse(data)
            seen.append(str(record.q.qname))
            reply = record.reply()
            if record.q.qtype == QTYPE.A:
                reply.add_answer(RR(record.q.qname, QTYPE.A, rdata=A("203.0.113.77")))
            served_by.sendto(reply.pack(), client)

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        client = idle(any_izba, "--network", network, "--dns", host_address())
        assert "203.0.113.77" in any_izba.ok("exec", client, "nslookup", "somewhere.example")
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ending:
            ending.sendto(b"stop", (host_address(), 53))
        thread.join()
        served_by.close()
    assert set(seen) == {"somewhere.example."}


def test_a_container_gets_out(any_izba: Izba, port: int) -> None:
    client = idle(any_izba)
    with Server(host_address(), port):
        assert ask_from(any_izba, client, host_address(), port) != ""
        assert send_from(any_izba, client, host_address(), port, "ping").endswith(" ping")


def test_a_container_does_not_reach_what_listens_on_the_hosts_loopback_only(any_izba: Izba, port: int) -> None:
    """H4."""
    client = idle(any_izba)
    gateway = any_izba.inspect(client)["NetworkSettings"]["Gateway"]
    with Server("127.0.0.1", port):
        for address in (gateway, host_address(), "127.0.0.1"):
            assert ask_from(any_izba, client, address, port, timeout=2) == "", address


def test_internal_networks_have_no_way_out_and_ask_nobody(any_izba: Izba, port: int) -> None:
    """H2."""
    name = f"n{os.urandom(4).hex()}"
    any_izba.ok("network", "create", "--internal", name)
    try:
        client = idle(any_izba, "--network", name)
        with Server(host_address(), port):
            assert ask_from(any_izba, client, host_address(), port, timeout=1) == ""
            assert send_from(any_izba, client, host_address(), port, "ping", timeout=2) == ""
        assert "REFUSED" in any_izba("exec", client, "nslookup", "secret.example.com").stdout
    finally:
        any_izba.clean()
        any_izba.ok("network", "rm", name)


def test_a_running_container_is_connected_and_disconnected(any_izba: Izba, network: str) -> None:
    web = served(any_izba, "--network", network)
    client = idle(any_izba)
    any_izba.ok("network", "connect", "--alias", "visitor", network, client)
    eventually(lambda: ask_from(any_izba, client, web, 80) == web)
    assert address_of(any_izba, client, network)
    assert "visitor" in any_izba.inspect(client)["NetworkSettings"]["Networks"][network]["Aliases"]

    any_izba.ok("network", "disconnect", network, client)
    assert ask_from(any_izba, client, address_of(any_izba, web, network), 80, timeout=1) == ""
    assert "is not connected" in any_izba("network", "disconnect", network, client).stderr


def test_a_container_is_on_several_networks(any_izba: Izba, network: str) -> None:
    other = f"{network}x"
    any_izba.ok("network", "create", other)
    try:
        one, two = served(any_izba, "--network", network), served(any_izba, "--network", other)
        client = idle(any_izba, "--network", network, "--network", other)
        assert ask_from(any_izba, client, one, 80) == one
        assert ask_from(any_izba, client, two, 80) == two
    finally:
        any_izba.clean()
        any_izba.ok("network", "rm", other)


def test_a_container_shares_the_network_of_another(any_izba: Izba) -> None:
    web = served(any_izba)
    client = idle(any_izba, "--network", f"container:{web}")
    assert ask_from(any_izba, client, "127.0.0.1", 80) == web


def test_who_shares_a_network_has_its_names_too(any_izba: Izba, network: str) -> None:
    served(any_izba, "--network", network, "--network-alias", "shop")
    first = idle(any_izba, "--network", network, "--hostname", "till", "--add-host", "far:10.1.2.3")
    second = idle(any_izba, "--network", f"container:{first}")
    third = idle(any_izba, "--network", f"container:{second}")

    for each in (second, third):
        assert any_izba.ok("exec", each, "hostname") == "till"
        for file in ("hosts", "hostname", "resolv.conf"):
            assert any_izba.ok("exec", each, "cat", f"/etc/{file}") == any_izba.ok("exec", first, "cat", f"/etc/{file}")
        assert ask_from(any_izba, each, "shop", 80) != ""

    any_izba.ok("network", "connect", "bridge", first)
    assert address_of(any_izba, first) in any_izba.ok("exec", second, "cat", "/etc/hosts")


def test_a_static_address_is_given(any_izba: Izba) -> None:
    name = f"n{os.urandom(4).hex()}"
    any_izba.ok("network", "create", "--subnet", "10.99.7.0/24", "--gateway", "10.99.7.254", name)
    try:
        container = idle(any_izba, "--network", name, "--ip", "10.99.7.33", "--mac-address", "02:00:00:00:00:07")
        shown = any_izba.ok("exec", container, "ip", "addr", "show", "eth0")
        assert "10.99.7.33/24" in shown
        assert "02:00:00:00:00:07" in shown
        assert "default via 10.99.7.254" in any_izba.ok("exec", container, "ip", "route")
        refused = any_izba("run", "--rm", "--network", name, "--ip", "10.99.7.33", "busybox", "true")
        assert "Address already in use" in refused.stderr
    finally:
        any_izba.clean()
        any_izba.ok("network", "rm", name)


def test_the_host_is_found_by_host_gateway(any_izba: Izba, port: int) -> None:
    client = idle(any_izba, "--add-host", "host.docker.internal:host-gateway")
    with Server("0.0.0.0", port):
        assert ask_from(any_izba, client, "host.docker.internal", port) != ""


def test_a_relay_that_was_killed_is_replaced_and_nobody_loses_anything(any_izba: Izba, network: str, port: int) -> None:
    """I: the networks' own process, kill -9."""
    web = served(any_izba, "--network", network, "-p", f"{port}:80")
    client = idle(any_izba, "--network", network)
    relay = only_relay(any_izba)
    os.kill(relay, signal.SIGKILL)

    eventually(lambda: relays(any_izba) not in ([], [relay]))
    eventually(lambda: ask_from(any_izba, client, web, 80) == web)
    eventually(lambda: fetch("::1", port) == web)
    eventually(lambda: fetch("127.0.0.1", port) == web)
    with Server(host_address(), port + 1):
        eventually(lambda: ask_from(any_izba, client, host_address(), port + 1) != "")


def test_the_relay_ends_with_the_last_container(any_izba: Izba, network: str) -> None:
    idle(any_izba, "--network", network)
    only_relay(any_izba)
    any_izba.clean()
    eventually(lambda: relays(any_izba) == [])


def test_many_start_at_once_and_all_find_each_other(any_izba: Izba, network: str) -> None:
    names = [any_izba.name() for _ in range(6)]
    starts = [
        any_izba.popen("run", "-d", "--name", name, "--network", network, "busybox", "sleep", "1000") for name in names
    ]
    assert [start.wait(120) for start in starts] == [0] * 6
    addresses = {address_of(any_izba, name, network) for name in names}
    assert len(addresses) == 6
    for name in names:
        assert address_of(any_izba, name, network) in any_izba.ok("exec", names[0], "nslookup", name)


def test_a_network_in_use_is_not_removed_and_says_by_whom(any_izba: Izba, network: str) -> None:
    name = idle(any_izba, "--network", network)
    refused = any_izba("network", "rm", network)
    assert refused.returncode == 1
    assert f"has active endpoints ({name})" in refused.stderr
    found = json.loads(any_izba.ok("network", "inspect", network))[0]
    assert [each["Name"] for each in found["Containers"].values()] == [name]


def test_a_network_that_was_removed_is_made_again_or_done_without(any_izba: Izba) -> None:
    """Docker leaves the container with the id of the one that is gone, and no way to start it."""
    network = f"n{os.urandom(4).hex()}"
    subnet = ("--subnet", "172.31.253.0/24")
    any_izba.ok("network", "create", *subnet, network)
    name = any_izba.name()
    options = ("--network", network, "--ip", "172.31.253.9", "--network-alias", "known")
    any_izba.ok("create", "--name", name, *options, "busybox", "sleep", "300")
    any_izba.ok("network", "rm", network)

    refused = any_izba("start", name)
    assert refused.returncode == 1
    assert f"network {network} not found" in refused.stderr
    assert f"`izba network create {network}`" in refused.stderr
    assert f"`izba network disconnect {network} {name}`" in refused.stderr

    any_izba.ok("network", "create", network)
    assert "172.31.253.9" in any_izba("start", name).stderr  # the address is none of the new one's
    any_izba.ok("network", "rm", network)
    any_izba.ok("network", "create", *subnet, network)
    any_izba.ok("start", name)
    assert any_izba.ok("exec", name, "nslookup", "known").count("172.31.253.9") == 1
    any_izba.ok("stop", "-t", "0", name)
    any_izba.ok("network", "rm", network)

    any_izba.ok("network", "disconnect", network, name)
    assert "is not connected" in any_izba("network", "disconnect", "bridge", name).stderr
    any_izba.ok("start", name)
    assert any_izba.ok("exec", name, "ls", "/sys/class/net") == "lo"


def test_networks_are_listed_filtered_and_pruned(any_izba: Izba) -> None:
    name = f"n{os.urandom(4).hex()}"
    any_izba.ok("network", "create", "--label", "of=test", name)
    assert any_izba.ok("network", "ls", "--filter", "label=of=test", "--format", "{{.Name}} {{.Driver}}") == (
        f"{name} bridge"
    )
    builtin = any_izba.ok("network", "ls", "--filter", "type=builtin", "--format", "{{.Name}}").splitlines()
    assert builtin == ["bridge", "host", "none"]
    assert name in any_izba.ok("network", "prune", "-f")
    assert f"network {name} not found" in any_izba("network", "rm", name).stderr
    assert "pre-defined network" in any_izba("network", "rm", "bridge").stderr


def test_system_prune_takes_unused_networks_while_containers_run_on_others(any_izba: Izba, network: str) -> None:
    used = idle(any_izba, "--network", network)
    unused = f"n{os.urandom(4).hex()}"
    any_izba.ok("network", "create", unused)

    assert f"Deleted Networks:\n{unused}\n" in any_izba.ok("system", "prune", "-f")

    assert any_izba.ok("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}") == network
    assert any_izba.state(used)["Running"]


def test_doctor_tells_whether_networks_can_be_made(any_izba: Izba) -> None:
    findings = [line.split() for line in any_izba("doctor").stdout.splitlines()]
    assert ["networks", "ok"] in [words[:2] for words in findings]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--ip6", "fd00::1"), "IPv4 addresses only"),
        (("--network", "none", "--network-alias", "x"), "conflicting options"),
        (("--network", "bridge", "--network", "bridge"), "specified multiple times"),
        (("--network-alias", "x"), "user defined networks"),
        (("--ip", "172.17.0.9"), "user defined networks only"),
        (("--mac-address", "zz"), "not a valid mac address"),
        (("--mac-address", "01:00:00:00:00:00"), "multicast"),
        (("--add-host", "nothing"), "bad format for add-host"),
        (("--dns", "example.com"), "is not an ip address"),
        (("--network", "container:nosuch"), "No such container"),
    ],
)
def test_what_no_container_can_have_is_refused_and_leaves_none(
    any_izba: Izba, args: tuple[str, ...], said: str
) -> None:
    done = any_izba("run", "--rm", *args, "busybox", "true")
    assert done.returncode == 125
    assert said in done.stderr
    assert any_izba.ok("ps", "-aq", "--filter", "status=created") == ""


def only_relay(izba: Izba) -> int:
    """That of now, once the one before it has ended: it outlives its last container a little."""
    eventually(lambda: len(relays(izba)) == 1)
    (relay,) = relays(izba)
    return relay


@pytest.mark.parametrize("kind", ["range", "single"])
def test_a_container_started_right_after_the_relay_was_killed_finds_the_others(
    kind: str, request: pytest.FixtureRequest
) -> None:
    """I: the namespaces that the others are in are found again, whoever starts the new relay."""
    izba: Izba = request.getfixturevalue(f"{kind}_izba")
    name = f"n{os.urandom(4).hex()}"
    izba.ok("network", "create", name)
    try:
        web = served(izba, "--network", name)
        for pid in monitors(izba):
            os.kill(pid, signal.SIGSTOP)  # it has no chance to be first
        os.kill(only_relay(izba), signal.SIGKILL)
        client = idle(izba, "--network", name)
        assert ask_from(izba, client, address_of(izba, web, name), 80) == web
    finally:
        for pid in monitors(izba):
            os.kill(pid, signal.SIGCONT)
        izba.clean()
        izba.ok("network", "rm", name)


def monitors(izba: Izba) -> list[int]:
    """The monitors of an izba's containers."""
    states = [json.loads(path.read_text()) for path in izba.root.glob("containers/*/state.json")]
    return [state["monitor"][0] for state in states if state["monitor"]]
