"""Volumes: who owns them, what of them is mounted, in and out of archives; and who borrows them."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from izba.jsonio import loads
from tests.containers.conftest import Izba


def run(izba: Izba, *args: str) -> str:
    return izba.ok("run", "--rm", "--network", "none", *args)


@pytest.fixture
def volume(any_izba: Izba) -> str:
    """A fresh name; the volume is removed with the containers of the test."""
    return any_izba.name()


def inspected(izba: Izba, name: str) -> dict[str, object]:
    found: dict[str, object] = loads(izba.ok("volume", "inspect", name))[0]
    return found


# -- owners


@pytest.mark.parametrize("flags", [("--uid", "1000", "--gid", "50"), ("-o", "o=uid=1000,gid=50")])
def test_a_volume_belongs_to_whom_it_is_made_for(izba: Izba, flags: tuple[str, ...]) -> None:
    name = izba.name()
    izba.ok("volume", "create", *flags, name)

    seen = run(izba, "-u", "app", "-v", f"{name}:/data", "busybox", "sh", "-c", "stat -c %u:%g /data && touch /data/x")

    assert seen == "1000:50", "what the image has at that place changes nothing of it"
    assert (inspected(izba, name)["UID"], inspected(izba, name)["GID"]) == (1000, 50)
    izba.ok("volume", "rm", name)


def test_owners_are_ids_of_the_container_for_an_ordinary_user_too(range_izba: Izba) -> None:
    name = range_izba.name()
    range_izba.ok("volume", "create", "--uid", "1000", name)

    assert (
        run(range_izba, "-u", "1000", "-v", f"{name}:/v", "busybox", "sh", "-c", "touch /v/x; stat -c %u /v/x")
        == "1000"
    )
    range_izba.ok("volume", "rm", name)


def test_an_owner_that_is_not_mapped_is_refused_and_leaves_no_volume(single_izba: Izba) -> None:
    done = single_izba("volume", "create", "--uid", "1000", "nobodys")

    assert done.returncode == 1
    assert "the ids are not mapped" in done.stderr
    assert single_izba("volume", "inspect", "nobodys").returncode == 1


def test_a_volume_may_be_a_directory_of_the_host(izba: Izba, tmp_path: Path) -> None:
    (tmp_path / "here").write_text("from the host\n")
    options = ("-o", "type=none", "-o", "o=bind", "-o", f"device={tmp_path}")
    name = izba.ok("volume", "create", *options, izba.name())

    assert run(izba, "-v", f"{name}:/data", "busybox", "cat", "/data/here") == "from the host"
    assert inspected(izba, name)["Options"] == {"type": "none", "o": "bind", "device": str(tmp_path)}
    izba.ok("volume", "rm", name)
    assert os.listdir(tmp_path) == ["here"], "nothing of it was removed, and nothing of the image copied into it"


@pytest.mark.parametrize("options", [["type=nfs", "o=addr=x", "device=:/x"], ["colour=red"], ["o=bind", "device=x"]])
def test_options_that_izba_has_not_are_refused(izba: Izba, options: list[str]) -> None:
    done = izba("volume", "create", *(word for each in options for word in ("-o", each)), "refused")

    assert done.returncode == 1
    assert izba("volume", "inspect", "refused").returncode == 1


# -- what of it is mounted


def test_a_subpath_is_what_is_seen(any_izba: Izba, volume: str) -> None:
    run(
        any_izba,
        "-v",
        f"{volume}:/v",
        "busybox",
        "sh",
        "-c",
        "mkdir -p /v/a/b; echo inner >/v/a/b/file; echo >/v/outer",
    )

    mount = f"type=volume,src={volume},dst=/w,volume-subpath=a/b"
    seen = run(any_izba, "--mount", mount, "busybox", "sh", "-c", "ls /w; cat /w/file; echo more >/w/new")

    assert seen.split() == ["file", "inner"]
    assert run(any_izba, "-v", f"{volume}:/v", "busybox", "cat", "/v/a/b/new") == "more"
    mount = f"type=volume,src={volume},dst=/f,volume-subpath=a/b/file,readonly"
    assert run(any_izba, "--mount", mount, "busybox", "sh", "-c", "cat /f; echo x >/f || echo refused").split() == [
        "inner", "refused",
    ]  # fmt: skip
    any_izba.ok("volume", "rm", volume)


def test_a_subpath_never_leads_out_of_its_volume(izba: Izba, tmp_path: Path) -> None:
    name = izba.name()
    (tmp_path / "canary").write_text("host\n")
    run(
        izba,
        "-v",
        f"{name}:/v",
        "busybox",
        "sh",
        "-c",
        f"ln -s {tmp_path} /v/out; ln -s /../../.. /v/up; ln -s out /v/two",
    )

    for subpath in ("out", "up/etc", "two", "missing"):
        mount = f"type=volume,src={name},dst=/w,volume-subpath={subpath}"
        done = izba("run", "--rm", "--network", "none", "--mount", mount, "busybox", "cat", "/w/canary")
        assert done.returncode == 125, (subpath, done.stdout)
        assert f"'{subpath}' of the volume" in done.stderr
        assert "no such file or directory" in done.stderr
    for subpath in ("../..", "/etc", "a/../../b"):
        done = izba(
            "run", "--rm", "--mount", f"type=volume,src={name},dst=/w,volume-subpath={subpath}", "busybox", "true"
        )
        assert done.returncode == 125
        assert "must be a relative path within the volume" in done.stderr
    izba.ok("volume", "rm", name)


# -- borrowed


def test_volumes_from_lends_mounts_and_an_anonymous_volume_goes_with_its_last_user(
    any_izba: Izba, tmp_path: Path
) -> None:
    owner = any_izba.name()
    any_izba.ok("create", "--name", owner, "--network", "none", "-v", "/mine", "--tmpfs", "/tmp", "busybox", "true")
    (mount,) = (mount for mount in any_izba.inspect(owner)["Mounts"] if mount["Type"] == "volume")
    borrower = any_izba.name()
    args = ("--name", borrower, "--network", "none", "--volumes-from", owner)
    any_izba.ok("run", "-d", *args, "busybox", "sh", "-c", "echo lent >/mine/x; sleep 60")

    any_izba.ok("rm", "-v", owner)

    assert any_izba.ok("exec", borrower, "cat", "/mine/x") == "lent"
    assert any_izba.ok("volume", "inspect", "-f", "{{.Name}}", mount["Name"]) == mount["Name"]
    again = ("--volumes-from", f"{borrower}:ro", "busybox", "sh", "-c", "cat /mine/x; echo >/mine/y || echo refused")
    assert run(any_izba, *again).split() == ["lent", "refused"]
    any_izba.ok("rm", "-f", "-v", borrower)
    assert any_izba("volume", "inspect", mount["Name"]).returncode == 1


def test_ones_own_mount_is_before_a_borrowed_one(izba: Izba, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("own\n")
    owner = izba.name()
    izba.ok("create", "--name", owner, "-v", "/shared", "busybox", "true")

    assert run(izba, "--volumes-from", owner, "-v", f"{tmp_path}:/shared", "busybox", "ls", "/shared") == "mine"
    assert izba("run", "--rm", "--volumes-from", "nobody", "busybox", "true").returncode == 125


# -- propagation


def test_what_the_host_mounts_later_arrives_in_a_slave_bind_only(izba: Izba, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    subprocess.run(["mount", "--bind", source, source], check=True)
    subprocess.run(["mount", "--make-shared", source], check=True)
    try:
        slave = izba.detached("sleep", "60", options=("-v", f"{source}:/s:rslave"))
        private = izba.detached("sleep", "60", options=("-v", f"{source}:/s"))
        subprocess.run(["mount", "-t", "tmpfs", "late", source / "inner"], check=True)
        (source / "inner" / "late").write_text("")

        assert izba.ok("exec", slave, "ls", "/s/inner") == "late"
        assert izba.ok("exec", private, "ls", "/s/inner") == ""
    finally:
        subprocess.run(["umount", "-R", "-l", source], check=True)


def test_a_shared_bind_carries_mounts_of_the_container_to_the_host(izba: Izba, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    subprocess.run(["mount", "--bind", source, source], check=True)
    subprocess.run(["mount", "--make-shared", source], check=True)
    try:
        run(izba, "--privileged", "-v", f"{source}:/s:rshared", "busybox", "mount", "-t", "tmpfs", "theirs", "/s/inner")
        assert f"theirs {source}/inner tmpfs" in Path("/proc/mounts").read_text()
    finally:
        subprocess.run(["umount", "-R", "-l", source], check=True)


def test_tmpfs_options(any_izba: Izba) -> None:
    flags = ("--tmpfs", "/a:size=1m,mode=1770,exec", "--mount", "type=tmpfs,dst=/b,tmpfs-size=64k,tmpfs-mode=700")

    lines = run(
        any_izba, *flags, "busybox", "sh", "-c", "grep ' /a ' /proc/mounts; grep ' /b ' /proc/mounts; stat -c %a /a /b"
    ).splitlines()

    assert "size=1024k" in lines[0]
    assert "noexec" not in lines[0]
    assert "nosuid,nodev,noexec" in lines[1]
    assert "size=64k" in lines[1]
    assert lines[2:] == ["1770", "700"]


# -- archives


def test_a_volume_goes_out_and_comes_back_whole(any_izba: Izba, volume: str, tmp_path: Path) -> None:
    script = (
        "cd /v; echo words >file; chmod 640 file; ln -s file link; ln file hard; mkfifo pipe; echo >.wh.not-deleted"
    )
    run(any_izba, "-v", f"{volume}:/v", "busybox", "sh", "-c", script)
    archive = any_izba.root.parent / f"{volume}.tar"

    any_izba.ok("volume", "export", "-o", str(archive), volume)
    any_izba.ok("volume", "import", f"{volume}-2", str(archive))
    archive.unlink()

    shown = "cd /v; ls -la | sed 's/ [A-Z][a-z][a-z] .*:[0-9]* / /; /\\.\\./d'; cat file link"
    before = run(any_izba, "-v", f"{volume}:/v", "busybox", "sh", "-c", shown)
    after = run(any_izba, "-v", f"{volume}-2:/v", "busybox", "sh", "-c", shown)
    assert before == after
    assert after.count("words") == 2
    assert ".wh.not-deleted" in after
    any_izba.ok("volume", "rm", volume, f"{volume}-2")


def test_an_import_lands_in_the_volume_and_nowhere_else(izba: Izba, tmp_path: Path) -> None:
    name = izba.ok("volume", "create", izba.name())
    (tmp_path / "canary").write_text("untouched")
    archive = tmp_path / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        link = tarfile.TarInfo("way")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("way/canary"))
        tar.addfile(tarfile.TarInfo("../../escaped"))

    izba("volume", "import", name, str(archive))

    assert (tmp_path / "canary").read_text() == "untouched"
    assert not list(izba.root.glob("**/escaped"))
    assert izba("volume", "export", "missing").returncode == 1
    izba.ok("volume", "rm", "-f", name)


def test_an_import_that_fails_makes_no_volume(izba: Izba, tmp_path: Path) -> None:
    (tmp_path / "torn.tar").write_bytes(b"x" * 700)

    done = izba("volume", "import", "torn-volume", str(tmp_path / "torn.tar"))

    assert done.returncode == 1
    assert izba("volume", "inspect", "torn-volume").returncode == 1
