"""Containers come, stop, start again and go, whoever is killed meanwhile."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from izba.jsonio import loads
from izba.linux import process as processes
from tests.containers.conftest import Izba, eventually


def monitor_of(izba: Izba, name: str) -> int:
    from izba.jsonio import read

    pid: int = read(str(izba.directory(name) / "state.json"))["monitor"][0]
    return pid


def test_stop_start_restart_and_their_states(any_izba: Izba) -> None:
    name = any_izba.listening("trap 'exit 4' TERM; echo listening; while :; do sleep 0.05; done")

    assert any_izba.ok("stop", name) == name
    stopped = any_izba.state(name)
    any_izba.ok("start", name)
    started = any_izba.state(name)
    any_izba.ok("restart", "-t", "0", name)

    assert (stopped["Status"], stopped["ExitCode"], stopped["Pid"]) == ("exited", 4, 0)
    assert started["Running"] is True
    assert any_izba.state(name)["Pid"] != started["Pid"]


def test_stop_kills_what_does_not_listen_after_its_patience(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "60")
    start = time.monotonic()

    any_izba.ok("stop", "-t", "1", name)

    assert 1 <= time.monotonic() - start < 8
    assert any_izba.state(name)["ExitCode"] == 137


def test_stopping_what_is_stopped_and_starting_what_runs_is_no_error(izba: Izba) -> None:
    name = izba.detached("sleep", "60")

    assert izba.ok("start", name) == name
    izba.ok("kill", name)
    izba.ok("wait", name)
    assert izba.ok("stop", name) == name


def test_kill_needs_a_running_container(izba: Izba) -> None:
    name = izba.detached("true")
    izba.ok("wait", name)

    done = izba("kill", name)

    assert done.returncode == 1
    assert "is not running" in done.stderr


def test_wait_prints_the_exit_code_of_each(izba: Izba) -> None:
    first, second = izba.detached("sh", "-c", "sleep 0.3; exit 6"), izba.detached("sh", "-c", "exit 7")

    assert izba.ok("wait", first, second).split() == ["6", "7"]


def test_rm_refuses_a_running_container_unless_forced(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "60")

    refused = any_izba("rm", name)
    any_izba.ok("rm", "-f", name)

    assert (refused.returncode, "stop the container before removing" in refused.stderr) == (1, True)
    assert any_izba("inspect", name).returncode == 1


def test_rm_of_nothing_fails_but_not_with_force(izba: Izba) -> None:
    assert izba("rm", "nosuch").returncode == 1
    assert izba("rm", "-f", "nosuch").returncode == 0


@pytest.mark.parametrize("limits", [(), ("--memory", "64m")], ids=["without a limit", "with a limit"])
def test_pause_freezes_and_unpause_thaws(any_izba: Izba, limits: tuple[str, ...]) -> None:
    name = any_izba.detached("sh", "-c", "while :; do echo tick; sleep 0.02; done", options=limits)

    any_izba.ok("pause", name)
    seen = [""]

    def stands_still() -> bool:
        seen.append(any_izba.ok("logs", name))
        return seen[-1] == seen[-2]

    # What was written before is yet to come where the monitor is behind; many ticks fit into the time of two looks.
    eventually(stands_still)
    time.sleep(0.3)
    after = any_izba.ok("logs", name)
    status = any_izba.state(name)["Status"]
    refused = any_izba("exec", name, "true")
    any_izba.ok("unpause", name)

    assert after == seen[-1]
    assert status == "paused"
    assert "is paused" in refused.stderr
    eventually(lambda: len(any_izba.ok("logs", name)) > len(after))


def test_a_paused_container_can_be_stopped_and_removed(any_izba: Izba) -> None:
    first, second = any_izba.detached("sleep", "60"), any_izba.detached("sleep", "60")
    any_izba.ok("pause", first, second)

    any_izba.ok("stop", "-t", "1", first)
    any_izba.ok("rm", "-f", second)

    assert any_izba.state(first)["Status"] == "exited"


def test_rename(izba: Izba) -> None:
    name, other = izba.detached("sleep", "60"), izba.name()

    izba.ok("rename", name, other)

    assert izba.state(other)["Running"] is True
    assert izba("inspect", name).returncode == 1


# -- restart policies


def test_on_failure_restarts_as_often_as_it_says(any_izba: Izba) -> None:
    name = any_izba.detached("sh", "-c", "echo run; exit 9", options=("--restart", "on-failure:2"))

    eventually(lambda: any_izba.state(name)["Status"] == "exited")

    assert any_izba.inspect(name)["RestartCount"] == 2
    assert any_izba.ok("logs", name).split() == ["run"] * 3


@pytest.mark.parametrize("policy", ["always", "unless-stopped"])
def test_always_restarts_until_it_is_stopped(any_izba: Izba, policy: str) -> None:
    name = any_izba.detached("sh", "-c", "sleep 0.05", options=("--restart", policy))
    eventually(lambda: any_izba.inspect(name)["RestartCount"] >= 2)

    any_izba.ok("stop", "-t", "0", name)

    assert any_izba.state(name)["Status"] == "exited"


def test_each_wait_is_longer_than_the_one_before_and_can_be_ended(any_izba: Izba) -> None:
    since = time.time()
    names = {verb: any_izba.detached("false", options=("--restart", "always")) for verb in ("kill", "stop")}
    for verb, name in names.items():
        # The wait before the sixth start is 3.2 s, and it has only begun when it is seen.
        eventually(
            lambda name=name: (found := any_izba.inspect(name))["RestartCount"] >= 5 and found["State"]["Restarting"]
        )  # type: ignore[misc]

        any_izba.ok(verb, name)

        state = any_izba.state(name)
        assert (state["Status"], state["ExitCode"], state["Error"]) == ("exited", 1, "")
        told = any_izba.ok(
            *("events", "--since", str(since), "--until", "0s", "--format", "json"),
            *("--filter", f"container={name}", "--filter", "event=start", "--filter", "event=die"),
        )
        events = [(event["Action"], event["timeNano"] / 1e9) for event in map(loads, told.splitlines())]
        waits = [after - before for (action, before), (_, after) in pairwise(events) if action == "die"]
        assert len(waits) == 5
        assert all(wait >= 0.1 * 2**number for number, wait in enumerate(waits)), waits


def test_a_success_is_not_restarted_on_failure_and_a_failure_not_without_a_policy(any_izba: Izba) -> None:
    success = any_izba.detached("true", options=("--restart", "on-failure"))
    failure = any_izba.detached("false", options=("--restart", "no"))

    any_izba.ok("wait", success, failure)

    assert [any_izba.inspect(name)["RestartCount"] for name in (success, failure)] == [0, 0]
    assert [any_izba.state(name)["Status"] for name in (success, failure)] == ["exited"] * 2


# -- health


def test_health_goes_from_starting_to_healthy_to_unhealthy(any_izba: Izba) -> None:
    check = ("--health-cmd", "cat /tmp/ok", "--health-interval", "100ms", "--health-retries", "2")
    name = any_izba.detached("sh", "-c", "touch /tmp/ok; exec sleep 60", options=check)

    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "healthy")
    assert "(healthy)" in any_izba.ok("ps", "--filter", f"name={name}", "--format", "{{.Status}}")
    any_izba.ok("exec", name, "rm", "/tmp/ok")
    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "unhealthy")

    health = any_izba.state(name)["Health"]
    assert health["FailingStreak"] >= 2
    assert len(health["Log"]) <= 5
    assert "No such file" in health["Log"][-1]["Output"]
    assert health["Log"][-1]["ExitCode"] == 1


def test_a_probe_that_takes_too_long_is_killed(any_izba: Izba) -> None:
    check = (
        "--health-cmd",
        "echo at work; sleep 60",
        "--health-interval",
        "50ms",
        "--health-timeout",
        "200ms",
        "--health-retries",
        "1",
    )
    name = any_izba.detached("sleep", "60", options=check)

    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "unhealthy")

    assert any_izba.state(name)["Health"]["Log"][-1]["ExitCode"] == -1
    assert any_izba.state(name)["Health"]["Log"][-1]["Output"] == "Health check exceeded timeout (200ms): at work\n"


def test_what_a_probe_leaves_running_holds_up_nothing_and_much_output_is_cut(any_izba: Izba) -> None:
    check = ("--health-cmd", "sleep 600 & head -c 5000 /dev/zero | tr '\\0' x", "--health-interval", "1s")
    name = any_izba.detached("sleep", "60", options=(*check, "--health-start-period", "60s"))

    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "healthy")

    state = any_izba.state(name)
    first = state["Health"]["Log"][0]
    assert first["Output"] == "x" * 4096 + "..."
    assert moment(first["Start"]) - moment(state["StartedAt"]) < timedelta(seconds=5), "at its interval at the latest"


def test_a_paused_container_is_not_probed(any_izba: Izba) -> None:
    check = ("--health-cmd", "echo probed", "--health-interval", "50ms")
    name = any_izba.detached("sleep", "60", options=check)
    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "healthy")

    any_izba.ok("pause", name)
    paused = datetime.now(UTC)
    time.sleep(0.5)  # ten intervals, in which nothing is to be seen
    before = any_izba.state(name)["Health"]
    unpaused = datetime.now(UTC)
    any_izba.ok("unpause", name)

    assert (before["Status"], before["FailingStreak"]) == ("healthy", 0)
    eventually(lambda: moment(any_izba.state(name)["Health"]["Log"][-1]["Start"]) > unpaused)
    health = any_izba.state(name)["Health"]
    assert [probe for probe in health["Log"] if paused < moment(probe["Start"]) < unpaused] == []
    assert {probe["ExitCode"] for probe in health["Log"]} == {0}


@pytest.fixture
def probed(any_izba: Izba, busybox_archive: Path) -> Iterator[str]:
    """An image whose probe fails until /up is there, every 200 ms."""
    check = "HEALTHCHECK --interval=200ms --timeout=5s --retries=3 CMD echo probed; test -e /up"
    any_izba.ok("import", "-c", check, str(busybox_archive), "probed")
    yield "probed"
    any_izba.clean()
    any_izba.ok("rmi", "probed")


def moment(text: str) -> datetime:
    """RFC 3339, whose nanoseconds a `datetime` has no room for."""
    return datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", text))


def test_an_images_probe_comes_at_its_interval_and_counts_to_its_retries(any_izba: Izba, probed: str) -> None:
    name, seen = any_izba.name(), []
    any_izba.ok("run", "-d", "--name", name, "--network", "none", probed, "sleep", "60")

    while not seen or seen[-1]["Status"] == "starting":
        seen.append(any_izba.state(name)["Health"])

    assert {health["Status"] for health in seen if health["FailingStreak"] < 3} == {"starting"}
    assert {health["Status"] for health in seen if health["FailingStreak"] >= 3} == {"unhealthy"}
    log = seen[-1]["Log"]
    assert {(probe["ExitCode"], probe["Output"]) for probe in log} == {(1, "probed\n")}
    pauses = [moment(after["Start"]) - moment(before["End"]) for before, after in pairwise(log)]
    assert min(pauses) >= timedelta(seconds=0.2)
    any_izba.ok("exec", name, "touch", "/up")
    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "healthy")
    assert any_izba.state(name)["Health"]["FailingStreak"] == 0


def test_flags_change_an_images_probe_or_drop_it(any_izba: Izba, probed: str) -> None:
    changed, dropped = any_izba.name(), any_izba.name()
    flags = ("--health-start-period", "500ms", "--health-start-interval", "50ms", "--health-retries", "1")
    began = time.monotonic()
    any_izba.ok("run", "-d", "--name", changed, "--network", "none", *flags, probed, "sleep", "60")
    any_izba.ok("run", "-d", "--name", dropped, "--network", "none", "--no-healthcheck", probed, "sleep", "60")

    eventually(lambda: any_izba.state(changed)["Health"]["Status"] == "unhealthy")

    assert time.monotonic() - began > 0.5, "failures count once the start period is over"
    check = any_izba.inspect(changed)["Config"]["Healthcheck"]
    assert (check["Test"], check["Interval"]) == (["CMD-SHELL", "echo probed; test -e /up"], 200_000_000)
    assert "Health" not in any_izba.state(dropped)


# -- kill -9


def test_a_container_whose_monitor_is_killed_is_ended_by_the_next_look(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "60")
    init, monitor = any_izba.state(name)["Pid"], monitor_of(any_izba, name)

    os.kill(monitor, signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{monitor}") or processes.state(monitor) == "Z")
    state = any_izba.state(name)

    assert (state["Status"], state["ExitCode"]) == ("exited", 255)
    eventually(lambda: not os.path.exists(f"/proc/{init}") or processes.state(init) == "Z")
    any_izba.ok("start", name)
    assert any_izba.state(name)["Running"] is True


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1, 0.15])
def test_a_command_killed_at_any_moment_leaves_what_can_be_removed(izba: Izba, moment: float) -> None:
    name = izba.name()
    process = izba.popen("run", "-d", "--name", name, "busybox", "sleep", "60", stdout=subprocess.DEVNULL)
    time.sleep(0.1 + moment)
    process.kill()
    process.wait()
    time.sleep(0.3)

    if name in izba.ok("ps", "-a", "--format", "{{.Names}}").split():
        izba.ok("rm", "-f", name)
    izba.ok("run", "--rm", "--name", name, "busybox", "true")

    assert izba.ok("ps", "-aq") == ""


def test_two_starts_at_once_make_one_run(any_izba: Izba) -> None:
    name = any_izba.name()
    any_izba.ok("create", "--name", name, "busybox", "sh", "-c", "echo run; exec sleep 60")

    starts = [any_izba.popen("start", name, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(6)]
    for start in starts:
        start.wait(60)

    eventually(lambda: any_izba.ok("logs", name) == "run")
    assert any_izba.state(name)["Running"] is True


def test_a_start_waits_for_who_is_about_to_let_go_of_the_container(any_izba: Izba) -> None:
    name = any_izba.name()
    any_izba.ok("create", "--name", name, "--network", "none", "busybox", "sleep", "60")
    held = os.open(any_izba.directory(name), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    start = any_izba.popen("start", name, stdout=subprocess.DEVNULL)
    time.sleep(0.5)  # as the monitor of the run before, where it has to wait for the processor
    os.close(held)

    assert start.wait(60) == 0
    assert any_izba.state(name)["Running"] is True


def test_a_reboot_is_seen_without_repair(any_izba: Izba) -> None:
    from izba.jsonio import read, write

    name = any_izba.detached("sleep", "60")
    path = str(any_izba.directory(name) / "state.json")
    value = read(path)
    any_izba.ok("kill", name)
    any_izba.ok("wait", name)

    write(path, value | {"boot": "another boot"})

    assert any_izba.state(name)["ExitCode"] == 255
    any_izba.ok("start", name)


def test_an_idle_container_costs_little_memory(izba: Izba) -> None:
    name = izba.detached("sleep", "60")
    monitor = monitor_of(izba, name)
    time.sleep(1.5)

    with open(f"/proc/{monitor}/smaps_rollup") as file:
        sizes = dict(line.split()[:2] for line in file.read().splitlines()[1:])

    # The goal is 3 MB (decisions, 7), of which a bare interpreter takes 2.9: this keeps what is reached from growing.
    # Clean pages of files are shared with every other Python, so how many are counted here is their matter.
    assert int(sizes["Pss_Anon:"]) < 4500, sizes


# -- containers that share pids


def sharing(izba: Izba, pid: str, script: str, *options: str) -> tuple[str, str]:
    """A container in another's pid namespace, or the host's, and a word that only its processes have."""
    word = f"w{os.urandom(6).hex()}"
    name = izba.detached("sh", "-c", script.replace("WORD", word), options=("--pid", pid, *options))
    eventually(lambda: izba.ok("logs", name) == "listening")
    return name, word


def having(word: str) -> set[int]:
    """Processes that have the word on their command line, and have not ended."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            command = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if command.startswith(b"sh\0") and f": {word}".encode() in command:
                found.add(int(entry.name))
        except OSError:
            continue
    return found


LEAVES_ONE = "(sh -c ': WORD; while :; do sleep 0.05; done') & echo listening; : WORD; while :; do sleep 0.05; done"


@pytest.mark.parametrize("whose", ["container", "host"])
def test_who_shares_pids_leaves_no_process(any_izba: Izba, whose: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IZBA_SLEEP_AFTER", "0.05")
    owner = any_izba.detached("sleep", "300")
    pid = f"container:{owner}" if whose == "container" else "host"
    for end in ("kill", "stop", "monitor"):
        name, word = sharing(any_izba, pid, LEAVES_ONE)
        assert len(having(word)) >= 2
        if end == "monitor":
            os.kill(monitor_of(any_izba, name), signal.SIGKILL)
            eventually(lambda name=name: any_izba.state(name)["ExitCode"] == 255)  # type: ignore[misc]
        else:
            any_izba.ok(end, *(("-t", "0") if end == "stop" else ()), name)
        eventually(lambda word=word: not having(word))  # type: ignore[misc]
    assert any_izba.state(owner)["Running"] is True


@pytest.mark.parametrize("whose", ["container", "host"])
def test_a_pause_stops_nobody_who_shares_pids(any_izba: Izba, whose: str) -> None:
    ticks = "echo listening; while :; do date +%s%N >/tick; sleep 0.02; done"
    owner = any_izba.listening(ticks)
    name, word = sharing(any_izba, f"container:{owner}" if whose == "container" else "host", LEAVES_ONE)

    any_izba.ok("pause", name)

    assert {processes.state(pid) for pid in having(word)} == {"T"}
    seen = any_izba.ok("exec", owner, "cat", "/tick")
    eventually(lambda: any_izba.ok("exec", owner, "cat", "/tick") != seen)
    any_izba.ok("unpause", name)
    eventually(lambda: "T" not in {processes.state(pid) for pid in having(word)})
    any_izba.ok("pause", owner)
    assert "T" not in {processes.state(pid) for pid in having(word)}
    assert word not in any_izba.ok("top", owner)
    any_izba.ok("unpause", owner)
