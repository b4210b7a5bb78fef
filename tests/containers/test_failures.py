"""A machine that fails: no room, no descriptors, a broken disk, a clock that jumps (attacks.md, I)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.jsonio import read
from izba.monitor import control
from tests.containers.conftest import Izba, _fill, eventually

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), Path("/nonexistent"))


def monitor_of(izba: Izba, name: str) -> int:
    pid: int = read(str(izba.directory(name) / "state.json"))["monitor"][0]
    return pid


@pytest.fixture
def small(any_izba: Izba, place: Path, busybox_archive: Path) -> Iterator[Izba]:
    """An izba on a file system of 48 MB of its own, for each kind of user."""
    image = place.parent / "disk"
    with image.open("wb") as file:
        file.truncate(48 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-b", "4096", "-O", "^has_journal", image], check=True)
    subprocess.run(["mount", "-o", "loop", image, place], check=True)
    image.unlink()  # the loop device holds it
    izba = _fill(Izba(root=any_izba.own(place) / "izba", user=any_izba.user), busybox_archive)
    yield izba
    for ballast in place.glob("ballast-*"):
        ballast.unlink()
    izba.clean()
    eventually(lambda: subprocess.run(["umount", "-q", place], check=False).returncode == 0)


def fill(place: Path) -> None:
    """Leave not one block. izba gives up its reserve when it is needed, so that goes as well."""
    for number in range(3):
        for size in (1 << 20, 1024):
            with (place / f"ballast-{number}-{size}").open("wb", buffering=0) as ballast:
                try:
                    while True:
                        ballast.write(bytes(size))
                except OSError:
                    os.sync()


@pytest.mark.peer("mkfs.ext4")
def test_on_a_full_disk_containers_are_watched_and_stopped_as_ever(small: Izba) -> None:
    script = "while :; do echo line; sleep 0.01; done"
    options = ("-v", "/own", "--health-interval", "100ms", "--health-cmd", "echo >>/dev/shm/probes")
    names = [small.detached("sh", "-c", script, options=options) for _ in range(3)]
    fill(small.root.parent)
    small("ps")
    fill(small.root.parent)

    assert len(small.ok("ps", "-q").split()) == 3
    small.ok("stop", "-t", "0", names[0])
    os.kill(monitor_of(small, names[1]), signal.SIGKILL)
    shown = small.ok("ps", "-a", "--format", "{{.Names}} {{.Status}}")
    states = {line.split()[0]: " ".join(line.split()[1:3]) for line in shown.splitlines()}
    assert (states[names[0]], states[names[1]]) == ("Exited (137)", "Exited (255)")
    assert states[names[2]].startswith("Up")
    assert small.ok("exec", names[2], "echo", "here") == "here"
    probes = int(small.ok("exec", names[2], "sh", "-c", "wc -l </dev/shm/probes"))
    eventually(lambda: int(small.ok("exec", names[2], "sh", "-c", "wc -l </dev/shm/probes")) > probes + 2)
    refused = small("volume", "create", small.name())
    assert refused.returncode == 1
    assert "system prune" in refused.stderr

    for ballast in small.root.parent.glob("ballast-*"):
        ballast.unlink()
    small.ok("start", names[0], names[1])
    small.ok("rm", "-f", "-v", *names)
    assert small.ok("system", "check") == "no problem found"
    assert small.ok("volume", "ls", "-q") == ""


@pytest.mark.peer("strace")
@pytest.mark.parametrize("failure", ["EIO", "EROFS"])
def test_a_disk_that_fails_costs_the_log_lines_and_not_the_container(any_izba: Izba, failure: str) -> None:
    """And one that the kernel takes to read-only because it fails."""
    izba = any_izba
    name = izba.detached("sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.02; done")
    pid = izba.state(name)["Pid"]
    command = ["strace", "-q", "-p", str(monitor_of(izba, name)), "-e", "trace=write"]
    with subprocess.Popen(
        [*command, "-e", f"inject=write:error={failure}"], stderr=subprocess.PIPE, text=True
    ) as injecting:
        assert injecting.stderr is not None
        for _ in range(5):
            assert failure in injecting.stderr.readline()
        injecting.terminate()

    last = izba.ok("logs", "--tail", "1", name)
    eventually(lambda: izba.ok("logs", "--tail", "1", name) != last)
    lines = [int(line.split()[1]) for line in izba.ok("logs", name).splitlines()]
    assert lines == sorted(set(lines))
    assert len(lines) < lines[-1]
    assert izba.state(name)["Pid"] == pid


def test_a_monitor_without_descriptors_sees_its_container_through(any_izba: Izba) -> None:
    """EMFILE: as many clients as there can be."""
    izba = any_izba
    name = izba.detached("sleep", "300")
    monitor = monitor_of(izba, name)
    run = izba.root / "run" / "containers" / izba.inspect(name)["Id"]
    # By its owner, which needs no privilege; to root here another's limits may be closed.
    subprocess.run(["prlimit", f"--pid={monitor}", "--nofile=48:4096"], check=True, **izba.options())
    clients = [control.connect(str(run)) for _ in range(60)]
    try:
        eventually(lambda: len(list(Path(f"/proc/{monitor}/fd").iterdir())) > 20)
        os.kill(izba.state(name)["Pid"], signal.SIGKILL)
        eventually(lambda: izba.state(name)["Status"] == "exited")
    finally:
        for client in clients:
            client.close()
    assert izba.state(name)["ExitCode"] == 137


@pytest.mark.parametrize(("limit", "says"), [("nproc=1", "ulimit -u"), ("fsize=4096", "ulimit -f")])
def test_a_limit_of_the_caller_that_is_too_low_is_named_and_leaves_nothing(
    any_izba: Izba, limit: str, says: str
) -> None:
    if any_izba.user is None and limit.startswith("nproc"):
        pytest.skip("root has no such limit")
    command = ["prlimit", f"--{limit}", *any_izba.command, "run", "-d", "--name", any_izba.name(), "busybox", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **any_izba.options())
    assert done.returncode == 125
    assert says in done.stderr
    any_izba.clean()
    any_izba.ok("system", "check", "--repair")
    any_izba.ok("run", "--rm", "--network", "none", "busybox", "true")
    assert any_izba.ok("system", "check") == "no problem found"


@pytest.mark.peer("faketime")
@pytest.mark.parametrize("jump", ["-400d", "+400d"])
def test_a_clock_that_jumps_stops_neither_probes_nor_restarts(any_izba: Izba, place: Path, jump: str) -> None:
    izba, clock = any_izba, place / "clock"
    clock.write_text("+0")
    faked = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    name = izba.name()
    options = ("--network", "none", "--restart", "always", "--health-interval", "100ms", "-v", "/own")
    options += ("--health-cmd", "echo x >>/own/probes; test -e /own/well", "--health-retries", "1")
    command = izba.popen(
        *("run", "-d", "--name", name, *options, "busybox", "sh", "-c", "echo begun; sleep 300"),
        env=izba.environment | faked,
        stdout=subprocess.DEVNULL,
    )
    assert command.wait(120) == 0
    eventually(lambda: izba.state(name)["Health"]["Status"] == "unhealthy")

    clock.write_text(jump)
    izba.ok("exec", name, "touch", "/own/well")
    eventually(lambda: izba.state(name)["Health"]["Status"] == "healthy")
    pid = izba.state(name)["Pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: izba.state(name)["Pid"] not in {0, pid})

    began = time.monotonic()
    eventually(lambda: len(izba.ok("logs", name).splitlines()) == 2)
    shown = izba.ok("ps", "--format", "{{.Names}} {{.Status}}")
    assert f"{name} Up" in shown
    assert json.loads(izba.ok("container", "inspect", name))[0]["RestartCount"] == 1
    izba.ok("stop", "-t", "0", name)
    izba.ok("rm", name)
    assert time.monotonic() - began < 10
