"""Networks of all three kinds of izba on this machine; and a machine of its own for root's, with a LAN beside it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

from izba.linux.loop import Loop
from izba.network.relay.process import _EAGER
from tests.containers.conftest import (  # noqa: F401 - fixtures
    Izba,
    _fill,
    any_izba,
    busybox_archive,
    eventually,
    range_izba,
    root_izba,
    single_izba,
)
from tests.support.ports import free_ports
from tests.support.users import User

HOST, LAN = "198.18.0.2", "198.18.0.1"


@pytest.fixture
def loop() -> Loop:
    """As the networks' process has it."""
    return Loop(eager=_EAGER)


FETCH = """
import socket, sys
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3]))
connection.settimeout(float(sys.argv[3]))
connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
data = b""
while chunk := connection.recv(65536):
    data += chunk
print(data.rpartition(b"\\r\\n\\r\\n")[2].decode().strip())
"""

SERVE = """
import socket, sys, threading
address, port = sys.argv[1], int(sys.argv[2])
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((address, port))
def datagrams():
    while True:
        data, client = udp.recvfrom(65535)
        udp.sendto(client[0].encode() + b" " + data, client)
threading.Thread(target=datagrams, daemon=True).start()
listener = socket.create_server((address, port))
print("ready", flush=True)
while True:
    connection, client = listener.accept()
    with connection:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + client[0].encode())
"""


def fetch(address: str, port: int, *, prefix: tuple[str, ...] = (), timeout: float = 30) -> str:
    """What a server says, asked from the namespace of `prefix`; the kind of failure where there is none."""
    done = subprocess.run(
        [*prefix, sys.executable, "-c", FETCH, address, str(port), str(timeout)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() if done.returncode == 0 else done.stderr.strip().splitlines()[-1].partition(":")[0]


SEND = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
    udp.settimeout(float(sys.argv[4]))
    udp.sendto(sys.argv[3].encode(), (sys.argv[1], int(sys.argv[2])))
    print(udp.recv(65535).decode())
"""


def send(address: str, port: int, text: str, *, prefix: tuple[str, ...] = (), timeout: float = 30) -> str:
    """What comes back for one datagram, sent from the namespace of `prefix`."""
    return subprocess.run(
        [*prefix, sys.executable, "-c", SEND, address, str(port), text, str(timeout)],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.strip()


def ask_from(izba: Izba, name: str, address: str, port: int, *, timeout: int = 30) -> str:
    """The last line of what a server says to a container, empty where it says nothing."""
    command = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w {timeout} {address} {port} 2>/dev/null | tail -n 1"
    return izba("exec", name, "sh", "-c", command).stdout.strip()


def relays(izba: Izba) -> list[int]:
    """The networks' own process of an izba: the one that wrote to its log's file."""
    log = izba.root / "run" / "network" / "relay.log"
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                is_relay = (entry / "comm").read_text() == "izba-network\n"
                if is_relay and os.readlink(entry / "fd" / "2") == str(log):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def within(izba: Izba, name: str) -> tuple[str, ...]:
    """What makes a command one in the container's network namespace: busybox has no client for everything."""
    return ("nsenter", f"--net=/proc/{izba.state(name)['Pid']}/ns/net")


def send_from(izba: Izba, name: str, address: str, port: int, text: str, *, timeout: float = 30) -> str:
    """What comes back to a container for one datagram."""
    return send(address, port, text, prefix=within(izba, name), timeout=timeout)


class Server:
    """A server that tells each client its address, by TCP and UDP, in the namespace of `prefix`."""

    def __init__(self, address: str, port: int, prefix: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", SERVE, address, str(port)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def served(izba: Izba, *options: str) -> str:
    """A container with a web server on port 80 that says the container's name; its name."""
    name = izba.name()
    script = f"mkdir -p /www; echo {name} >/www/index.html; exec httpd -f -p 80 -h /www"
    izba.ok("run", "-d", "--name", name, *options, "busybox", "sh", "-c", script)
    listening = "grep -q ':0050 ' /proc/net/tcp /proc/net/tcp6 && echo yes"
    eventually(lambda: izba("exec", name, "sh", "-c", listening).stdout)
    return name


def idle(izba: Izba, *options: str) -> str:
    """A container that does nothing; its name."""
    name = izba.name()
    izba.ok("run", "-d", "--name", name, *options, "busybox", "sleep", "1000")
    return name


def address_of(izba: Izba, name: str, network: str = "bridge") -> str:
    found: str = izba.inspect(name)["NetworkSettings"]["Networks"][network]["IPAddress"]
    return found


@dataclass
class Machine:
    """Two network namespaces: that of a host, and that of its LAN; the host is the LAN's way to wherever it asks."""

    host_pid: int
    lan_pid: int

    @property
    def on_host(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.host_pid}/ns/net")

    @property
    def on_lan(self) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.lan_pid}/ns/net")

    def host(self, *command: str) -> str:
        return subprocess.run([*self.on_host, *command], check=True, capture_output=True, text=True).stdout

    def lan(self, *command: str) -> str:
        return subprocess.run([*self.on_lan, *command], check=True, capture_output=True, text=True).stdout


@dataclass
class MachineIzba(Izba):
    """root's izba on a machine of its own."""

    machine: Machine | None = field(default=None)

    @property
    def command(self) -> list[str]:
        assert self.machine is not None
        return [*self.machine.on_host, *super().command]


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    processes = [subprocess.Popen(["unshare", "--net", "sleep", "infinity"]) for _ in range(2)]
    mine = os.readlink("/proc/self/ns/net")
    for process in processes:
        eventually(lambda process=process: os.readlink(f"/proc/{process.pid}/ns/net") != mine)  # type: ignore[misc]
    made = Machine(host_pid=processes[0].pid, lan_pid=processes[1].pid)
    made.host("ip", "link", "set", "lo", "up")
    made.lan("ip", "link", "set", "lo", "up")
    made.host("ip", "link", "add", "up0", "type", "veth", "peer", "name", "lan0", "netns", str(made.lan_pid))
    made.host("ip", "addr", "add", f"{HOST}/24", "dev", "up0")
    made.host("ip", "link", "set", "up0", "mtu", "1400", "up")
    made.lan("ip", "addr", "add", f"{LAN}/24", "dev", "lan0")
    made.lan("ip", "link", "set", "lan0", "mtu", "1400", "up")
    made.host("ip", "route", "add", "default", "via", LAN)
    yield made
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def machine_izba(machine: Machine, tmp_path_factory: pytest.TempPathFactory, busybox_archive: Path) -> Izba:  # noqa: F811
    return _fill(MachineIzba(root=tmp_path_factory.mktemp("machine-izba"), machine=machine), busybox_archive)


@pytest.fixture
def izba(machine_izba: Izba) -> Iterator[Izba]:
    """root's, on a machine of its own."""
    yield machine_izba
    machine_izba.clean()
    machine_izba("network", "prune", "-f")


@dataclass
class LanIzba(Izba):
    """An ordinary user's izba on the machine."""

    machine: Machine | None = field(default=None)

    @property
    def command(self) -> list[str]:
        assert self.user is not None
        assert self.machine is not None
        return [*own_prefix(self, self.machine), *super().command]

    def options(self) -> dict[str, Any]:
        assert self.user is not None
        return {"env": self.environment, "cwd": self.user.home}


@pytest.fixture(scope="session")
def range_lan_izba(range_user: User, machine: Machine, busybox_archive: Path) -> Izba:  # noqa: F811
    return _fill(LanIzba(root=range_user.home / "lan-izba", user=range_user, machine=machine), busybox_archive)


@pytest.fixture(scope="session")
def single_lan_izba(single_user: User, machine: Machine, busybox_archive: Path) -> Izba:  # noqa: F811
    return _fill(LanIzba(root=single_user.home / "lan-izba", user=single_user, machine=machine), busybox_archive)


@pytest.fixture(params=["range", "single"])
def lan_izba(request: pytest.FixtureRequest) -> Izba:
    found: Izba = request.getfixturevalue(f"{request.param}_lan_izba")
    return found


@pytest.fixture(params=["root", "range", "single"])
def each_izba(request: pytest.FixtureRequest) -> Iterator[Izba]:
    """root's, and that of a user with subordinate ids, and that of one without, on a machine of its own."""
    names = {"root": "machine_izba", "range": "range_lan_izba", "single": "single_lan_izba"}
    one: Izba = request.getfixturevalue(names[request.param])
    yield one
    one.clean()
    one("network", "prune", "-f")


@pytest.fixture
def port() -> int:
    """A port that is free, and with it the next."""
    return free_ports(2)[0]


def ids_of(user: User) -> tuple[str, ...]:
    """What makes setpriv's command one of the user's."""
    return (f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups")


def own_prefix(izba: Izba, machine: Machine) -> tuple[str, ...]:
    """What makes a command one of whoever runs this izba, on the machine."""
    return (*machine.on_host, *(("setpriv", *ids_of(izba.user)) if izba.user else ()))


@dataclass
class PrefixedIzba(Izba):
    """An izba of somebody's, behind a command line that takes it elsewhere, with variables of its own."""

    prefix: tuple[str, ...] = ()
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> list[str]:
        return [*self.prefix, *super().command]

    def options(self) -> dict[str, Any]:
        return {"env": self.environment | self.extra, "cwd": self.root}


@pytest.fixture(scope="session", autouse=True)
def relays_end(leaves_nothing_behind: None) -> Iterator[None]:
    """A relay outlives its last container by a second."""
    yield
    time.sleep(1.5)
