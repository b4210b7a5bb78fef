"""After the machine went down: `izba system resume`; and containers that become unhealthy."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from izba.jsonio import read, write
from izba.linux import process as processes
from izba.monitor import finish
from tests.containers.conftest import Izba, eventually


def take_down(izba: Izba, *names: str) -> None:
    """What a reboot leaves: monitors and containers are gone, and their state is of another boot."""
    for name in names:
        path = str(izba.directory(name) / "state.json")
        value = read(path)
        for key in ("monitor", "process"):
            if value[key]:
                kill(value[key][0])
        write(path, value | {"boot": "another boot"})


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    eventually(lambda: not os.path.exists(f"/proc/{pid}") or processes.state(pid) in "ZX")


def networks_processes(izba: Izba) -> list[int]:
    """The relay of this izba and, rootless, what sits in the user's namespaces for it."""
    log = str(izba.root / "run" / "network" / "relay.log")
    found = []
    for entry in Path("/proc").iterdir():
        try:
            ours = entry.name.isdigit() and (entry / "comm").read_text() in {"izba-network\n", "izba-inside\n"}
            if ours and os.readlink(entry / "fd" / "2") == log:
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def answer(host: str, port: int) -> bytes:
    try:
        with socket.create_connection((host, port), timeout=30) as connection:
            return connection.recv(100)
    except OSError:
        return b""


def detached(izba: Izba, policy: str, *args: str) -> str:
    return izba.detached("sh", "-c", "sleep 100", options=("--restart", policy, *args))


def test_what_its_policy_wants_is_started_and_nothing_else(any_izba: Izba) -> None:
    volume = any_izba.name()
    always, stopped = detached(any_izba, "always", "-v", f"{volume}:/v"), detached(any_izba, "always")
    unless, by_hand = detached(any_izba, "unless-stopped"), detached(any_izba, "unless-stopped")
    failed, plain = detached(any_izba, "on-failure:3"), detached(any_izba, "no")
    never = any_izba.name()
    any_izba.ok("create", "--name", never, "--restart", "always", "--network", "none", "busybox", "sleep", "100")
    any_izba.ok("exec", always, "sh", "-c", "echo kept >/v/file")
    any_izba.ok("stop", "-t", "0", stopped, by_hand)
    take_down(any_izba, always, unless, failed, plain)

    resumed = any_izba.ok("system", "resume").split()

    assert sorted(resumed) == sorted([always, stopped, unless, failed])
    assert {name: any_izba.state(name)["Status"] for name in (always, by_hand, plain, never)} == {
        always: "running", by_hand: "exited", plain: "exited", never: "created",
    }  # fmt: skip
    assert any_izba.ok("exec", always, "cat", "/v/file") == "kept"
    assert any_izba.ok("system", "resume") == ""
    any_izba.clean()
    any_izba.ok("volume", "rm", volume)


def test_who_joins_anothers_namespaces_comes_after_it(any_izba: Izba) -> None:
    first, second = detached(any_izba, "always"), any_izba.name()
    options = ("--name", second, "--restart", "always", "--network", f"container:{first}")
    any_izba.ok("run", "-d", *options, "busybox", "sleep", "100")
    take_down(any_izba, first, second)
    any_izba.ok("rm", first)
    any_izba.ok("run", "-d", "--name", first, "--restart", "always", "--network", "none", "busybox", "sleep", "100")
    take_down(any_izba, first)

    assert any_izba.ok("system", "resume").split() == [first, second], "though it was made later"


def test_a_container_of_rm_that_the_machine_took_down_is_gone_with_its_volume(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "100", options=("--rm", "-v", "/own"))
    (volume,) = (mount["Name"] for mount in any_izba.inspect(name)["Mounts"])
    take_down(any_izba, name)

    any_izba.ok("system", "resume")

    assert any_izba("inspect", name).returncode == 1
    assert any_izba("volume", "inspect", volume).returncode == 1


def test_one_that_cannot_be_started_is_told_and_hinders_no_other(any_izba: Izba, place: Path) -> None:
    (place / "there").mkdir()
    broken, sound = detached(any_izba, "always", "-v", f"{place}/there:/x"), detached(any_izba, "always")
    take_down(any_izba, broken, sound)
    (place / "there").rmdir()

    done = any_izba("system", "resume")

    assert (done.returncode, done.stdout.split()) == (1, [sound])
    assert f"resuming {broken}" in done.stderr
    assert any_izba.state(broken)["Error"] != ""


@pytest.mark.slow  # a removal waits ten seconds for whoever has the container
def test_one_that_cannot_be_removed_is_told_and_hinders_no_other(izba: Izba) -> None:
    held, sound = izba.detached("sleep", "100", options=("--rm",)), detached(izba, "always")
    directory = izba.directory(held)
    take_down(izba, held, sound)
    izba.ok("ps", "-a")  # its end is recorded by who looks first

    lock = finish.lock(str(directory))
    assert lock is not None
    try:
        done = izba("system", "resume")
    finally:
        os.close(lock)

    assert (done.returncode, done.stdout.split()) == (1, [sound])
    assert f"resuming {held}" in done.stderr
    izba.ok("system", "resume")
    assert izba("inspect", held).returncode == 1


def test_a_state_that_a_power_cut_emptied_is_an_end(any_izba: Izba) -> None:
    name = detached(any_izba, "always")
    take_down(any_izba, name)
    (any_izba.directory(name) / "state.json").write_bytes(b"")

    assert any_izba.state(name)["Status"] == "exited"
    assert any_izba.ok("system", "resume") == name


# -- unhealthy

SICK = ("--health-cmd", "test ! -e /sick", "--health-interval", "60ms", "--health-retries", "1")


@pytest.mark.parametrize("how", [("--health-on-failure", "restart"), ("--label", "izba.health-on-failure=restart")])
def test_an_unhealthy_container_is_restarted_when_asked(any_izba: Izba, how: tuple[str, ...]) -> None:
    script = "test -e /ran && rm /sick; touch /ran; trap 'exit 0' TERM; while :; do sleep 0.05; done"
    name = any_izba.detached("sh", "-c", script, options=(*SICK, *how))
    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "healthy")

    any_izba.ok("exec", name, "touch", "/sick")

    eventually(lambda: any_izba.inspect(name)["RestartCount"] >= 1)  # a probe may be quicker than the shell's rm
    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "healthy")


def test_an_unhealthy_container_is_stopped_or_killed_when_asked(any_izba: Izba) -> None:
    script = ("sh", "-c", "trap 'exit 3' TERM; touch /sick; while :; do sleep 0.05; done")
    stopped = any_izba.detached(*script, options=(*SICK, "--health-on-failure", "stop", "--restart", "always"))
    killed = any_izba.detached(*script, options=(*SICK, "--health-on-failure", "kill", "--restart", "on-failure:1"))

    eventually(lambda: any_izba.state(stopped)["Status"] == "exited")
    eventually(lambda: any_izba.state(killed)["Status"] == "exited")

    assert (any_izba.state(stopped)["ExitCode"], any_izba.inspect(stopped)["RestartCount"]) == (3, 0)
    assert (any_izba.state(killed)["ExitCode"], any_izba.inspect(killed)["RestartCount"]) == (137, 1)


def test_probes_come_at_the_start_interval_while_it_starts(any_izba: Izba) -> None:
    check = ("--health-cmd", "test -e /up", "--health-interval", "1h", "--health-start-period", "30s",
             "--health-start-interval", "50ms", "--health-retries", "1")  # fmt: skip
    name = any_izba.detached("sleep", "100", options=check)
    eventually(lambda: len(any_izba.state(name)["Health"]["Log"]) > 2)

    assert any_izba.state(name)["Health"]["Status"] == "starting", "failures while it starts do not count"
    any_izba.ok("exec", name, "touch", "/up")

    eventually(lambda: any_izba.state(name)["Health"]["Status"] == "healthy")


def test_an_action_that_is_none_is_refused(any_izba: Izba) -> None:
    assert "invalid --health-on-failure" in any_izba("run", "--health-on-failure", "pray", "busybox", "true").stderr
    name = any_izba.name()
    options = ("--label", "izba.health-on-failure=pray", "--health-cmd", "true")
    assert any_izba("run", "-d", "--name", name, *options, "busybox", "true").returncode == 125


# -- backoff


def test_delays_are_dockers() -> None:
    from izba.monitor.plan import RestartPlan
    from izba.monitor.restart import Ended, delay_before_restart

    def delays(seconds: float, count: int) -> list[float]:
        found, delay = [], 0.0
        for number in range(count):
            ended = Ended(exit_code=1, seconds=seconds, restarts=number, delay=delay, stopped_by_user=False)
            delay = delay_before_restart(RestartPlan(name="always"), ended) or 0
            found.append(delay)
        return found

    assert delays(0.1, 12) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2, 60.0, 60.0]
    assert delays(10.0, 3) == [0.1, 0.1, 0.1]


def test_names_and_ports_are_back_after_the_networks_process_went_down_too(any_izba: Izba) -> None:
    network = any_izba.name()
    any_izba.ok("network", "create", network)
    first, second = any_izba.name(), any_izba.name()
    common = ("--restart", "always", "--network", network)
    serve = "while :; do echo hello | nc -l -p 80; done"
    any_izba.ok("run", "-d", "--name", first, *common, "-p", "127.0.0.1::80", "busybox", "sh", "-c", serve)
    any_izba.ok("run", "-d", "--name", second, *common, "busybox", "sleep", "100")
    services = networks_processes(any_izba)
    assert services
    take_down(any_izba, first, second)
    for pid in services:
        kill(pid)

    assert set(any_izba.ok("system", "resume").split()) == {first, second}

    eventually(lambda: any_izba("exec", second, "nc", "-w", "10", first, "80").stdout == "hello\n")
    port = any_izba.ok("port", first, "80").rpartition(":")[2]
    eventually(lambda: answer("127.0.0.1", int(port)) == b"hello\n")
    any_izba.clean()
    any_izba.ok("network", "rm", network)
