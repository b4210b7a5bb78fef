"""Which of its networks a container gets out by, and what its interfaces are called: as root and as ordinary users."""

from __future__ import annotations

import pytest

from izba.network.store import INTERFACE
from tests.network.conftest import Izba, Machine, fetch, idle, served

pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("setpriv")]


@pytest.fixture
def izba(each_izba: Izba) -> Izba:
    """root's, and that of each kind of ordinary user, in turn; with two networks."""
    for number, name in enumerate(("one", "two")):
        each_izba.ok("network", "create", "--subnet", f"10.99.{number}.0/24", name)
    return each_izba


def test_the_network_with_the_highest_priority_has_the_default_route(izba: Izba) -> None:
    name = idle(izba, "--network", "one", "--network", "name=two,gw-priority=1")
    routes = izba.ok("exec", name, "ip", "route")
    assert "default via 10.99.1.1 dev eth1" in routes
    assert "10.99.0.1" not in routes
    assert izba.inspect(name)["NetworkSettings"]["Networks"]["two"]["GwPriority"] == 1


def test_a_connection_with_a_higher_priority_takes_the_default_route_and_the_ports(
    izba: Izba, machine: Machine
) -> None:
    name = served(izba, "--network", "one", "-p", "127.0.0.1:8080:80")
    there = {"prefix": machine.on_host}
    assert fetch("127.0.0.1", 8080, **there).endswith(name)
    assert "default via 10.99.0.1" in izba.ok("exec", name, "ip", "route")

    izba.ok("network", "connect", "--gw-priority", "5", "two", name)
    assert izba.ok("exec", name, "ip", "route").count("default") == 1
    assert "default via 10.99.1.1 dev eth1" in izba.ok("exec", name, "ip", "route")
    assert fetch("127.0.0.1", 8080, **there).endswith(name)

    izba.ok("network", "disconnect", "two", name)
    assert "default via 10.99.0.1 dev eth0" in izba.ok("exec", name, "ip", "route")
    assert fetch("127.0.0.1", 8080, **there).endswith(name)

    izba.ok("network", "connect", "--gw-priority", "-1", "two", name)
    assert "default via 10.99.0.1 dev eth0" in izba.ok("exec", name, "ip", "route")
    izba.ok("restart", "-t", "0", name)
    assert "default via 10.99.0.1 dev eth0" in izba.ok("exec", name, "ip", "route")


def test_an_interface_has_the_name_that_was_asked_for(izba: Izba) -> None:
    name = idle(izba, "--network", f"name=one,driver-opt={INTERFACE}=eth1", "--network", "two")
    assert "10.99.0.2/24" in izba.ok("exec", name, "ip", "addr", "show", "eth1")
    assert "10.99.1.2/24" in izba.ok("exec", name, "ip", "addr", "show", "eth0")

    izba.ok("network", "create", "--subnet", "10.99.2.0/24", "three")
    taken = izba("network", "connect", "--driver-opt", f"{INTERFACE}=eth0", "three", name)
    assert (taken.returncode, "has an interface eth0 already" in taken.stderr) == (1, True)
    assert "three" not in izba.inspect(name)["NetworkSettings"]["Networks"]
    izba.ok("network", "connect", "--driver-opt", f"{INTERFACE}=lan0", "three", name)
    assert "10.99.2." in izba.ok("exec", name, "ip", "addr", "show", "lan0")
    izba.ok("restart", "-t", "0", name)
    assert "10.99.2." in izba.ok("exec", name, "ip", "addr", "show", "lan0")
    assert izba.inspect(name)["NetworkSettings"]["Networks"]["three"]["DriverOpts"] == {INTERFACE: "lan0"}


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("name=one,driver-opt=some.key=1", "no option some.key"),
        (f"name=one,driver-opt={INTERFACE}", "needs the name of an interface"),
        (f"name=one,driver-opt={INTERFACE}=../eth0", "cannot be the name of an interface"),
        (f"name=one,driver-opt={INTERFACE}=lo", "has an interface lo already"),
        ("name=one,gw-priority=first", "no whole number"),
    ],
)
def test_what_no_endpoint_can_have_is_refused(izba: Izba, asked: str, said: str) -> None:
    refused = izba("run", "--rm", "--network", asked, "busybox", "true")
    assert (refused.returncode, said in refused.stderr) == (125, True), refused.stderr


def test_two_interfaces_with_one_name_are_refused(izba: Izba) -> None:
    asked = (word for name in ("one", "two") for word in ("--network", f"name={name},driver-opt={INTERFACE}=lan0"))
    refused = izba("run", "--rm", *asked, "busybox", "true")
    assert (refused.returncode, "has an interface lan0 already" in refused.stderr) == (125, True), refused.stderr


def test_a_compose_file_names_interfaces_and_orders_gateways(izba: Izba) -> None:
    text = """
    services:
      web:
        image: busybox
        command: sleep 1000
        networks: {front: {interface_name: lan0, priority: 5}, back: {gw_priority: 1}}
    networks: {front: {}, back: {}}
    """
    project = ("compose", "-f", "-", "-p", "ways")
    izba.ok(*project, "up", "-d", input=text)
    try:
        routes = izba.ok("exec", "ways-web-1", "ip", "route").splitlines()
    finally:
        izba.ok(*project, "down", "-t", "0", input=text)
    assert "dev eth0" in next(line for line in routes if line.startswith("default"))
    assert any("dev lan0" in line for line in routes)
