"""`--network pasta` and `--network slirp4netns`, on a machine that gives its users the device both need."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.network.conftest import HOST, LAN, Izba, Machine, Server, eventually, fetch, idle, send, send_from

REFUSED = {"ConnectionRefusedError", "TimeoutError", "ConnectionResetError", "OSError"}
pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("setpriv")]


@dataclass
class DesktopIzba(Izba):
    """An ordinary user's on the machine of the process `pid`."""

    pid: int = 0
    network: tuple[str, ...] = field(default=())

    @property
    def command(self) -> list[str]:
        assert self.user is not None
        ids = ["setpriv", f"--reuid={self.user.uid}", f"--regid={self.user.gid}", "--clear-groups"]
        return ["nsenter", f"--target={self.pid}", "--net", "--mount", f"--wd={self.user.home}", *ids, *super().command]

    def options(self) -> dict[str, Any]:
        return {"env": self.environment}


@pytest.fixture(scope="module")
def desktop(machine: Machine) -> Iterator[int]:
    """The pid of a process on the machine, where /dev/net/tun is everybody's."""
    device = "mount -t tmpfs -o mode=755 tmpfs /dev/net && mknod -m 666 /dev/net/tun c 10 200"
    make = f"{device} && echo ready && exec sleep 10000"
    process = subprocess.Popen(
        [*machine.on_host, "unshare", "--mount", "sh", "-c", make], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        pytest.skip("this machine makes no devices")
    yield process.pid
    process.kill()
    process.communicate()


@pytest.fixture(params=["pasta", "slirp4netns"])
def program(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not here")
    return name


@pytest.fixture(params=["range", "single"])
def user_izba(request: pytest.FixtureRequest, desktop: int, program: str) -> Iterator[DesktopIzba]:
    plain: Izba = request.getfixturevalue(f"{request.param}_izba")
    found = DesktopIzba(root=plain.root, user=plain.user, pid=desktop, network=("--network", program))
    yield found
    found.clean()


def test_a_container_gets_out_and_its_port_is_reached(user_izba: DesktopIzba, machine: Machine) -> None:
    client = idle(user_izba, *user_izba.network, "-p", "8080:80", "-p", "5300:53/udp", "--hostname", "web")

    with Server(LAN, 7070, machine.on_lan):
        assert fetch(LAN, 7070, prefix=_within(user_izba, client)) == HOST
        assert send_from(user_izba, client, LAN, 7070, "ping") == f"{HOST} ping"
    with Server("0.0.0.0", 80, _within(user_izba, client)):
        assert fetch(HOST, 8080, prefix=machine.on_lan) == LAN
        from_loopback = fetch("127.0.0.1", 8080, prefix=machine.on_host)
        assert from_loopback == ("127.0.0.1" if "pasta" in user_izba.network else "10.0.2.2")  # docs/networks.md
    with Server("0.0.0.0", 53, _within(user_izba, client)):
        assert send(HOST, 5300, "ping", prefix=machine.on_lan).endswith(" ping")
    assert user_izba.ok("port", client) == "53/udp -> 0.0.0.0:5300\n80/tcp -> 0.0.0.0:8080"
    assert "10.0.2.100\tweb" in user_izba.ok("exec", client, "cat", "/etc/hosts")
    assert "nameserver 10.0.2.3" in user_izba.ok("exec", client, "cat", "/etc/resolv.conf")
    assert "inet6" not in user_izba.ok("exec", client, "ip", "addr", "show", "eth0")


def test_the_hosts_loopback_is_not_reached(user_izba: DesktopIzba, machine: Machine) -> None:
    """H4."""
    client = idle(user_izba, *user_izba.network)
    with Server("127.0.0.1", 9090, machine.on_host):
        for address in ("10.0.2.2", HOST, "127.0.0.1"):
            assert fetch(address, 9090, prefix=_within(user_izba, client), timeout=1) in REFUSED, address


def test_the_program_ends_with_its_container_and_is_replaced_when_killed(
    user_izba: DesktopIzba, machine: Machine
) -> None:
    """I: kill -9 of the program, of its keeper and of the container's monitor."""
    client = idle(user_izba, *user_izba.network, "-p", "8080:80")
    for victim in (_programs, _keepers):
        (before,) = victim(user_izba)
        os.kill(before, signal.SIGKILL)
        eventually(lambda victim=victim, before=before: victim(user_izba) not in ([], [before]))
        with Server(LAN, 7070, machine.on_lan):
            eventually(lambda: fetch(LAN, 7070, prefix=_within(user_izba, client)) == HOST)
    with Server("0.0.0.0", 80, _within(user_izba, client)):
        eventually(lambda: fetch("127.0.0.1", 8080, prefix=machine.on_host) not in REFUSED)

    user_izba.ok("restart", "-t", "0", client)
    eventually(lambda: len(_programs(user_izba)) == 1)
    with Server("0.0.0.0", 80, _within(user_izba, client)):
        eventually(lambda: fetch("127.0.0.1", 8080, prefix=machine.on_host) not in REFUSED)

    monitor = user_izba.ok("inspect", "--format", "{{.Id}}", client)
    state = (user_izba.root / "containers" / monitor / "state.json").read_text()
    os.kill(int(state.partition('"monitor":[')[2].partition(",")[0]), signal.SIGKILL)
    eventually(lambda: _programs(user_izba) == [] == _keepers(user_izba))
    assert user_izba.state(client)["Status"] == "exited"


def test_a_port_that_is_taken_names_its_holder(user_izba: DesktopIzba) -> None:
    first = idle(user_izba, *user_izba.network, "-p", "8080:80")
    refused = user_izba("run", "--rm", *user_izba.network, "-p", "8080:80", "busybox", "true")
    assert refused.returncode == 125
    assert f"container {user_izba.inspect(first)['Id'][:12]} has the port" in refused.stderr


@pytest.mark.parametrize("program", ["pasta", "slirp4netns"])
def test_what_neither_can_do_is_refused(range_izba: Izba, program: str) -> None:
    network = ("--network", program)
    assert "IPv4 only" in range_izba("run", "--rm", *network, "-p", "[::1]:8080:80", "busybox", "true").stderr
    assert "conflicting options" in range_izba("run", "--rm", *network, "--ip", "10.0.2.7", "busybox", "true").stderr
    assert "stands for the program" in range_izba("network", "create", program).stderr


@pytest.mark.parametrize("program", ["pasta", "slirp4netns"])
def test_root_is_told_that_it_has_bridges(root_izba: Izba, program: str) -> None:
    refused = root_izba("run", "--rm", "--network", program, "busybox", "true")
    assert refused.returncode == 125
    assert "root has bridges" in refused.stderr


def test_a_machine_without_the_device_or_the_program_says_so(range_izba: Izba, program: str, tmp_path: Path) -> None:
    if os.stat("/dev/net/tun").st_mode & 0o006 == 0:
        refused = range_izba("run", "--rm", "--network", program, "busybox", "true")
        assert refused.returncode == 125
        assert "`sudo chmod 666 /dev/net/tun`" in refused.stderr
        assert "carries the container's traffic itself" in refused.stderr
    assert range_izba.user is not None
    nowhere = range_izba.user.run(
        "--root", str(range_izba.root), "run", "--network", program, "busybox", env={"PATH": "/nowhere"}
    )
    assert "no such program" in nowhere.stderr


def _within(izba: Izba, name: str) -> tuple[str, ...]:
    return ("nsenter", f"--net=/proc/{izba.state(name)['Pid']}/ns/net")


def _programs(izba: Izba) -> list[int]:
    return _processes(izba, {"pasta", "passt", "passt.avx2", "slirp4netns"})


def _keepers(izba: Izba) -> list[int]:
    return _processes(izba, {"izba-keeper"})


def _processes(izba: Izba, names: set[str]) -> list[int]:
    assert izba.user is not None
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                is_one = (entry / "comm").read_text().strip() in names and entry.stat().st_uid == izba.user.uid
                alive = (entry / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
            except OSError:
                continue
            if is_one and alive:
                found.append(int(entry.name))
    return found
