"""Limits of an ordinary user's containers: without a cgroup of their own, and with one that root delegated."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.containers.conftest import Izba, eventually

V1 = Path("/sys/fs/cgroup")
CONTROLLERS = ("memory", "cpu", "pids")
ASKED = ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "20")


@pytest.fixture(params=["range", "single"])
def user(request: pytest.FixtureRequest) -> Iterator[Izba]:
    one: Izba = request.getfixturevalue(f"{request.param}_izba")
    yield one
    one.clean()


@dataclass
class Delegated(Izba):
    """Its commands run in cgroups of the user's own."""

    cgroup: str = ""

    @property
    def command(self) -> list[str]:
        joined = "".join(f"echo $$ >{V1}/{each}/{self.cgroup}/cgroup.procs; " for each in CONTROLLERS)
        return ["sh", "-ec", f'{joined}exec "$@"', "sh", *super().command]

    def value(self, name: str, file: str) -> str:
        controller = file.partition(".")[0]
        return (V1 / controller / self.cgroup / "izba" / self.inspect(name)["Id"] / file).read_text().strip()


@pytest.fixture
def delegated(user: Izba) -> Iterator[Delegated]:
    """As root gives it: a directory of each hierarchy, that can be written to."""
    if not all((V1 / each / "cgroup.procs").exists() for each in CONTROLLERS):
        pytest.skip("this machine has no cgroup v1")
    assert user.user is not None
    name = f"izba-test-{uuid.uuid4().hex[:8]}"
    paths = [V1 / each / name for each in CONTROLLERS]
    for path in paths:
        path.mkdir()
        for each in (path, path / "cgroup.procs"):
            os.chown(each, user.user.uid, user.user.gid)
    izba = Delegated(root=user.root, user=user.user, cgroup=name)
    yield izba
    izba.clean()
    for path in paths:
        eventually(lambda path=path: not (path / "cgroup.procs").read_text())
        for left in (path / "izba", path):
            if left.exists():
                left.rmdir()


def test_without_a_cgroup_limits_are_warned_of_and_left_out(user: Izba) -> None:
    name = user.name()
    done = user("run", "-d", "--name", name, "--network", "none", *ASKED, "busybox", "sleep", "300")
    assert done.returncode == 0
    for sentence in ("memory limit capabilities", "PIDs limit capabilities", "CPU limits", "was delegated to them: "):
        assert done.stderr.count(sentence) == 1, done.stderr
    changed = user("update", "--memory", "128m", "--memory-swap", "-1", name)
    assert (changed.returncode, changed.stdout) == (0, f"{name}\n")
    assert "Limitation discarded" in changed.stderr
    assert "was delegated to them: " in changed.stderr
    assert user.ok("exec", name, "echo", "runs on") == "runs on"


def test_in_a_delegated_cgroup_limits_hold_and_are_changed(delegated: Delegated) -> None:
    name = delegated.name()
    done = delegated("run", "-d", "--name", name, "--network", "none", *ASKED, "busybox", "sleep", "300")
    assert (done.returncode, done.stderr) == (0, "")
    assert delegated.value(name, "memory.limit_in_bytes") == str(64 << 20)
    assert delegated.value(name, "cpu.cfs_quota_us") == "50000"
    assert delegated.value(name, "pids.max") == "20"

    delegated.ok("update", "--memory", "128m", "--memory-swap", "256m", "--pids-limit", "30", name)
    assert delegated.value(name, "memory.limit_in_bytes") == str(128 << 20)
    assert delegated.value(name, "pids.max") == "30"
    forks = delegated("exec", name, "sh", "-c", "for i in $(seq 40); do sleep 1 & done; wait")
    assert "fork" in forks.stderr

    delegated.ok("pause", name)
    assert delegated.state(name)["Status"] == "paused"
    delegated.ok("unpause", name)
    assert delegated.ok("stats", "--no-stream", "--format", "{{.MemUsage}}", name).endswith("/ 128MiB")
    delegated.ok("rm", "-f", name)
    assert not [each for each in (V1 / "memory" / delegated.cgroup / "izba").iterdir() if each.is_dir()]


def test_in_a_delegated_cgroup_too_much_memory_ends_the_container(delegated: Delegated) -> None:
    name = delegated.name()
    script = "dd if=/dev/zero of=/dev/null bs=64M count=1"
    done = delegated(
        "run",
        "--name",
        name,
        "--network",
        "none",
        "--memory",
        "16m",
        "--memory-swap",
        "16m",
        "busybox",
        "sh",
        "-c",
        script,
    )
    assert done.returncode == 137, done.stderr
    assert delegated.state(name)["OOMKilled"]


def test_a_running_container_without_limits_gets_some_in_a_delegated_cgroup(delegated: Delegated) -> None:
    name = delegated.detached("sleep", "300")
    delegated.ok("update", "--memory", "64m", "--memory-swap", "64m", name)
    assert delegated.value(name, "memory.limit_in_bytes") == str(64 << 20)
    members = V1 / "memory" / delegated.cgroup / "izba" / delegated.inspect(name)["Id"] / "cgroup.procs"
    assert str(delegated.state(name)["Pid"]) in members.read_text().split()
