"""Hostile images and containers, through the command line (attacks.md B4, C9, C15)."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.containers.conftest import Izba, eventually

pytestmark = pytest.mark.root


@pytest.mark.parametrize(
    "change",
    [
        "WORKDIR /proc/self/fd/7",
        "WORKDIR /proc/self/fd/../../../../..",
        "WORKDIR /data/../../../..",
        "VOLUME /../../../../data",
        "VOLUME ../../../../data",
        "VOLUME /data/../../..//etc",
        'ENTRYPOINT ["/proc/self/fd/7/../../bin/sh", "-c"]',
        "ENV HOME=/proc/self/fd/7",
    ],
)
def test_an_images_settings_lead_nowhere_but_into_the_image(any_izba: Izba, busybox_archive: Path, change: str) -> None:
    """B4 (CVE-2024-21626)."""
    canary = busybox_archive.parent / "canary"
    canary.write_text("host")
    any_izba.ok("import", "-c", 'CMD ["sh"]', "-c", change, str(busybox_archive), "hostile")

    done = any_izba("run", "--rm", "--network", "none", "hostile", "sh", "-c", "pwd; ls ..; echo gone > ./canary")

    assert done.returncode in {0, 1, 2, 125, 126, 127}
    assert "var/tmp" not in done.stdout
    assert canary.read_text() == "host"
    any_izba.ok("rmi", "-f", "hostile")


@pytest.mark.parametrize("options", [(), ("--cap-add", "SYS_ADMIN"), ("--memory", "64m")], ids=" ".join)
def test_no_release_agent_can_be_set(any_izba: Izba, options: tuple[str, ...]) -> None:
    """C9 (CVE-2022-0492): a program of the host that the kernel would start. Also where mounting is allowed."""
    script = (
        "find /sys/fs/cgroup -name release_agent 2>/dev/null | while read f; do echo /evil > $f && echo SET; done;"
        "umount /sys 2>/dev/null; mount -o remount,rw /sys/fs/cgroup 2>/dev/null;"
        "find /sys/fs/cgroup -name release_agent 2>/dev/null | while read f; do echo /evil > $f && echo SET; done; true"
    )
    before = _release_agents()

    done = any_izba("run", "--rm", "--network", "none", *options, "busybox", "sh", "-c", script)

    assert done.returncode == 0
    assert "SET" not in done.stdout
    assert _release_agents() == before


def _release_agents() -> dict[str, str]:
    return {str(path): path.read_text() for path in Path("/sys/fs/cgroup").glob("*/release_agent")}


@pytest.mark.parametrize("limit", [("--pids-limit", "64"), ("--ulimit", "nproc=200:200", "-u", "4321:4321")])
def test_a_fork_bomb_is_ended_by_rm(izba: Izba, limit: tuple[str, ...]) -> None:
    """C15."""
    # A shell ends where it cannot fork; the first process stays, with all that the shell left behind.
    script = "(while :; do sleep 1000 & done) & wait; exec sleep 1000"
    name = izba.detached("sh", "-c", script, options=limit)
    time.sleep(1)
    pid = izba.state(name)["Pid"]
    namespace = Path(f"/proc/{pid}/ns/pid").readlink()

    began = time.monotonic()
    izba.ok("rm", "-f", name)

    assert time.monotonic() - began < 20
    eventually(lambda: not _in_namespace(namespace))


def _in_namespace(namespace: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/ns/pid"):
        try:
            if path.readlink() == namespace:
                found.append(path.parts[2])
        except OSError:
            continue
    return found


def test_a_container_with_all_its_descriptors_open_is_entered_and_ended(any_izba: Izba) -> None:
    """C15: its own limit is its own affair."""
    script = 'i=9; while eval "exec $((i+=1))</dev/null"; do :; done; sleep 1000'
    name = any_izba.detached("sh", "-c", f"({script}); sleep 1000", options=("--ulimit", "nofile=300:300"))
    time.sleep(0.5)

    assert any_izba.ok("exec", name, "echo", "still here") == "still here"
    any_izba.ok("rm", "-f", name)


def test_a_busy_volume_is_free_when_its_container_is_gone(any_izba: Izba) -> None:
    """C15: an open file, a working directory and a process that ignores signals in it."""
    volume = f"v{time.monotonic_ns()}"
    script = "cd /v; exec 5>busy; trap '' TERM INT HUP; while :; do sleep 1; done"
    name = any_izba.detached("sh", "-c", script, options=("-v", f"{volume}:/v"))

    refused = any_izba("volume", "rm", volume)
    assert refused.returncode == 1
    assert "in use" in refused.stderr
    any_izba.ok("rm", "-f", name)
    any_izba.ok("volume", "rm", volume)
