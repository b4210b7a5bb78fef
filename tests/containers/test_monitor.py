"""A container's monitor where clients give up, processes outlive the init, and the machine refuses it a child."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.monitor import control, state
from tests.containers.conftest import Izba, eventually


def monitor_of(izba: Izba, name: str) -> int:
    """The pid of the container's monitor."""
    found = state.recorded(str(izba.directory(name))).monitor
    assert found is not None
    return found.pid


def run_directory(izba: Izba, name: str) -> str:
    return str(izba.root / "run" / "containers" / izba.inspect(name)["Id"])


def test_requests_that_were_given_up_cost_the_monitor_nothing(any_izba: Izba) -> None:
    """Whoever waits for an end may be interrupted: each would keep a descriptor, and the monitor awake, for good."""
    izba = any_izba
    name = izba.detached("sleep", "300")
    run, monitor = run_directory(izba, name), monitor_of(izba, name)
    descriptors = Path(f"/proc/{monitor}/fd")
    before = len(os.listdir(descriptors))
    given_up = [control.connect(run) for _ in range(20)]
    for connection in given_up:
        connection.sendall(b'{"verb": "wait"}\n')
    eventually(lambda: len(os.listdir(descriptors)) == before + 20)

    waiting = control.connect(run)
    waiting.sendall(b'{"verb": "wait"}\n')
    eventually(lambda: len(os.listdir(descriptors)) == before + 21)
    for connection in given_up:
        connection.close()
    eventually(lambda: len(os.listdir(descriptors)) == before + 1)
    os.kill(izba.state(name)["Pid"], signal.SIGKILL)
    assert waiting.recv(100) == b'{"exit_code":137}\n'
    waiting.close()


def test_an_end_is_seen_while_a_process_of_the_hosts_namespace_goes_on_writing(izba: Izba) -> None:
    name = izba.name()
    izba.ok(
        "run", "-d", "--name", name, "--pid", "host", "busybox", "sh", "-c", "cat /dev/zero & cat /dev/zero & sleep 0.2"
    )
    assert izba("wait", name, timeout=30).stdout.strip() == "0"


@pytest.fixture(params=["range", "single"])
def user_izba(request: pytest.FixtureRequest) -> Iterator[Izba]:
    """An ordinary user's."""
    one: Izba = request.getfixturevalue(f"{request.param}_izba")
    yield one
    one.clean()


def allow_no_child(izba: Izba, pid: int) -> None:
    """As if its user had as many processes as they may have. By its owner: root has no such limit."""
    subprocess.run(["prlimit", f"--pid={pid}", "--nproc=1:"], check=True, **izba.options())


def allow_children(izba: Izba, pid: int) -> None:
    rows = Path(f"/proc/{pid}/limits").read_text().splitlines()
    (hard,) = (row.split()[-2] for row in rows if row.startswith("Max processes"))
    subprocess.run(["prlimit", f"--pid={pid}", f"--nproc={hard}:"], check=True, **izba.options())


def test_a_probe_that_cannot_be_started_has_failed_and_the_container_runs_on(user_izba: Izba) -> None:
    """EAGAIN: the user has as many processes as they may have."""
    izba = user_izba
    options = ("--health-cmd", "true", "--health-interval", "100ms", "--health-retries", "1")
    name = izba.detached("sleep", "300", options=options)
    eventually(lambda: izba.state(name)["Health"]["Status"] == "healthy")
    monitor, pid = monitor_of(izba, name), izba.state(name)["Pid"]

    allow_no_child(izba, monitor)
    eventually(lambda: izba.state(name)["Health"]["Status"] == "unhealthy")
    assert "Resource temporarily unavailable" in izba.state(name)["Health"]["Log"][-1]["Output"]
    allow_children(izba, monitor)
    eventually(lambda: izba.state(name)["Health"]["Status"] == "healthy")

    assert izba.state(name)["Pid"] == pid


def test_a_restart_that_finds_no_room_for_a_process_is_tried_again(user_izba: Izba) -> None:
    izba = user_izba
    name = izba.detached("sleep", "300", options=("--restart", "always"))
    monitor, pid = monitor_of(izba, name), izba.state(name)["Pid"]

    allow_no_child(izba, monitor)
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: "Resource temporarily unavailable" in izba.state(name)["Error"])
    assert izba.state(name)["Status"] == "restarting"
    descriptors = len(os.listdir(f"/proc/{monitor}/fd"))
    again = izba.inspect(name)["RestartCount"]
    eventually(lambda: izba.inspect(name)["RestartCount"] > again)
    assert len(os.listdir(f"/proc/{monitor}/fd")) == descriptors
    allow_children(izba, monitor)
    eventually(lambda: izba.state(name)["Pid"] not in {0, pid})

    assert monitor_of(izba, name) == monitor


def test_a_container_between_two_runs_cannot_be_paused_and_stays_what_it_is(any_izba: Izba) -> None:
    name = any_izba.detached("false", options=("--restart", "always"))
    eventually(lambda: any_izba.inspect(name)["RestartCount"] >= 4)  # its next delay is above a second
    run = run_directory(any_izba, name)

    eventually(lambda: any_izba.state(name)["Status"] == "restarting")
    answer = control.request(run, {"verb": "paused", "value": True})

    assert "restarting" in answer["error"]
    assert state.recorded(str(any_izba.directory(name))).status in {"restarting", "running"}
    any_izba.ok("stop", "-t", "0", name)
