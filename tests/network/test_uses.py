"""A network that is removed while a container is being started on it: one of the two is refused, and all is whole."""

from __future__ import annotations

import fcntl
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from izba.jsonio import read
from izba.network.relay.client import held_by_monitors
from tests.network.conftest import Izba, Machine, address_of, eventually, idle

pytestmark = pytest.mark.root


@dataclass
class Bridges:
    """The network namespace that has an izba's bridges, open as `fd`; and one network of it."""

    fd: int
    network: str
    id: str

    @property
    def is_made(self) -> bool:
        """Whether the network has its bridge."""
        return self._name in self._ip("-br", "link")

    def unmake(self) -> None:
        """Take the bridge away."""
        self._ip("link", "delete", self._name)

    @property
    def _name(self) -> str:
        return f"izba-{self.id[:10]}"

    def _ip(self, *words: str) -> str:
        command = ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.fd}", "ip", *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(params=["machine", "range", "single"])
def some_izba(request: pytest.FixtureRequest) -> Iterator[Izba]:
    """root's is on a machine of its own, whose rules nobody else changes: a command would wait to see to them."""
    one: Izba = request.getfixturevalue(f"{request.param}_izba")
    yield one
    one.clean()


@pytest.fixture
def bridges(some_izba: Izba, machine: Machine) -> Iterator[Bridges]:
    """With a network whose bridge is not made yet, of an izba that has a container on another."""
    name = f"u{os.urandom(4).hex()}"
    some_izba.ok("network", "create", name)
    idle(some_izba)
    if some_izba.user is None:
        fd = os.open(f"/proc/{machine.host_pid}/ns/net", os.O_RDONLY)
    else:
        user, fd = held_by_monitors(str(some_izba.root))
        os.close(user)
    id = some_izba.ok("network", "inspect", "--format", "{{.Id}}", name)
    yield Bridges(fd=fd, network=name, id=id)
    os.close(fd)
    some_izba.clean()
    some_izba("network", "rm", name)


def has_lock(path: Path | int, *, waits: bool) -> bool:
    """Whether somebody waits for the lock of the file, or has it for itself alone; nobody, where there is no file."""
    try:
        file = f":{os.stat(path).st_ino} "
    except FileNotFoundError:
        return False
    with open("/proc/locks", encoding="ascii") as locks:
        found = [line for line in locks if file in line]
    return any("->" in line for line in found) if waits else any("WRITE" in line for line in found)


def is_held(path: Path) -> bool:
    """Whether somebody who starts a container has the network's file."""
    if not path.exists():
        return False
    with open("/proc/locks", encoding="ascii") as locks:
        return any(f":{path.stat().st_ino} " in line and "READ" in line for line in locks)


def opened(process: subprocess.Popen[str], path: Path) -> bool:
    """Whether the process has the file open."""
    there = f"/proc/{process.pid}/fd"
    try:
        return str(path) in {os.readlink(f"{there}/{fd}") for fd in os.listdir(there)}
    except FileNotFoundError:  # it closed one in this moment
        return False


@pytest.mark.parametrize("is_killed", [False, True], ids=["", "killed"])
def test_a_removal_waits_for_a_start_and_is_refused(some_izba: Izba, bridges: Bridges, is_killed: bool) -> None:
    """Neither is the row gone that the start has read, nor the bridge that it makes; the command may be killed."""
    uses = some_izba.root / "run" / "network" / "uses" / bridges.id
    name = some_izba.name()
    if is_killed:  # with the bridge there, it is not the command that waits, but whom it has told its plan
        some_izba.ok("run", "--rm", "--network", bridges.network, "busybox", "true")
        some_izba.ok("ps")
    fcntl.flock(bridges.fd, fcntl.LOCK_EX)  # whoever makes the bridge, or a container's rules, waits for this
    try:
        start = some_izba.popen("run", "-d", "--name", name, "--network", bridges.network, "busybox", "sleep", "1000")
        eventually(lambda: has_lock(bridges.fd, waits=True))
        if is_killed:
            start.kill()
            start.wait()
        removal = some_izba.popen("network", "rm", bridges.network, stderr=subprocess.PIPE)
        eventually(lambda: opened(removal, uses) or removal.poll() is not None)
    finally:
        fcntl.flock(bridges.fd, fcntl.LOCK_UN)

    _, said = removal.communicate()
    assert removal.returncode == 1
    assert f"has active endpoints ({name})" in said
    assert start.wait() == (-9 if is_killed else 0)
    assert some_izba.state(name)["Running"]
    assert bridges.is_made
    other = idle(some_izba, "--network", bridges.network)
    assert address_of(some_izba, name, bridges.network) in some_izba.ok("exec", other, "nslookup", name)

    some_izba.clean()
    some_izba.ok("network", "rm", bridges.network)
    assert not uses.exists()


def test_a_removal_waits_for_a_restart_whose_monitor_was_killed(some_izba: Izba, bridges: Bridges) -> None:
    """Who makes the bridge anew outlives the monitor for a moment, and the bridge is not to outlive the network."""
    uses = some_izba.root / "run" / "network" / "uses" / bridges.id
    name = some_izba.name()
    options = ("--network", bridges.network, "--restart", "always")
    some_izba.ok("run", "-d", "--name", name, *options, "busybox", "sleep", "1000")
    init = some_izba.state(name)["Pid"]
    monitor = read(str(some_izba.directory(name) / "state.json"))["monitor"][0]
    bridges.unmake()
    assert not is_held(uses)
    fcntl.flock(bridges.fd, fcntl.LOCK_EX)
    try:
        os.kill(init, signal.SIGKILL)
        eventually(lambda: has_lock(bridges.fd, waits=True))
        os.kill(monitor, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{monitor}/exe").exists())
        assert is_held(uses)
        removal = some_izba.popen("network", "rm", bridges.network, stderr=subprocess.PIPE)
        # root's waits for us before that: to see to the rules of the container whose monitor was killed.
        eventually(lambda: some_izba.user is None or opened(removal, uses))
        assert removal.poll() is None
    finally:
        fcntl.flock(bridges.fd, fcntl.LOCK_UN)

    assert removal.communicate()[1] == ""
    assert removal.returncode == 0
    assert not bridges.is_made
    assert not some_izba.state(name)["Running"]
    assert not uses.exists()


def test_a_start_waits_for_a_removal_and_is_refused(some_izba: Izba, bridges: Bridges) -> None:
    """It makes no bridge for a network that is gone."""
    uses = some_izba.root / "run" / "network" / "uses" / bridges.id
    name = some_izba.name()
    some_izba.ok("create", "--name", name, "--network", bridges.network, "busybox", "true")
    with closing(sqlite3.connect(some_izba.root / "izba.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")  # who deletes the row waits for this
        removal = some_izba.popen("network", "rm", bridges.network, stdout=subprocess.PIPE)
        eventually(lambda: has_lock(uses, waits=False))
        start = some_izba.popen("start", name, stderr=subprocess.PIPE)
        eventually(lambda: has_lock(uses, waits=True))
        database.execute("ROLLBACK")

    assert removal.communicate()[0].strip() == bridges.network
    assert removal.returncode == 0
    _, said = start.communicate()
    assert start.returncode == 1
    assert f"network {bridges.network} not found" in said
    assert f"izba network create {bridges.network}" in said
    assert not bridges.is_made
    assert not some_izba.state(name)["Running"]


def test_prune_leaves_the_bridge_that_a_start_is_making(some_izba: Izba, bridges: Bridges) -> None:
    """Neither the network nor, without waiting for anybody, its bridge."""
    name = some_izba.name()
    fcntl.flock(bridges.fd, fcntl.LOCK_EX)
    try:
        start = some_izba.popen("run", "-d", "--name", name, "--network", bridges.network, "busybox", "sleep", "1000")
        eventually(lambda: has_lock(bridges.fd, waits=True))
        assert bridges.network not in some_izba.ok("network", "prune", "-f", "--filter", "label=none")
    finally:
        fcntl.flock(bridges.fd, fcntl.LOCK_UN)

    assert start.wait() == 0
    assert bridges.is_made
    assert some_izba.ok("network", "inspect", "--format", "{{len .Containers}}", bridges.network) == "1"


def test_what_is_being_started_is_removed_by_force_once_it_runs(some_izba: Izba, bridges: Bridges) -> None:
    name = some_izba.name()
    some_izba.ok("create", "--name", name, "--network", bridges.network, "busybox", "sleep", "1000")
    directory, database = some_izba.directory(name), some_izba.root / "izba.db"
    fcntl.flock(bridges.fd, fcntl.LOCK_EX)
    try:
        start = some_izba.popen("start", name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: has_lock(bridges.fd, waits=True))
        removal = some_izba.popen("rm", "-f", name, stderr=subprocess.PIPE)
        eventually(lambda: opened(removal, database) or removal.poll() is not None)
    finally:
        fcntl.flock(bridges.fd, fcntl.LOCK_UN)

    _, said = removal.communicate()
    assert (removal.returncode, said) == (0, "")
    start.wait()
    assert some_izba("inspect", name).returncode == 1
    assert not directory.exists()
