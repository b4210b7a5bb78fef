"""`stats`, `top` and `update`, and `doctor` and `info`, as root and as both kinds of ordinary user."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.jsonio import loads
from tests.containers.conftest import Izba, eventually


def test_top_lists_the_processes_of_the_container_and_no_others(any_izba: Izba) -> None:
    name = any_izba.detached("sh", "-c", "sleep 431 & exec sleep 432")
    other = any_izba.detached("sleep", "433")
    eventually(lambda: "sleep 432" in any_izba.ok("top", name) and "sleep 431" in any_izba.ok("top", name))
    header, *lines = any_izba.ok("top", name).splitlines()
    assert header.split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    assert sorted(line.split()[-1] for line in lines) == ["431", "432"]
    assert "433" in any_izba.ok("top", other)


def test_top_with_options_asks_ps(any_izba: Izba) -> None:
    name = any_izba.detached("sleep", "434")
    assert any_izba.ok("top", name, "-o", "pid,comm").split()[::2][0] == "PID"
    assert len(any_izba.ok("top", name, "-o", "pid,comm").splitlines()) == 2
    done = any_izba("top", name, "-o", "comm")
    assert (done.returncode, "Couldn't find PID field in ps output" in done.stderr) == (1, True)


def test_top_shows_no_escape_sequences_of_the_container(any_izba: Izba) -> None:
    """C13"""
    name = any_izba.detached("sh", "-c", "sleep 435; :", "\033[31m")
    assert "?[31m" in any_izba.ok("top", name)
    assert "\033" not in any_izba.ok("top", name)


def test_stats_in_dockers_columns_once_or_again_and_again(any_izba: Izba) -> None:
    name, idle = any_izba.detached("sh", "-c", "while :; do :; done"), any_izba.name()
    any_izba.ok("create", "--name", idle, "busybox", "true")
    header, line = any_izba.ok("stats", "--no-stream", name).splitlines()
    assert header.split() == "CONTAINER ID NAME CPU % MEM USAGE / LIMIT MEM % NET I/O BLOCK I/O PIDS".split()
    assert name in line
    with any_izba.popen("stats", "--format", "json", name, idle, stdout=subprocess.PIPE) as stream:
        assert stream.stdout is not None
        rows = [loads(stream.stdout.readline()) for _ in range(4)]
        stream.kill()
    assert [row["Name"] for row in rows] == [name, idle] * 2
    for row in rows[::2]:
        assert float(row["CPUPerc"].rstrip("%")) > 5
        assert row["PIDs"] == "1"
        assert row["NetIO"] == "0B / 0B"
        assert row["MemUsage"].split(" / ")[0] != "0B"
    for row in rows[1::2]:
        assert (row["CPUPerc"], row["MemUsage"], row["PIDs"]) == ("0.00%", "0B / 0B", "0"), "it does not run"


@pytest.mark.root
def test_update_changes_limits_of_a_running_container(izba: Izba) -> None:
    name = izba.detached("sleep", "436", options=("--memory", "64m"))
    izba.ok("update", "--memory", "96m", "--pids-limit", "33", name)
    row = loads(izba.ok("stats", "--no-stream", "--format", "json", name))
    assert row["MemUsage"].endswith("/ 96MiB")
    assert izba.inspect(name)["HostConfig"]["PidsLimit"] == 33


@pytest.mark.root
def test_update_gives_limits_to_a_container_that_had_none_and_they_go_with_it(izba: Izba) -> None:
    name = izba.detached("sh", "-c", "sleep 437 & exec sleep 438")
    eventually(lambda: "sleep 437" in izba.ok("top", name))
    izba.ok("update", "--pids-limit", "44", name)
    container = izba.inspect(name)["Id"]
    groups = list(Path("/sys/fs/cgroup").glob(f"**/izba/{container}"))
    assert groups
    members = [pid for group in groups for pid in (group / "cgroup.procs").read_text().split()]
    assert len(set(members)) == 2
    izba.ok("kill", name)
    izba.ok("wait", name)
    assert [group for group in groups if group.exists()] == []


def test_update_refuses_nonsense(izba: Izba) -> None:
    name = izba.name()
    izba.ok("create", "--name", name, "busybox", "true")
    assert "must provide one or more flags" in izba("update", name).stderr
    assert "Minimum memory limit allowed is 6MB" in izba("update", "--memory", "1k", name).stderr
    assert "unknown policy 'often'" in izba("update", "--restart", "often", name).stderr
    assert izba.ok("update", "--restart", "on-failure:3", name) == name
    assert izba.inspect(name)["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 3}


def test_doctor_finds_that_containers_run_here(any_izba: Izba) -> None:
    diagnosis = loads(any_izba.ok("doctor", "--format", "json"))
    assert diagnosis["Works"] is True
    states = {finding["Check"]: finding["State"] for finding in diagnosis["Findings"]}
    assert states["kernel"] == states["namespaces"] == states["proc"] == "ok"
    if any_izba.user is None:
        assert diagnosis["Verdict"] == "containers run here as root, with all of Docker's isolation"
    else:
        assert states["user namespaces"] == "ok"
        single = "one uid" in diagnosis["Verdict"]
        assert states["subordinate ids"] == ("limited" if single else "ok")
    text = any_izba.ok("doctor")
    assert text.splitlines()[2].split() == ["CHECK", "STATE", "DETAIL"]


def test_info_and_version_speak_as_dockers(any_izba: Izba) -> None:
    facts = loads(any_izba.ok("info", "--format", "json"))
    assert facts["NCPU"] == os.cpu_count()
    assert facts["Images"] == len(set(any_izba.ok("images", "--quiet", "--no-trunc").splitlines()))
    assert ("name=rootless" in facts["SecurityOptions"]) == (any_izba.user is not None)
    assert any_izba.ok("version", "--format", "{{.Server.Version}}") == facts["ServerVersion"]


def test_info_does_not_show_a_proxys_password(izba: Izba, monkeypatch: pytest.MonkeyPatch) -> None:
    """E5"""
    monkeypatch.setenv("https_proxy", "http://me:secret@proxy:3128/")
    assert izba.ok("info", "--format", "{{.HttpsProxy}}") == "http://xxxxx:xxxxx@proxy:3128/"


def occupied(directory: Path) -> int:
    """What izba's own directories take on the disk, as du counts."""
    done = subprocess.run(["du", "-sk", directory], capture_output=True, text=True, check=True)
    return 1024 * int(done.stdout.split()[0])


@pytest.fixture
def fresh(any_izba: Izba, busybox_archive: Path) -> Iterator[Izba]:
    """With nothing but busybox in it."""
    izba = Izba(root=any_izba.root.parent / "fresh", user=any_izba.user)
    izba.ok("import", "-c", 'CMD ["sh"]', str(busybox_archive), "busybox")
    yield izba
    shutil.rmtree(izba.root)


def test_df_adds_up_to_what_the_disk_has_and_prune_gives_back_what_it_says(fresh: Izba) -> None:
    writes = "head -c 3000000 /dev/urandom >/own; head -c 2000000 /dev/urandom >/v/data; yes | head -c 500000"
    fresh.ok("run", "--network", "none", "-v", "/v", "busybox", "sh", "-c", writes)

    lines = fresh.ok("system", "df", "--format", "{{.Type}}|{{.TotalCount}}|{{.Size}}").splitlines()
    usage = {kind: (int(count), in_bytes(size)) for kind, count, size in (line.split("|") for line in lines)}

    kept = sum(occupied(fresh.root / name) for name in ("snapshots", "volumes", "containers"))
    assert 0.9 < sum(size for _, size in usage.values()) / kept < 1.1, (usage, kept)
    assert [usage[kind][0] for kind in ("Images", "Containers", "Local Volumes")] == [1, 1, 1]
    assert usage["Containers"][1] > 3_000_000 + 1_000_000, "its log is counted"
    assert usage["Local Volumes"][1] > 2_000_000
    before = occupied(fresh.root)
    said = fresh.ok("system", "prune", "-a", "-f", "--volumes").splitlines()[-1]
    freed = before - occupied(fresh.root)
    assert said.startswith("Total reclaimed space: ")
    assert 0.9 < in_bytes(said.split()[-1]) / freed < 1.1, (said, freed)
    assert "1" not in fresh.ok("system", "df", "--format", "{{.TotalCount}}").split()


def in_bytes(size: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)([kMG]?)B", size).groups()  # type: ignore[union-attr]
    return float(number) * {"": 1, "k": 1e3, "M": 1e6, "G": 1e9}[unit]
