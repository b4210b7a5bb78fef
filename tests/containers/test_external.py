"""`--runtime crun|runc`: the same commands, over other runtimes, for root and for ordinary users."""

from __future__ import annotations

import pytest

from tests.containers.conftest import Izba

pytestmark = [pytest.mark.root, pytest.mark.peer("crun", "runc")]


@pytest.fixture(params=["crun", "runc"])
def runtime(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_run_exec_and_restart(any_izba: Izba, runtime: str) -> None:
    name = any_izba.detached("sleep", "100", options=("--runtime", runtime))

    assert any_izba("exec", name, "sh", "-c", "exit 3").returncode == 3
    assert any_izba.ok("exec", "-i", name, "cat", input="hello") == "hello"
    assert any_izba("exec", name, "no-such-command").returncode == 127
    any_izba.ok("restart", "-t", "0", name)
    assert any_izba.state(name)["Status"] == "running"


def test_an_end_leaves_nothing_in_the_runtimes_own_records(any_izba: Izba, runtime: str) -> None:
    assert any_izba("run", "--rm", "--runtime", runtime, "--network", "none", "busybox", "false").returncode == 1

    records = any_izba.root / "run" / "runtime" / runtime
    assert records.is_dir()
    assert list(records.iterdir()) == []


def test_a_runtime_that_refuses_exits_with_125(izba: Izba) -> None:
    done = izba("run", "--rm", "--runtime", "/bin/false", "--network", "none", "busybox", "true")

    assert done.returncode == 125
    assert "false create" in done.stderr


def test_its_limits_are_set_and_their_cgroup_goes(izba: Izba, runtime: str) -> None:
    name = izba.detached("sleep", "100", options=("--runtime", runtime, "--memory", "32m"))

    assert izba.inspect(name)["HostConfig"]["Memory"] == 32 << 20
    assert izba.inspect(name)["Id"] in izba.ok("exec", name, "cat", "/proc/self/cgroup")
    izba.ok("rm", "-f", name)


@pytest.mark.peer("runc")
def test_a_part_of_a_volume_is_refused_with_the_remedy(izba: Izba) -> None:
    volume = izba.name()
    mount = f"type=volume,src={volume},dst=/v,volume-subpath=a"

    done = izba("run", "--rm", "--runtime", "runc", "--network", "none", "--mount", mount, "busybox", "true")

    assert done.returncode == 125
    assert "volume-subpath is of izba's own runtime, not of runc" in done.stderr
    assert "hint: leave --runtime out" in done.stderr
    assert izba.ok("volume", "rm", volume) == volume
