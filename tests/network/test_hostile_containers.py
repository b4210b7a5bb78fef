"""attacks.md, section H: what a container tries against the networks' own process and against its neighbours."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from tests.network.conftest import (
    HOST,
    LAN,
    Izba,
    LanIzba,
    Machine,
    Server,
    address_of,
    ask_from,
    idle,
    served,
    within,
)

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


@dataclass
class ShortOfDescriptors(LanIzba):
    """An ordinary user's izba whose processes have at most 256 descriptors each."""

    @property
    def command(self) -> list[str]:
        return ["prlimit", "--nofile=256:256", *super().command]


HOLD = """
import socket, sys
with socket.create_server((sys.argv[1], 7072), backlog=1024):
    print("ready", flush=True)
    sys.stdin.read()
"""
FLOOD = """
import socket, sys
held = []
for _ in range(300):
    try:
        held.append(socket.create_connection((sys.argv[1], 7072), timeout=30))
    except OSError:  # refused, as it should be
        continue
print("flooded", flush=True)
sys.stdin.read()
"""
KEEP = """
import socket, sys
with socket.create_connection((sys.argv[1], 7070), timeout=30) as kept:
    print("connected", flush=True)
    sys.stdin.read()
    kept.sendall(b"still there?")
    print(kept.makefile().read().splitlines()[-1])
"""


@pytest.mark.peer("prlimit")
def test_a_container_that_floods_the_relay_with_connections_takes_none_of_the_others(
    lan_izba: LanIzba, machine: Machine
) -> None:
    """H8: more than there are descriptors for; what another has stays, and it gets new ones."""
    izba = ShortOfDescriptors(root=lan_izba.root, user=lan_izba.user, machine=machine)
    hostile, modest = idle(izba), idle(izba)
    begun: list[subprocess.Popen[str]] = []

    def begin(prefix: tuple[str, ...], script: str, word: str) -> subprocess.Popen[str]:
        command = [*prefix, sys.executable, "-c", script, LAN]
        begun.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert begun[-1].stdout is not None
        assert begun[-1].stdout.readline() == f"{word}\n"
        return begun[-1]

    try:
        with Server(LAN, 7070, machine.on_lan), Server(LAN, 7071, machine.on_lan):
            begin(machine.on_lan, HOLD, "ready")
            keeping = begin(within(izba, modest), KEEP, "connected")
            begin(within(izba, hostile), FLOOD, "flooded")
            assert ask_from(izba, modest, LAN, 7071, timeout=10) == HOST
            assert keeping.communicate(timeout=30)[0] == f"{HOST}\n"
    finally:
        for each in begun:
            each.kill()
            each.communicate()
        izba.clean()
