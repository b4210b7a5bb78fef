"""`--userns keep-id`: what a container writes into a directory of the user's belongs to the user."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.conftest import Izba, eventually


@pytest.fixture(params=["range", "single"])
def users_izba(request: pytest.FixtureRequest) -> Iterator[Izba]:
    izba: Izba = request.getfixturevalue(f"{request.param}_izba")
    yield izba
    izba.clean()


@pytest.fixture
def work(users_izba: Izba) -> Iterator[Path]:
    """A directory of the user's."""
    assert users_izba.user is not None
    path = users_izba.user.home / "work"
    path.mkdir()
    (path / "mine").write_text("of the user\n")
    for each in (path, path / "mine"):
        os.chown(each, users_izba.user.uid, users_izba.user.gid)
    path.chmod(0o700)
    yield path
    shutil.rmtree(path)


def owner(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_uid, status.st_gid


@pytest.mark.parametrize("network", ["none", "bridge"])
def test_the_user_is_the_user_inside_and_outside(users_izba: Izba, work: Path, network: str) -> None:
    user = users_izba.user
    assert user is not None
    script = "id -u; id -g; cat /w/mine; stat -c %u:%g /w/mine; echo x >/w/made; mkdir /w/directory"

    seen = users_izba.ok(
        "run", "--rm", "--network", network, "--userns", "keep-id", "-v", f"{work}:/w", "busybox", "sh", "-c", script
    )

    assert seen.split() == [str(user.uid), str(user.gid), "of", "the", "user", f"{user.uid}:{user.gid}"]
    assert owner(work / "made") == owner(work / "directory") == (user.uid, user.gid)


def test_the_user_is_whom_the_image_expects(users_izba: Izba, work: Path) -> None:
    user = users_izba.user
    assert user is not None
    options = ("--network", "none", "--userns", "keep-id:uid=1000,gid=50", "-v", f"{work}:/w")

    assert users_izba.ok("run", "--rm", *options, "busybox", "sh", "-c", "id -un; touch /w/app").split() == ["app"]
    assert owner(work / "app") == (user.uid, user.gid)


def test_the_images_files_keep_their_owners_where_there_are_others(users_izba: Izba) -> None:
    script = "stat -c %u:%g /bin /etc/passwd /tmp; touch /bin/x || echo refused; touch /tmp/x && stat -c %u /tmp/x"

    seen = users_izba.ok(
        "run", "--rm", "--network", "none", "--userns", "keep-id:uid=1000,gid=1000", "busybox", "sh", "-c", script
    )

    theirs = ["0:0", "0:0", "0:0", "refused", "1000"]
    assert seen.split() == (["1000:1000"] * 3 + ["1000"] if users_izba.has_single_id else theirs)


def test_root_of_such_a_container_is_a_subordinate_id_of_the_users(range_izba: Izba) -> None:
    user = range_izba.user
    assert user is not None
    name = range_izba.detached("sleep", "60", options=("--userns", "keep-id", "-v", f"{user.home}:/w"))

    assert range_izba.ok("exec", name, "id", "-u") == str(user.uid)
    assert range_izba.ok("exec", "-u", "0", name, "id", "-u") == "0"
    range_izba.ok("exec", "-u", "0", name, "chmod", "700", "/bin/busybox")
    assert (
        range_izba("exec", "-u", "0", name, "touch", "/w/no").returncode != 0 or owner(user.home / "no")[0] != user.uid
    )
    assert range_izba("commit", name, "x").returncode == 1


def test_exec_and_probes_work_on_a_network_of_its_own(users_izba: Izba) -> None:
    options = ("--userns", "keep-id", "--health-cmd", "true", "--health-interval", "50ms")
    name = users_izba.name()
    users_izba.ok("run", "-d", "--name", name, *options, "busybox", "sleep", "60")

    assert users_izba.ok("exec", name, "ls", "/sys/class/net").split() == ["eth0", "lo"]
    assert " /sys sysfs ro," in users_izba.ok("exec", name, "cat", "/proc/mounts")
    low = users_izba("exec", name, "timeout", "0.3", "nc", "-l", "-p", "80")
    assert "Permission denied" not in low.stderr
    eventually(lambda: users_izba.state(name)["Health"]["Status"] == "healthy")
    users_izba.ok("restart", "-t", "0", name)
    assert users_izba.ok("exec", name, "id", "-u") != "0"


def test_a_named_volume_is_filled_for_whom_the_container_sees(users_izba: Izba) -> None:
    volume = users_izba.name()
    options = ("--network", "none", "--userns", "keep-id:uid=1000,gid=1000", "-v", f"{volume}:/data")

    seen = users_izba.ok("run", "--rm", *options, "busybox", "stat", "-c", "%u:%g", "/data", "/data/seed")

    assert seen.split() == (["1000:1000"] if users_izba.has_single_id else ["0:0"]) * 2
    users_izba.ok("volume", "rm", volume)


def test_memory_is_given_to_an_id_that_the_container_sees(users_izba: Izba) -> None:
    options = ("--network", "none", "--userns", "keep-id:uid=1000,gid=50", "--tmpfs", "/t:uid=1000,gid=50")

    assert users_izba.ok("run", "--rm", *options, "busybox", "stat", "-c", "%u:%g", "/t") == "1000:50"


def test_roots_ids_are_the_hosts(izba: Izba) -> None:
    assert izba.ok("run", "--rm", "--network", "none", "--userns", "keep-id", "busybox", "id", "-u") == "0"
    done = izba("run", "--rm", "--userns", "keep-id:uid=1000", "busybox", "true")
    assert (done.returncode, "only an ordinary user" in done.stderr or "ordinary user" in done.stderr) == (125, True)
    assert izba("run", "--rm", "--userns", "keep-id:colour=red", "busybox", "true").returncode == 125


def test_the_copy_is_made_once_and_stays_as_long_as_a_container_needs_it(range_izba: Izba) -> None:
    options = ("--network", "none", "--userns", "keep-id:uid=77,gid=77")
    name = range_izba.name()
    first = range_izba("run", "--name", name, *options, "busybox", "true")
    second = range_izba("run", "--rm", *options, "busybox", "true")

    range_izba.ok("image", "prune", "-f")
    range_izba.ok("start", name)
    assert "copied once" in first.stderr
    assert second.stderr == ""
    range_izba.ok("wait", name)
    range_izba.ok("rm", name)
    range_izba.ok("image", "prune", "-f")
    assert "copied once" in range_izba("run", "--rm", *options, "busybox", "true").stderr
    assert range_izba("system", "check", "--verify").stdout == "no problem found\n"


def test_with_a_single_id_nothing_is_copied(single_izba: Izba) -> None:
    done = single_izba("run", "--rm", "--network", "none", "--userns", "keep-id:uid=78,gid=78", "busybox", "id", "-u")

    assert (done.stdout, done.stderr) == ("78\n", "")


@pytest.mark.parametrize("first", [("--userns", "keep-id"), ()])
@pytest.mark.parametrize("second", [("--userns", "keep-id"), ()])
def test_networks_are_shared_whoever_has_a_namespace_of_its_own(
    users_izba: Izba, first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    name = users_izba.name()
    users_izba.ok("run", "-d", "--name", name, *first, "busybox", "sleep", "60")

    link = users_izba.ok("exec", name, "ip", "link", "show", "eth0")  # its MAC address is nobody else's
    assert users_izba.ok("exec", name, "cat", "/sys/class/net/eth0/address") in link

    options = ("--rm", "--network", f"container:{name}", *second)
    seen = users_izba.ok(
        "run",
        *options,
        "busybox",
        "sh",
        "-c",
        "ip link show eth0; cat /sys/class/net/eth0/address; stat -c %u /bin; id -u",
    )

    own = "0" if not second else str(users_izba.user.uid) if users_izba.user else ""
    assert seen.startswith(link)
    assert seen.removeprefix(link).split()[0] in link
    assert seen.split()[-1] == own
