"""The monitor makes the records of many lines at once: they are what one record after the other would be."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from izba.monitor.logs import LONGEST, Log, files
from izba.monitor.plan import LogPlan
from tests.containers.conftest import Izba, eventually

PIECES = st.sampled_from(
    [b"\n", b"\\n", b"\\", b'"', b"<&>", b"\xff", "\u2028\u00e9".encode(), b"\x00\x1b", b"word ", b'{"log":"', b"\r\n"]
)


def records(directory: Path) -> list[dict[str, str]]:
    lines = b"".join(Path(path).read_bytes() for path in files(str(directory))).splitlines(keepends=True)
    assert all(line.endswith(b"\n") for line in lines)
    return [json.loads(line) for line in lines]


@given(written=st.lists(st.lists(PIECES, max_size=30).map(b"".join), max_size=8))
@settings(max_examples=150, deadline=None)
def test_records_are_the_lines_however_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, written: list[bytes]
) -> None:
    directory = tmp_path_factory.mktemp("log")
    log = Log(str(directory), LogPlan(max_size=0))

    for data in written:
        log.write("stdout", data)
    log.close()

    expected = b"".join(written).split(b"\n")
    lines = [line.decode("utf-8", "replace") + "\n" for line in expected[:-1]]
    lines += [expected[-1].decode("utf-8", "replace")] if expected[-1] else []
    assert [record["log"] for record in records(directory)] == lines


def test_a_long_line_is_cut_between_characters(tmp_path: Path) -> None:
    text = "x" + "\u20ac" * 20_000
    log = Log(str(tmp_path), LogPlan())

    log.write("stderr", text.encode() + b"\nend\n")
    log.close()

    found = [record["log"] for record in records(tmp_path)]
    assert "".join(found) == f"{text}\nend\n"
    assert all(LONGEST - 4 < len(part.encode()) <= LONGEST for part in found[:3])


def test_no_file_grows_beyond_its_size_and_no_record_is_cut_by_a_rotation(tmp_path: Path) -> None:
    log = Log(str(tmp_path), LogPlan(max_size=5000, max_file=1000))
    lines = [b"%d %s\n" % (number, b"y" * (number % 90)) for number in range(3000)]

    data = b"".join(lines)
    for start in range(0, len(data), 30_000):
        log.write("stdout", data[start : start + 30_000])
    log.close()

    assert [record["log"].encode() for record in records(tmp_path)] == lines
    sizes = [Path(path).stat().st_size for path in files(str(tmp_path))]
    assert max(sizes) <= 5000
    assert min(sizes[:-1]) > 4700


def test_a_record_larger_than_a_file_is_kept_whole(tmp_path: Path) -> None:
    log = Log(str(tmp_path), LogPlan(max_size=1000, max_file=10))

    log.write("stdout", b"a\n" + b"b" * 5000 + b"\nc\n")
    log.close()

    assert [record["log"] for record in records(tmp_path)] == ["a\n", "b" * 5000 + "\n", "c\n"]


@pytest.mark.root
def test_a_full_disk_costs_the_log_whole_records_and_nothing_else(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "small", tmp_path], check=True)
    try:
        log = Log(str(tmp_path), LogPlan(max_size=0))
        for number in range(2000):
            log.write("stdout", b"%06d %s\n" % (number, b"x" * 100))
        kept = [int(record["log"].split()[0]) for record in records(tmp_path)]
        assert kept == list(range(len(kept)))
        size = (tmp_path / "container.log").stat().st_size
        (tmp_path / "container.log").write_bytes(b"")
        log.write("stdout", b"after\n")
        log.close()

        assert 60_000 < size <= 65_536
        assert [record["log"] for record in records(tmp_path)] == ["after\n"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_details_show_what_log_opts_ask_for(any_izba: Izba) -> None:
    options = ("--log-opt", "labels=of,tier", "--log-opt", "env-regex=^LANG", "--log-opt", "tag={{.ImageName}}/{{.ID}}")
    name = any_izba.detached("echo", "x", options=(*options, "--label", "tier=a b", "-e", "LANGUAGE=de&en"))
    any_izba.ok("wait", name)

    shown = any_izba.ok("logs", "--details", name)

    id = any_izba.inspect(name)["Id"][:12]
    assert shown == f"LANGUAGE=de%26en,of=image,tag=busybox%2F{id},tier=a+b x"
    assert any_izba.ok("logs", "--details", "-t", name).endswith(f"Z {shown}")


def test_a_torn_record_is_passed_over(izba: Izba) -> None:
    name = izba.detached("sh", "-c", "echo one; echo two")
    izba.ok("wait", name)
    path = izba.directory(name) / "container.log"

    path.write_bytes(path.read_bytes().replace(b'{"log":"one\\n","stream', b'{"log":"one\n{"str'))

    assert izba.ok("logs", name) == "two"


def test_follow_ends_at_until_though_the_container_goes_on(any_izba: Izba) -> None:
    name = any_izba.detached("sh", "-c", "while :; do echo x; sleep 0.05; done")

    began = time.monotonic()

    lines = any_izba.ok("logs", "-f", "--until", "-1s", name).split()

    assert time.monotonic() - began > 1
    assert set(lines) == {"x"}
    assert any_izba.state(name)["Running"]
    eventually(lambda: len(any_izba.ok("logs", name).split()) > len(lines))


def test_a_follower_hears_of_an_end_that_no_monitor_tells(any_izba: Izba) -> None:
    import os
    import signal

    name = any_izba.detached("sh", "-c", "echo first; sleep 100")
    with any_izba.popen("logs", "-f", name, stdout=-1) as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "first\n"
        os.kill(json.loads((any_izba.directory(name) / "state.json").read_text())["monitor"][0], signal.SIGKILL)
        assert follower.wait(60) == 0

    eventually(lambda: any_izba.state(name)["Status"] == "exited")


@pytest.mark.root
def test_a_log_that_has_no_room_for_another_file_goes_on_in_the_one_it_has(tmp_path: Path) -> None:
    """ENOSPC: no inode is left. The lines are kept, and the next rotation is made when there is room."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=2", "tmpfs", tmp_path], check=True)
    try:
        log = Log(str(tmp_path), LogPlan(max_size=1000, max_file=2))
        lines = [b"line %d\n" % number for number in range(100)]
        for line in lines[:50]:
            log.write("stdout", line)
        assert [Path(path).name for path in files(str(tmp_path))] == ["container.log"]
        subprocess.run(["mount", "-o", "remount,nr_inodes=10", tmp_path], check=True)
        log.write("stdout", lines[50])
        assert [Path(path).name for path in files(str(tmp_path))] == ["container.log.1", "container.log"]
        assert [record["log"].encode() for record in records(tmp_path)] == lines[:51]
        log.close()
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)
