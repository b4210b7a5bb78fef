"""attacks.md, section H4: packets that a container makes itself, with addresses and routes of its own choice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.network.conftest import HOST, LAN, Izba, Machine, Server, address_of, ask_from, idle, send, served, within

pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("setpriv")]

RAW = """
import socket, struct, sys

def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF

def datagram(source, destination, source_port, port, data):
    body = struct.pack(">HHHH", source_port, port, 8 + len(data), 0) + data
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0, 64, 17, 0)
    ends = socket.inet_aton(source) + socket.inet_aton(destination)
    return head[:10] + struct.pack(">H", checksum(head + ends)) + ends + body

def send_frame(packet, gateway):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.sendto(b"x", (gateway, 9))  # its hardware address is known then
    mac = None
    while mac in (None, "00:00:00:00:00:00"):
        lines = [line.split() for line in open("/proc/self/net/arp").read().splitlines()[1:]]
        mac = next((words[3] for words in lines if words[0] == gateway), None)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("eth0", 0))
        own = wire.getsockname()[4]
        wire.send(bytes.fromhex(mac.replace(":", "")) + own + b"\\x08\\x00" + packet)
"""

CANARY = """
import socket, sys, threading
sockets = []
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    udp, tcp = socket.socket(family, socket.SOCK_DGRAM), socket.socket(family, socket.SOCK_STREAM)
    for each in (udp, tcp):
        each.bind((address, 9090))
    tcp.listen()
    sockets += [udp, tcp]
def accept(tcp):
    while True:
        print("connection", tcp.accept()[1], flush=True)
def receive(udp):
    while True:
        print(*udp.recvfrom(100), flush=True)
for udp, tcp in (sockets[:2], sockets[2:]):
    threading.Thread(target=accept, args=[tcp]).start()
    threading.Thread(target=receive, args=[udp]).start()
print("ready", flush=True)
"""

ATTACK = (
    RAW
    + """
gateway, own, host, lan = sys.argv[1:]
targets = ["0.0.0.0", "127.0.0.1", "127.255.255.254", "255.255.255.255", "224.0.0.1", "240.0.0.1", "169.254.0.1"]
targets += [gateway, host, own.rpartition(".")[0] + ".255", "198.18.0.255"]
sources = [own, "127.0.0.1", "0.0.0.0", gateway, host]
for target in targets:
    for source in sources:
        send_frame(datagram(source, target, 9090, 9090, b"from the wire"), gateway)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            udp.sendto(b"asked for", (target, 9090))
        except OSError:
            pass
for address in [*targets, "::1", "::ffff:127.0.0.1", "::ffff:" + host]:
    try:
        with socket.create_connection((address, 9090), timeout=0.3) as connection:  # rootless it says no a moment later
            print(connection.recv(100))
    except OSError:
        continue
"""
)


@contextmanager
def canary(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    """What listens on the host's loopback alone, and says what comes."""
    process = subprocess.Popen([*machine.on_host, sys.executable, "-c", CANARY], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_in(izba: Izba, name: str, script: str, *args: str) -> str:
    """What a script prints that has all rights in the container's network, NET_ADMIN and NET_RAW among them."""
    done = subprocess.run(
        [*within(izba, name), sys.executable, "-c", script, *args],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_packet_of_a_containers_own_making_reaches_the_hosts_loopback(each_izba: Izba, machine: Machine) -> None:
    """Whatever it says it is from, to, or has routes for."""
    name = idle(each_izba)
    gateway, own = each_izba.inspect(name)["NetworkSettings"]["Gateway"], address_of(each_izba, name)
    inside = within(each_izba, name)
    with canary(machine) as listening, Server(LAN, 7070, machine.on_lan):
        for change in (
            ("sysctl", "-q", "net.ipv4.conf.all.route_localnet=1"),
            ("ip", "addr", "del", "127.0.0.1/8", "dev", "lo"),
            ("ip", "route", "add", "127.0.0.0/8", "via", gateway),
            ("ip", "route", "add", "169.254.0.0/16", "via", gateway),
        ):
            machine.host(*inside, *change)
        assert run_in(each_izba, name, ATTACK, gateway, own, HOST, LAN) == ""
        # What the networks' own process carries it carries in order: this came after all of the above.
        assert send(LAN, 7070, "ping", prefix=inside).endswith(" ping")
        machine.host(sys.executable, "-c", SAY_END)
        assert listening.stdout is not None
        assert listening.stdout.readline().startswith("b'end' ('127.0.0.1',")


SAY_END = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.sendto(b"end", ("127.0.0.1", 9090))
"""


def test_addresses_and_routes_that_a_container_gives_itself_lead_to_no_other_network(
    each_izba: Izba, machine: Machine
) -> None:
    each_izba.ok("network", "create", "mine")
    each_izba.ok("network", "create", "theirs")
    web, neighbour = served(each_izba, "--network", "theirs"), idle(each_izba, "--network", "theirs")
    name = idle(each_izba, "--network", "mine")
    target, inside = address_of(each_izba, web, "theirs"), within(each_izba, name)
    gateway = each_izba.inspect(name)["NetworkSettings"]["Networks"]["mine"]["Gateway"]
    assert ask_from(each_izba, neighbour, target, 80) == web

    subnet = target.rpartition(".")[0]
    machine.host(*inside, "ip", "addr", "add", f"{subnet}.250/32", "dev", "eth0")
    machine.host(*inside, "ip", "route", "add", f"{subnet}.0/24", "via", gateway, "src", f"{subnet}.250")
    assert ask_from(each_izba, name, target, 80, timeout=1) == ""
    machine.host(*inside, "ip", "route", "change", f"{subnet}.0/24", "dev", "eth0")
    assert ask_from(each_izba, name, target, 80, timeout=1) == ""


WAIT = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.bind(("", 5555))
    udp.settimeout(30)
    udp.sendto(b"one", (sys.argv[1], 7070))
    print(udp.recv(100).decode(), flush=True)
    sys.stdin.readline()
    udp.sendto(b"two", (sys.argv[1], 7070))
    print(udp.recv(100).decode(), flush=True)
"""
FORGE = (
    RAW
    + """
gateway, host, lan = sys.argv[1:]
send_frame(datagram(lan, host, 7070, 5555, b"forged"), gateway)
"""
)


def test_nobody_answers_in_the_worlds_name_what_another_network_has_asked(each_izba: Izba, machine: Machine) -> None:
    """A packet with a forged source that fits a connection which the host's address stands for."""
    each_izba.ok("network", "create", "mine")
    each_izba.ok("network", "create", "theirs")
    victim, name = idle(each_izba, "--network", "theirs"), idle(each_izba, "--network", "mine")
    gateway = each_izba.inspect(name)["NetworkSettings"]["Networks"]["mine"]["Gateway"]
    with Server(LAN, 7070, machine.on_lan):
        waiting = subprocess.Popen(
            [*within(each_izba, victim), sys.executable, "-c", WAIT, LAN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert waiting.stdout is not None
        try:
            assert waiting.stdout.readline() == f"{HOST} one\n"
            run_in(each_izba, name, FORGE, gateway, HOST, LAN)
            said = waiting.communicate("\n", timeout=60)[0]
        finally:
            waiting.kill()
            waiting.communicate()
    assert said == f"{HOST} two\n"
