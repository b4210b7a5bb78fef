"""What others do to root's rules, and what killed commands leave of a network, is put right by the next command."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Callable
from contextlib import suppress

import pytest

from izba.engine import networks, upkeep
from izba.engine.containers import connecting
from izba.engine.containers.model import require
from izba.engine.engine import Engine
from izba.errors import IzbaError
from izba.linux import flags, namespaces
from izba.network.store import EndpointRequest
from tests.containers.test_kills import kill_one_of
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
    served,
    within,
)
from tests.support.children import in_child, killed_at

pytestmark = pytest.mark.root

WITHIN = ("/izba/network/", "/izba/engine/", "/izba/linux/netlink.py", "/izba/linux/nft.py")
STRIDE = int(os.environ.get("IZBA_TEST_CRASH_STRIDE", "113"))


def rules(machine: Machine) -> list[str]:
    """The table's lines and elements; where an element stands in its set does not matter."""
    text = machine.host("nft", "list", "table", "ip", "izba1")
    return sorted(word.strip() for line in text.splitlines() for word in re.split(r"[,{}]", line))


FLUSHES = {
    "all": ("nft", "flush", "ruleset"),
    "the table": ("nft", "delete", "table", "ip", "izba1"),
    "the rules": ("nft", "flush", "table", "ip", "izba1"),
    "a chain": ("nft", "flush", "chain", "ip", "izba1", "forward"),
    "the bridges": ("nft", "flush", "set", "ip", "izba1", "bridges"),
    "the subnets": ("nft", "flush", "set", "ip", "izba1", "subnets"),
    "the ports": ("nft", "flush", "map", "ip", "izba1", "any_ports"),
}
LOOKS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "ps": lambda name: ("ps",),
    "port": lambda name: ("port", name),
    "network ls": lambda name: ("network", "ls"),
    "network inspect": lambda name: ("network", "inspect", "bridge"),
    "system resume": lambda name: ("system", "resume"),
    "run": lambda name: ("run", "--rm", "busybox", "true"),
}


def test_rules_that_were_flushed_come_back_with_the_next_look(izba: Izba, machine: Machine) -> None:
    izba.ok("network", "create", "--internal", "inner")
    idle(izba, "--network", "inner")
    web = served(izba, "-p", "8080:80", "-p", "127.0.0.1:8081:80")
    before = rules(machine)

    for (what, flush), look in zip(FLUSHES.items(), [*LOOKS.values(), LOOKS["ps"]], strict=True):
        machine.host(*flush)
        assert rules_or_none(machine) != before, what
        izba.ok(*look(web))
        assert rules(machine) == before, what
        assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == web, what
        assert fetch("127.0.0.1", 8081, prefix=machine.on_host) == web, what
    with Server(LAN, 7070, machine.on_lan):
        assert ask_from(izba, web, LAN, 7070) == HOST


def rules_or_none(machine: Machine) -> list[str]:
    return rules(machine) if "izba1" in machine.host("nft", "list", "tables") else []


def test_a_look_at_rules_that_are_right_changes_none(izba: Izba, machine: Machine) -> None:
    served(izba, "-p", "8080:80")
    izba.ok("ps")
    trusted = (izba.root / "run" / "network" / "rules").read_text()

    izba.ok("ps")

    in_host(machine, lambda: _assert_generation(int(trusted.split()[2])))


def _assert_generation(expected: int) -> None:
    from izba.linux.nftgeneration import generation

    assert generation() == expected


def test_the_rules_of_others_in_the_table_stay(izba: Izba, machine: Machine) -> None:
    """Another izba's ports and bridges, and an interface that is there."""
    idle(izba)
    machine.host("nft", "add", "element", "ip", "izba1", "any_ports", "{ tcp . 99 : 10.250.0.2 . 80 }")
    machine.host("nft", "add", "element", "ip", "izba1", "bridges", '{ "up0" }')
    try:
        machine.host("nft", "flush", "chain", "ip", "izba1", "forward")
        izba.ok("ps")
        assert {"tcp . 99 : 10.250.0.2 . 80", '"up0"'} <= set(rules(machine))
    finally:
        machine.host("nft", "delete", "element", "ip", "izba1", "any_ports", "{ tcp . 99 : 10.250.0.2 . 80 }")
        machine.host("nft", "delete", "element", "ip", "izba1", "bridges", '{ "up0" }')


def test_the_rules_of_a_container_whose_monitor_was_killed_go_with_the_next_look(izba: Izba, machine: Machine) -> None:
    web, other = served(izba, "-p", "8080:80"), served(izba, "-p", "8082:80")
    izba.ok("ps")
    monitor = json.loads((izba.directory(web) / "state.json").read_text())["monitor"][0]
    machine.host("kill", "-9", str(monitor))

    eventually(lambda: web not in izba.ok("ps"))

    assert not any("8080" in each for each in rules(machine))
    assert fetch("127.0.0.1", 8082, prefix=machine.on_host) == other


# -- kill -9 in the middle of a change


def in_host(machine: Machine, action: Callable[[], None]) -> None:
    """Do it in the network namespace of the machine's host, as the command would."""
    in_child(lambda: _enter_and(machine, action))


def _enter_and(machine: Machine, action: Callable[[], None]) -> None:
    namespaces.setns(os.open(f"/proc/{machine.host_pid}/ns/net", os.O_RDONLY), flags.CLONE_NEWNET)
    action()


@pytest.fixture
def engine_action(izba: Izba, machine: Machine) -> Callable[[Callable[[Engine], None]], Callable[[], None]]:
    def with_engine(action: Callable[[Engine], None]) -> Callable[[], None]:
        def run() -> None:
            with Engine.open(str(izba.root)) as engine:
                action(engine)

        return lambda: _enter_and(machine, run)

    return with_engine


WithEngine = Callable[[Callable[[Engine], None]], Callable[[], None]]


def kills(with_engine: WithEngine, change: Callable[[Engine], None], check: Callable[[int], None]) -> int:
    """Kill `change` at every so many lines, look, and `check`; how often it was killed."""
    step, count = 1, 0
    while killed_at(step, with_engine(change), within=WITHIN):
        in_child(with_engine(upkeep.look))
        check(step)
        count += 1
        step += STRIDE
    check(step)
    return count


def interfaces(izba: Izba, machine: Machine, name: str) -> list[str]:
    """The addresses of a container's interfaces, empty for one without."""
    links = json.loads(machine.host(*within(izba, name), "ip", "-j", "addr", "show"))
    return [
        next((each["local"] for each in link["addr_info"]), "") for link in links if link["ifname"].startswith("eth")
    ]


def bridges(machine: Machine) -> set[str]:
    return {link["ifname"] for link in json.loads(machine.host("ip", "-j", "link", "show", "type", "bridge"))}


def test_a_connection_killed_at_any_line_is_made_or_taken_back(
    izba: Izba, machine: Machine, engine_action: WithEngine
) -> None:
    izba.ok("network", "create", "one")
    idle(izba, "--network", "one")
    client = idle(izba)
    (first,) = interfaces(izba, machine, client)
    veths = len(json.loads(machine.host("ip", "-j", "link", "show", "type", "veth")))

    def change(engine: Engine) -> None:
        network = networks.require(engine, "one")
        connecting.connect(engine, network, require(engine, client), EndpointRequest(network="one"))

    def check(step: int) -> None:
        is_connected = "one" in izba.inspect(client)["NetworkSettings"]["Networks"]
        expected = [first, address_of(izba, client, "one")] if is_connected else [first]
        assert interfaces(izba, machine, client) == expected, step
        hosts = izba.ok("exec", client, "cat", "/etc/hosts").splitlines()
        assert [line.split()[0] for line in hosts if line.endswith(client_host)] == expected, step
        found = len(json.loads(machine.host("ip", "-j", "link", "show", "type", "veth")))
        assert found == veths + len(expected) - 1, step
        if is_connected:
            izba.ok("network", "disconnect", "one", client)

    client_host = izba.inspect(client)["Config"]["Hostname"]
    assert kills(engine_action, change, check) > 5


def test_a_disconnection_killed_at_any_line_is_whole_or_not_there(
    izba: Izba, machine: Machine, engine_action: WithEngine
) -> None:
    izba.ok("network", "create", "one")
    client = idle(izba, "--network", "bridge", "--network", "one")

    def change(engine: Engine) -> None:
        connecting.disconnect(engine, networks.require(engine, "one"), require(engine, client))

    def check(step: int) -> None:
        connected = izba.inspect(client)["NetworkSettings"]["Networks"]
        assert sorted(interfaces(izba, machine, client)) == sorted(each["IPAddress"] for each in connected.values())
        if "one" not in connected:
            izba.ok("network", "connect", "one", client)

    assert kills(engine_action, change, check) > 5


def test_a_removal_killed_at_any_line_leaves_no_bridge_without_its_network(
    izba: Izba, machine: Machine, engine_action: WithEngine
) -> None:
    def change(engine: Engine) -> None:
        networks.remove(engine, networks.require(engine, "one"))

    def make() -> None:
        izba("network", "create", "one")
        izba.ok("run", "--rm", "--network", "one", "busybox", "true")

    def check(step: int) -> None:
        ids = izba.ok("network", "ls", "--no-trunc", "--filter", "driver=bridge", "--format", "{{.ID}}").split()
        ours = {name for name in bridges(machine) if name.startswith("izba-")}
        assert ours <= {f"izba-{id[:10]}" for id in ids}, step
        names = set(re.findall("izba-[0-9a-f]+", machine.host("nft", "list", "table", "ip", "izba1")))
        assert names <= ours, step
        make()

    make()
    assert kills(engine_action, change, check) > 5
    web = served(izba, "--network", "one", "-p", "8080:80")
    assert fetch("127.0.0.1", 8080, prefix=machine.on_host) == web


def test_a_creation_killed_at_any_line_is_whole_or_not_there(
    izba: Izba, machine: Machine, engine_action: WithEngine
) -> None:
    def change(engine: Engine) -> None:
        networks.create(engine, networks.NetworkRequest(name="one", labels=(("of", "test"),)))

    def check(step: int) -> None:
        with suppress(IzbaError):
            found = izba("network", "inspect", "--format", "{{.Labels.of}}", "one")
            if found.returncode == 0:
                assert found.stdout == "test\n"
                izba.ok("network", "rm", "one")

    assert kills(engine_action, change, check) > 5
    izba.ok("network", "create", "one")


def test_a_start_killed_while_its_subnet_moves_leaves_the_bridge_one_address(izba: Izba, machine: Machine) -> None:
    """A bridge is reserved before the row that tells its new subnet is there for good."""
    izba.ok("network", "create", "one")
    found = json.loads(izba.ok("network", "inspect", "one"))[0]
    name = f"izba-{found['Id'][:10]}"
    machine.host("ip", "link", "add", name, "type", "bridge")
    machine.host("ip", "addr", "add", "10.66.0.1/24", "dev", name)

    client = idle(izba, "--network", "one")

    shown = json.loads(machine.host("ip", "-j", "addr", "show", name))[0]["addr_info"]
    assert [each["local"] for each in shown] == [found["IPAM"]["Config"][0]["Gateway"]]
    assert address_of(izba, client, "one")


def test_any_process_of_a_networks_command_may_be_killed(any_izba: Izba) -> None:
    """The same from outside, as both kinds of ordinary user too, whose changes are made by a child inside."""
    chance = random.Random("networks")
    name = f"n{os.urandom(4).hex()}"
    any_izba.ok("network", "create", name)
    client, web = idle(any_izba), served(any_izba, "--network", name)

    def addresses() -> list[str]:
        networks = any_izba.inspect(client)["NetworkSettings"]["Networks"]
        return sorted(each["IPAddress"] for each in networks.values())

    def interfaces() -> list[str]:
        any_izba.ok("ps")
        links = json.loads(subprocess.check_output([*within(any_izba, client), "ip", "-j", "addr", "show"]))
        return sorted("".join(a["local"] for a in each["addr_info"]) for each in links if each["ifname"] != "lo")

    for _ in range(3):
        kill_one_of(any_izba, chance, "network", "connect", name, client)
        eventually(lambda: interfaces() == addresses())
        any_izba("network", "connect", name, client)
        assert ask_from(any_izba, client, web, 80) == web
        kill_one_of(any_izba, chance, "network", "disconnect", name, client)
        eventually(lambda: interfaces() == addresses())
        any_izba("network", "disconnect", name, client)
        assert len(interfaces()) == 1

        kill_one_of(any_izba, chance, "network", "create", f"{name}-2")
        any_izba("network", "create", f"{name}-2")
        kill_one_of(any_izba, chance, "network", "rm", f"{name}-2")
        any_izba.ok("network", "rm", "-f", f"{name}-2")

    any_izba.clean()
    any_izba.ok("network", "rm", name)
    assert not list((any_izba.root / "run" / "network" / "pending").iterdir())
