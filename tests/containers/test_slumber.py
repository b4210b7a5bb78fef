"""A monitor that sleeps is nobody's concern: all goes on as if it were awake."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from izba.jsonio import read
from izba.linux import process as processes
from tests.containers.conftest import Izba, eventually
from tests.containers.test_lifecycle import monitor_of
from tests.containers.test_resume import kill, networks_processes
from tests.containers.test_streams import Terminal

LISTEN = 'trap "echo bye; exit 4" TERM; echo listening; printf part; while :; do sleep 0.05; done'


@pytest.fixture(autouse=True)
def sleepy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Monitors sleep as soon as they can."""
    monkeypatch.setenv("IZBA_SLEEP_AFTER", "0.05")


def is_asleep(pid: int) -> bool:
    """Whether the monitor is the program that sleeps, and sleeps."""
    executable = os.readlink(f"/proc/{pid}/exe")
    return "memfd:izba-monitor" in executable and processes.state(pid) == "S"


def asleep(izba: Izba, *args: str, options: tuple[str, ...] = ()) -> str:
    """A container whose monitor sleeps; its name."""
    name = izba.detached(*args, options=options)
    wait_until_asleep(izba, name)
    return name


def listening_asleep(izba: Izba, script: str, *, options: tuple[str, ...] = ()) -> str:
    """The same with a shell that has its traps set."""
    name = izba.listening(script, options=options)
    wait_until_asleep(izba, name)
    return name


def wait_until_asleep(izba: Izba, name: str) -> None:
    monitor = monitor_of(izba, name)
    eventually(lambda: is_asleep(monitor))


def test_it_takes_kilobytes_and_is_the_same_process(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "60")
    before = (any_izba.directory(name) / "state.json").read_bytes()
    wait_until_asleep(any_izba, name)

    monitor = monitor_of(any_izba, name)
    rollup = Path(f"/proc/{monitor}/smaps_rollup").read_text().splitlines()
    pss = next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))

    assert pss < 64
    assert (any_izba.directory(name) / "state.json").read_bytes() == before
    assert any_izba.state(name)["Running"] is True
    assert any_izba.ok("exec", name, "echo", "in") == "in"


def test_a_stop_wakes_it_and_the_end_is_recorded(any_izba: Izba) -> None:
    name = listening_asleep(any_izba, LISTEN)

    any_izba.ok("stop", name)

    state = any_izba.state(name)
    assert (state["Status"], state["ExitCode"], state["Pid"]) == ("exited", 4, 0)
    assert any_izba.ok("logs", name) == "listening\npartbye"  # the line that was begun before it slept goes on


def test_an_end_of_its_own_wakes_it(any_izba: Izba) -> None:
    name = listening_asleep(any_izba, "trap 'exit 7' USR1; echo listening; while :; do sleep 0.05; done")

    os.kill(any_izba.state(name)["Pid"], signal.SIGUSR1)

    assert any_izba.ok("wait", name) == "7"


def test_it_sleeps_again_and_wakes_again(any_izba: Izba) -> None:
    name = listening_asleep(
        any_izba, "trap 'echo one' USR1; trap 'echo two' USR2; echo listening; while :; do sleep 0.05; done"
    )
    for number, text in ((signal.SIGUSR1, "listening\none"), (signal.SIGUSR2, "listening\none\ntwo")):
        os.kill(any_izba.state(name)["Pid"], number)
        eventually(lambda text=text: any_izba.ok("logs", name) == text)  # type: ignore[misc]
        wait_until_asleep(any_izba, name)

    assert any_izba.state(name)["Running"] is True


def test_who_attaches_wakes_it_and_input_gets_through(izba: Izba) -> None:
    name = asleep(izba, "sh", "-c", "read line; echo got $line; exit 5", options=("-i",))

    done = izba("attach", name, input="words\n")

    assert (done.stdout, done.returncode) == ("got words\n", 5)


def test_a_terminal_survives_it(izba: Izba) -> None:
    name = asleep(izba, "sh", "-c", "stty -echo; echo ready; read line; echo got $line; exit 6", options=("-it",))
    terminal = Terminal(izba, "attach", name)
    terminal.type("words\n")
    terminal.expect("got words")

    assert terminal.wait() == 6


def test_a_restart_policy_holds(any_izba: Izba) -> None:
    name = asleep(any_izba, "sleep", "60", options=("--restart", "on-failure:1"))
    first = any_izba.state(name)["Pid"]

    os.kill(first, signal.SIGKILL)
    eventually(lambda: any_izba.state(name)["Pid"] not in {0, first})
    wait_until_asleep(any_izba, name)
    os.kill(any_izba.state(name)["Pid"], signal.SIGKILL)
    eventually(lambda: not any_izba.state(name)["Running"])

    assert any_izba.inspect(name)["RestartCount"] == 1


def test_a_policy_that_was_changed_before_is_kept(izba: Izba) -> None:
    name = asleep(izba, "sleep", "60", options=("--restart", "always"))
    izba.ok("update", "--restart", "no", name)
    wait_until_asleep(izba, name)

    os.kill(izba.state(name)["Pid"], signal.SIGKILL)

    assert izba.ok("wait", name) == "137"
    assert izba.inspect(name)["RestartCount"] == 0


def test_a_container_that_is_removed_at_its_end_is(any_izba: Izba) -> None:
    name = asleep(any_izba, "sleep", "60", options=("--rm",))

    any_izba.ok("kill", name)

    eventually(lambda: any_izba("container", "inspect", name).returncode == 1)


def test_pause_and_unpause(izba: Izba) -> None:
    name = asleep(izba, "sleep", "60")

    izba.ok("pause", name)
    wait_until_asleep(izba, name)
    izba.ok("unpause", name)

    assert izba.state(name)["Status"] == "running"


def test_to_terminate_the_monitor_stops_the_container(izba: Izba) -> None:
    name = listening_asleep(izba, LISTEN)

    os.kill(monitor_of(izba, name), signal.SIGTERM)

    assert izba.ok("wait", name) == "4"


def test_a_stop_that_waits_for_ever_keeps_it_awake_and_is_told(izba: Izba) -> None:
    name = listening_asleep(
        izba,
        "trap : TERM; trap 'exit 3' USR1; echo listening; while :; do sleep 0.05; done",
        options=("--stop-timeout", "-1"),
    )
    monitor = monitor_of(izba, name)
    os.kill(monitor, signal.SIGTERM)
    eventually(lambda: read(str(izba.directory(name) / "state.json"))["stopped_by_user"])
    until = time.monotonic() + 0.6  # many times what it takes to fall asleep
    while time.monotonic() < until:
        assert not is_asleep(monitor)
    os.kill(izba.state(name)["Pid"], signal.SIGUSR1)

    assert izba.ok("wait", name) == "3"
    told = izba.ok(
        "events", "--since", "1m", "--until", "0s", "--filter", f"container={name}", "--format", "{{.Action}}"
    )
    assert "stop" in told.splitlines()


def test_one_that_is_killed_asleep_is_a_killed_monitor(any_izba: Izba) -> None:
    name = asleep(any_izba, "sleep", "60")
    pid = any_izba.state(name)["Pid"]
    began = processes.start_time(pid)

    os.kill(monitor_of(any_izba, name), signal.SIGKILL)

    eventually(lambda: any_izba.state(name)["Status"] == "exited")
    assert any_izba.state(name)["ExitCode"] == 255
    assert not processes.is_alive(pid, began)
    assert any_izba.ok("start", name) == name


def test_names_are_answered_again_after_the_networks_process_was_killed_while_it_slept(any_izba: Izba) -> None:
    """What it starts in its place has all that izba was installed with, wherever that is."""
    name, network = any_izba.name(), f"n{os.urandom(4).hex()}"
    any_izba.ok("network", "create", network)
    any_izba.ok("run", "-d", "--name", name, "--network", network, "busybox", "sleep", "1000")
    wait_until_asleep(any_izba, name)
    for pid in networks_processes(any_izba):
        kill(pid)

    eventually(lambda: any_izba("exec", name, "nslookup", name, "127.0.0.11").returncode == 0)
    any_izba.clean()
    any_izba.ok("network", "rm", network)


def test_orphans_that_came_while_it_slept_are_reaped(izba: Izba) -> None:
    name = listening_asleep(
        izba, "trap '(true &)' USR1; echo listening; while :; do sleep 0.05; done", options=("--pid", "host")
    )
    monitor = monitor_of(izba, name)

    os.kill(izba.state(name)["Pid"], signal.SIGUSR1)

    init = izba.state(name)["Pid"]
    eventually(lambda: is_asleep(monitor) and _children(monitor) == [init])


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_monitor_with_probes_stays_awake(izba: Izba) -> None:
    options = ("--health-cmd", "true", "--health-interval", "0.1s")
    name = izba.detached("sleep", "60", options=options)
    eventually(lambda: izba.state(name)["Health"]["Status"] == "healthy")

    assert "memfd" not in os.readlink(f"/proc/{monitor_of(izba, name)}/exe")


def test_a_command_in_the_foreground_keeps_it_awake(izba: Izba) -> None:
    name = izba.name()
    command = ("run", "--name", name, "--network", "none", "busybox", "sh", "-c", "sleep 0.5; echo late")
    with izba.popen(*command, stdout=subprocess.PIPE) as running:
        assert running.communicate(timeout=60)[0] == "late\n"
