"""attacks.md, section H: what a container tries against the networks' own process and against its neighbours."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.network.conftest import Izba, Machine, address_of, ask_from, idle, served, within

pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("setpriv")]

POSE = """
mkdir -p "$1/containers/0" && cd "$1/containers/0" || exit 1
exec 3<. 4</proc/self/ns/user 5</proc/self/ns/net
printf izba-monitor >/proc/self/comm
echo posing
read -r _
"""


def test_a_container_that_poses_as_a_monitor_is_not_given_everybodys_network(lan_izba: Izba) -> None:
    """A new relay takes over the namespaces that monitors hold: a container must not pass its own off as these."""
    name = lan_izba.name()
    hostile = lan_izba.popen(
        *("run", "--name", name, "-i", "--network", "none", "busybox", "sh", "-c", POSE, "sh", str(lan_izba.root)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with hostile:
        assert hostile.stdout is not None
        assert hostile.stdout.readline() == "posing\n"
        web, client = served(lan_izba), idle(lan_izba)
        assert ask_from(lan_izba, client, address_of(lan_izba, web), 80) == web
        seen = lan_izba.ok("exec", name, "ls", "/sys/class/net")
        lan_izba.clean()
    assert seen == "lo"


SPRAY = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    for port in range(*map(int, open("/proc/sys/net/ipv4/ip_local_port_range").read().split())):
        sender.sendto(b"out", (sys.argv[1], port))
"""
LISTEN = """
import socket, sys
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)) as tap:
    print("ready", flush=True)
    while (packet := tap.recv(2000))[42:46] != b"stop":
        if packet[23] == socket.IPPROTO_UDP and packet[42:45] == b"out":
            print("it got out", flush=True)
            break
"""


def test_a_datagram_for_the_gateway_of_an_internal_network_does_not_get_out(lan_izba: Izba, machine: Machine) -> None:
    """The networks' own process has sockets at the gateway: what is sent to their ports is for nobody."""
    lan_izba.ok("network", "create", "--internal", "inner")
    name = idle(lan_izba, "--network", "inner")
    gateway = lan_izba.inspect(name)["NetworkSettings"]["Networks"]["inner"]["Gateway"]
    listener = [*machine.on_lan, sys.executable, "-c", LISTEN]
    with subprocess.Popen(listener, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        assert listening.stdout.readline() == "ready\n"
        subprocess.run([*within(lan_izba, name), sys.executable, "-c", SPRAY, gateway], check=True)
        # What left the container before left the host before: one process carries both, in order.
        outside = idle(lan_izba)
        machine.host(*within(lan_izba, outside), sys.executable, "-c", SAY_STOP)
        said = listening.stdout.read()
    lan_izba.clean()
    lan_izba.ok("network", "rm", "inner")
    assert said == ""


SAY_STOP = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    sender.sendto(b"stop", ("198.18.0.1", 9))
"""
