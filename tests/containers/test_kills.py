"""kill -9 of any of izba's processes at any moment: the next commands find nothing lost, nothing left, and no other
container touched (attacks.md, I).
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.jsonio import read
from izba.linux import process as processes
from tests.containers.conftest import Izba, eventually
from tests.support import leaks

MARK = "IZBA_TEST_VICTIM"


def marked(mark: str) -> list[int]:
    """izba's own processes of the commands that were started with the mark; containers do not inherit it."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def with_word(word: str) -> list[int]:
    """Processes that have the word on their command line, as those of a container that was given it do."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdigit() else []
        except OSError:
            continue
        if b"sh" in words and any(word.encode() in each for each in words):
            found.append(int(entry.name))
    return found


def kill_one_of(izba: Izba, chance: random.Random, *args: str) -> None:
    """Run a command, and at some moment kill one of the processes that it has then."""
    mark = uuid.uuid4().hex
    environment = izba.environment | {MARK: mark}
    command = izba.popen(*args, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(chance.uniform(0.01, 0.2))
    if victims := marked(mark):
        try:
            os.kill(chance.choice(victims), signal.SIGKILL)
        except ProcessLookupError:
            pass
    command.wait(120)


class Bystander:
    """A container that writes to its volume all the time, and is not to notice anything."""

    def __init__(self, izba: Izba) -> None:
        self.izba = izba
        self.volume = izba.ok("volume", "create", izba.name())
        script = "i=0; while :; do i=$((i+1)); echo $i >>/v/log; sleep 0.02; done"
        self.name = izba.detached("sh", "-c", script, options=("-v", f"{self.volume}:/v"))
        self.pid = izba.state(self.name)["Pid"]

    def check(self) -> None:
        """It is the same that it was, and what it wrote is all there."""
        state = self.izba.state(self.name)
        assert (state["Running"], state["Pid"]) == (True, self.pid)
        lines = self.izba.ok("exec", self.name, "cat", "/v/log").split()
        assert lines == [str(number) for number in range(1, len(lines) + 1)]


@pytest.fixture
def bystander(any_izba: Izba) -> Iterator[Bystander]:
    one = Bystander(any_izba)
    yield one
    one.check()
    any_izba.ok("rm", "-f", one.name)
    any_izba.ok("volume", "rm", one.volume)


@pytest.mark.parametrize("seed", range(3))
def test_any_process_of_a_run_may_be_killed(any_izba: Izba, bystander: Bystander, seed: int) -> None:
    chance = random.Random(f"run {seed}")
    mounts = leaks.mounts_below(any_izba.root)
    for _ in range(4):
        name, word = any_izba.name(), uuid.uuid4().hex
        options = ("--name", name, "--network", "none", "-v", f"{bystander.volume}:/w")
        kill_one_of(any_izba, chance, "run", "-d", *options, "busybox", "sh", "-c", f": {word}; sleep 300")

        if name in any_izba.ok("ps", "-a", "--format", "{{.Names}}").split():
            any_izba.ok("rm", "-f", name)
        eventually(lambda word=word: not with_word(word))  # type: ignore[misc]
        any_izba.ok("run", "--rm", "--name", name, "--network", "none", "busybox", "true")

    assert leaks.mounts_below(any_izba.root) == mounts
    any_izba("system", "check", "--repair")  # a crash leaves space to be had back, and nothing worse
    assert any_izba.ok("system", "check") == "no problem found"


@pytest.mark.parametrize("seed", range(2))
def test_any_process_of_an_end_may_be_killed(any_izba: Izba, bystander: Bystander, seed: int) -> None:
    chance = random.Random(f"end {seed}")
    for verb in (("stop", "-t", "0"), ("kill",), ("restart", "-t", "0"), ("rm", "-f", "-v")):
        word = uuid.uuid4().hex
        name = any_izba.detached("sh", "-c", f": {word}; sleep 300", options=("-v", "/own"))
        kill_one_of(any_izba, chance, *verb, name)

        any_izba("rm", "-f", "-v", name)
        eventually(lambda word=word: not with_word(word))  # type: ignore[misc]
        assert name not in any_izba.ok("ps", "-a", "--format", "{{.Names}}").split()
        assert word not in any_izba.ok("run", "--rm", "--network", "none", "--name", name, "busybox", "ps")


def test_any_process_of_a_volumes_command_may_be_killed(any_izba: Izba, bystander: Bystander) -> None:
    chance = random.Random("volumes")
    name = any_izba.name()
    archive = any_izba.root.parent / f"{name}.tar"
    any_izba.ok("volume", "export", "-o", str(archive), bystander.volume)
    for _ in range(5):
        kill_one_of(any_izba, chance, "volume", "create", name)
        kill_one_of(any_izba, chance, "volume", "import", f"{name}-2", str(archive))
        if any_izba("volume", "inspect", f"{name}-2").returncode == 0:
            seen = any_izba.ok(
                "run", "--rm", "--network", "none", "-v", f"{name}-2:/v", "busybox", "head", "-1", "/v/log"
            )
            assert seen == "1", "it is there, and whole"
        kill_one_of(any_izba, chance, "volume", "rm", name, f"{name}-2")
        kill_one_of(any_izba, chance, "volume", "prune", "-f")

        any_izba.ok("volume", "create", name)
        any_izba.ok("volume", "rm", "-f", name, f"{name}-2")
    archive.unlink()

    assert [each for each in any_izba.ok("volume", "ls", "-q").split() if each.startswith(name)] == []


def test_a_limited_containers_cgroup_does_not_outlive_its_killed_monitor(izba: Izba) -> None:
    name = izba.detached("sh", "-c", "sleep 300", options=("--memory", "64m", "--pids-limit", "20"))
    id = izba.inspect(name)["Id"]
    groups = [path for path in Path("/sys/fs/cgroup").glob(f"**/{id}") if path.is_dir()]
    assert groups
    os.kill(read(str(izba.directory(name) / "state.json"))["monitor"][0], signal.SIGKILL)

    eventually(lambda: izba.ok("ps", "-a", "--filter", f"name={name}", "--format", "{{.State}}") == "exited")

    assert [path for path in groups if path.exists()] == []
    izba.ok("start", name)


@pytest.mark.peer("crun", "runc")
@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_other_runtimes_records_do_not_outlive_their_container(izba: Izba, runtime: str) -> None:
    name = izba.detached("sleep", "300", options=("--runtime", runtime))
    id = izba.inspect(name)["Id"]
    for again in (True, False):
        pid = read(str(izba.directory(name) / "state.json"))["monitor"][0]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda pid=pid: not os.path.exists(f"/proc/{pid}") or processes.state(pid) in "ZX")  # type: ignore[misc]
        assert izba.state(name)["Status"] == "exited"
        if again:
            izba.ok("start", name)
            assert izba.state(name)["Running"]

    izba.ok("rm", name)

    assert list((izba.root / "run").glob(f"**/{id}*")) == []


def test_many_runs_and_removals_of_one_name_end_with_one_or_none(any_izba: Izba) -> None:
    name, word = any_izba.name(), uuid.uuid4().hex
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    commands = []
    for number in range(32):
        options = ("-d", "--name", name, "--network", "none", "-v", f"{name}:/v")
        run = ("run", *options, "busybox", "sh", "-c", f": {word}; sleep 300")
        args = ("rm", "-f", name) if number % 4 == 3 else run
        commands.append(any_izba.popen(*args, **quiet))
    for command in commands:
        command.wait(120)

    running = any_izba.ok("ps", "--filter", f"name=^{name}$", "--format", "{{.Names}}").split()
    assert len(running) == len(with_word(word)) <= 1
    any_izba("rm", "-f", name)
    assert with_word(word) == []
    any_izba.ok("volume", "rm", name)


def test_a_volume_whose_filling_is_killed_is_filled_by_the_next_container(any_izba: Izba) -> None:
    """And not taken for one that somebody else has put something into."""
    name = any_izba.name()
    options = ("--network", "none", "-v", f"{name}:/bin")
    whole = int(any_izba.ok("run", "--rm", "--network", "none", "busybox", "sh", "-c", "ls /bin | wc -l"))
    data = any_izba.root / "volumes" / name / "_data"
    cut_short = 0
    for _ in range(20):
        mark = uuid.uuid4().hex
        environment = any_izba.environment | {MARK: mark}
        command = any_izba.popen("create", *options, "busybox", env=environment, stdout=-1, stderr=-1)
        while command.poll() is None and not (data.is_dir() and len(os.listdir(data)) > 5):
            pass
        for victim in marked(mark):
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                pass
        command.communicate(timeout=120)
        cut_short += len(os.listdir(data)) < whole

        assert int(any_izba.ok("run", "--rm", *options, "busybox", "sh", "-c", "ls /bin | wc -l")) == whole
        if made := any_izba.ok("ps", "-aq", "--filter", f"volume={name}").split():
            any_izba.ok("rm", *made)
        any_izba.ok("volume", "rm", name)
        if cut_short == 3:
            break
    assert cut_short, "it was always done before it was killed"


def test_a_volume_that_a_container_is_being_made_with_is_not_removed(any_izba: Izba) -> None:
    name = any_izba.name()
    for _ in range(6):
        any_izba.ok("volume", "create", name)
        made = any_izba.popen(
            "create", "--network", "none", "-v", f"{name}:/v", "busybox", "true", stdout=-1, stderr=-1
        )
        removed = any_izba("volume", "rm", name)
        id, _ = made.communicate()
        assert made.returncode == 0
        volumes = any_izba.ok("volume", "ls", "-q").split()
        if removed.returncode == 0:  # before the container counted on it; then it was made anew
            assert name in volumes
        assert any_izba("start", id.strip()).returncode == 0
        any_izba.ok("rm", "-f", id.strip())
        any_izba.ok("volume", "rm", "-f", name)
