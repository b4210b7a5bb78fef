"""Processes: identity, signals, descriptors, limits, capabilities."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from pathlib import Path

import pytest

from izba.linux import caps, idmaps, limits, process
from tests.support.children import in_child


def child_that_sleeps() -> int:
    pid = os.fork()
    if pid == 0:
        time.sleep(60)
        os._exit(0)
    return pid


def test_a_process_is_known_by_pid_and_start_time() -> None:
    pid = child_that_sleeps()
    started = process.start_time(pid)

    assert process.is_alive(pid, started)
    assert not process.is_alive(pid, started + 1)
    pidfd = process.pidfd_open(pid, started)
    process.send_signal(pidfd, signal.SIGKILL)
    assert process.has_ended(pidfd, 5000)
    assert process.state(pid) == "Z"
    assert not process.is_alive(pid, started)
    assert process.wait(pid) == 137
    with pytest.raises(ProcessLookupError):
        process.send_signal(pidfd, signal.SIGKILL)
    os.close(pidfd)


def test_a_pid_that_another_process_has_now_is_not_opened() -> None:
    pid = child_that_sleeps()
    before = os.listdir("/proc/self/fd")

    with pytest.raises(ProcessLookupError):
        process.pidfd_open(pid, process.start_time(pid) - 1)

    assert os.listdir("/proc/self/fd") == before
    os.kill(pid, 9)
    assert process.wait(pid) == 137
    with pytest.raises(ProcessLookupError):
        process.start_time(pid)


def test_a_name_with_parentheses_does_not_confuse() -> None:
    def body() -> None:
        process.set_name("a) R 1 (b")
        assert process.start_time(os.getpid()) > 0
        assert process.state(os.getpid()) == "R"

    in_child(body)


def test_exit_codes_are_as_a_shell_counts_them() -> None:
    assert [process.exit_code(status) for status in (0, 3 << 8, 9, 15 | 0x80)] == [0, 3, 137, 143]


def test_all_descriptors_but_the_kept_are_closed() -> None:
    def body() -> None:
        fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(5)]
        high = fcntl.fcntl(fds[0], fcntl.F_DUPFD, 500)
        process.close_all_but({0, 1, 2, fds[2], high})
        left = {int(name) for name in os.listdir("/proc/self/fd")}
        assert {fds[2], high} <= left <= {0, 1, 2, fds[2], high, min(set(range(3, 10)) - {fds[2]})}

    in_child(body)


def test_orphans_become_the_subreapers_children() -> None:
    def body() -> None:
        process.set_subreaper()
        read_fd, write_fd = os.pipe()
        if os.fork() == 0:
            grandchild = child_that_sleeps()
            os.write(write_fd, str(grandchild).encode())
            os._exit(0)
        os.wait()
        orphan = int(os.read(read_fd, 20))
        os.kill(orphan, 9)
        assert process.wait(orphan) == 137

    in_child(body)


def test_limits_are_set_and_read() -> None:
    def body() -> None:
        limits.set("RLIMIT_NOFILE", 64, 128)
        assert limits.get("RLIMIT_NOFILE") == (64, 128)
        limits.set("RLIMIT_CORE", 0, 0)

    in_child(body)


@pytest.mark.root
def test_raising_a_hard_limit_without_the_capability_is_refused() -> None:
    def body() -> None:
        limits.set("RLIMIT_CORE", 0, 0)
        os.setresuid(65534, 65534, 65534)
        with pytest.raises(PermissionError):
            limits.set("RLIMIT_CORE", 1, 1)

    in_child(body)


@pytest.mark.root
def test_capability_sets_are_what_they_are_set_to() -> None:
    def body() -> None:
        kill, bind = caps.mask(["CAP_KILL"]), caps.mask(["CAP_NET_BIND_SERVICE"])
        caps.drop_bounding(kill | bind)
        caps.keep_across_setuid()
        os.setresuid(1000, 1000, 1000)
        caps.set_process(
            caps.CapabilitySets(bounding=0, effective=kill, permitted=kill | bind, inheritable=bind, ambient=bind)
        )
        status = dict(line.split(":\t") for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
        assert [int(status[f"Cap{name}"], 16) for name in ("Bnd", "Eff", "Prm", "Inh", "Amb")] == [
            kill | bind,
            kill,
            kill | bind,
            bind,
            bind,
        ]
        assert caps.permitted() == kill | bind
        assert caps.bounding() == kill | bind

    in_child(body)


def test_names_and_masks_of_capabilities_agree_with_the_kernel() -> None:
    assert caps.names(caps.mask(caps.NAMES)) == list(caps.NAMES)
    assert caps.mask(["CAP_OF_THE_FUTURE"]) == 0
    assert caps.known() & ~caps.mask(caps.NAMES) == 0


def test_the_maps_of_a_user_follow_subuid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "subuid"
    file.write_text("other:1:1\nme:100000:65536\n1000:300000:10\nme:bad:line\n\n# comment\n")

    assert idmaps._subordinate(str(file), 1000, "me") == [(100000, 65536), (300000, 10)]
    assert idmaps._subordinate(str(tmp_path / "missing"), 1000, "me") == []


def test_without_ranges_only_the_user_is_mapped() -> None:
    plan = idmaps.plan(54321, 54322, "nobody-of-that-name")

    assert plan.single_id
    assert plan.uids == (idmaps.IdMap(inside=0, outside=54321, size=1),)
    assert plan.gids == (idmaps.IdMap(inside=0, outside=54322, size=1),)


def test_errors_of_the_kernel_are_pythons() -> None:
    with pytest.raises(ProcessLookupError) as caught:
        process.pidfd_open(2**22 - 1)

    assert caught.value.errno == errno.ESRCH


def test_the_range_for_another_user_is_nobodys(tmp_path: Path) -> None:
    uids, gids = tmp_path / "subuid", tmp_path / "subgid"
    uids.write_text("anna:100000:65536\n# a comment\nbroken\n")
    gids.write_text("anna:100000:65536\nboris:200000:1000\n")

    assert idmaps.unused_range(str(uids), str(gids), str(tmp_path / "missing")) == (201_000, 266_535)
