"""`izba cp`, by Docker's rules and against hostile containers."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.containers.conftest import Izba

FILES = "mkdir -p /src/sub && echo one > /src/one && echo two > /src/sub/two && ln -s one /src/link && "


def wait_until_there(izba: Izba, name: str, path: str) -> None:
    izba.ok("exec", name, "sh", "-c", f"until test -e {path}; do sleep 0.01; done")


@pytest.fixture(params=["running", "stopped"])
def container(request: pytest.FixtureRequest, izba: Izba) -> str:
    name = izba.detached("sh", "-c", FILES + "exec sleep 60", options=("-v", "/vol"))
    izba.ok("exec", name, "sh", "-c", "until test -e /src/link; do sleep 0.01; done; echo volume > /vol/file")
    if request.param == "stopped":
        izba.ok("kill", name)
        izba.ok("wait", name)
    return name


def test_a_file_and_a_directory_out(izba: Izba, container: str, tmp_path: Path) -> None:
    izba.ok("cp", f"{container}:/src/one", str(tmp_path))
    izba.ok("cp", f"{container}:/src/one", str(tmp_path / "renamed"))
    izba.ok("cp", f"{container}:/src", str(tmp_path / "new"))
    izba.ok("cp", f"{container}:/src", str(tmp_path / "new"))
    izba.ok("cp", f"{container}:/vol/file", str(tmp_path))

    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert found == ["file", "new", "new/link", "new/one", "new/src", "new/src/link", "new/src/one", "new/src/sub",
                     "new/src/sub/two", "new/sub", "new/sub/two", "one", "renamed"]  # fmt: skip
    assert (tmp_path / "new" / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "volume\n"


def test_in_and_back(izba: Izba, container: str, tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "file").write_text("in\n")
    (tmp_path / "in" / "deep" / "file").chmod(0o751)

    izba.ok("cp", str(tmp_path / "in"), f"{container}:/vol")
    izba.ok("cp", f"{tmp_path}/in/.", f"{container}:/made")

    out = subprocess.run([*izba.command, "cp", f"{container}:/vol/in", "-"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(out)) as archive:
        assert archive.getnames() == ["in", "in/deep", "in/deep/file"]
        assert archive.getmember("in/deep/file").mode == 0o751
    izba.ok("cp", f"{container}:/made/deep/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "in\n"


def test_a_tar_from_stdin_keeps_its_owners(izba: Izba, container: str, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("owned")
        info.uid, info.gid, info.size = 12, 34, 1
        archive.addfile(info, io.BytesIO(b"x"))

    subprocess.run([*izba.command, "cp", "-", f"{container}:/tmp"], input=buffer.getvalue(), check=True)

    out = subprocess.run([*izba.command, "cp", f"{container}:/tmp/owned", "-"], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(out)) as archive:
        assert (archive.getmember("owned").uid, archive.getmember("owned").gid) == (12, 34)


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("{c}:/nope", "{t}", "Could not find the file /nope in container {c}"),
        ("{t}/nope", "{c}:/tmp", "no such file"),
        ("{c}:/src", "{t}/file", "cannot copy a directory"),
        ("{c}:/src/one", "{t}/new/", "no such directory"),
        ("{t}/file", "{c}:/no/such/place", "Could not find the file /no/such in container {c}"),
        ("{t}/file", "{t}/other", "must specify at least one container source"),
        ("{c}:/a", "{c}:/b", "copying between containers is not supported"),
    ],
)
def test_what_cannot_be_copied(izba: Izba, tmp_path: Path, source: str, target: str, said: str) -> None:
    name = izba.detached("sh", "-c", FILES + "exec sleep 60")
    wait_until_there(izba, name, "/src/link")
    (tmp_path / "file").write_text("x")
    words = {"c": name, "t": str(tmp_path)}

    done = izba("cp", source.format(**words), target.format(**words))

    assert done.returncode != 0
    assert said.format(**words) in done.stderr


def test_links_of_a_container_lead_to_the_container(izba: Izba, tmp_path: Path) -> None:
    """F8: CVE-2018-15664, CVE-2019-14271."""
    (tmp_path / "canary").write_text("host\n")
    script = f"ln -s {tmp_path} /out; ln -s {tmp_path}/canary /canary; ln -s /proc/1/root /self; exec sleep 60"
    name = izba.detached("sh", "-c", script)
    wait_until_there(izba, name, "/self")
    (tmp_path / "evil").write_text("evil\n")

    read = izba("cp", "-L", f"{name}:/canary", str(tmp_path / "stolen"))
    written = izba("cp", str(tmp_path / "evil"), f"{name}:/out/canary")
    through = izba("cp", f"{name}:/self/{tmp_path}/canary", str(tmp_path / "stolen"))

    assert read.returncode != 0
    assert written.returncode != 0
    assert through.returncode != 0
    assert (tmp_path / "canary").read_text() == "host\n"
    assert not (tmp_path / "stolen").exists()


def test_a_directory_that_becomes_a_link_all_the_time_leads_nowhere(izba: Izba, tmp_path: Path) -> None:
    """F8: CVE-2026-41568. The path is one of the host's, a directory in the container now and a link there then."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "canary").write_text("host\n")
    (tmp_path / "sent").write_text("sent\n")
    name = izba.detached(
        "sh", "-c",
        f"mkdir -p /d /real; echo container > /d/canary; ln -s {outside} /l; touch /ready; "
        "while :; do mv -T /d /aside; mv -T /l /d; mv -T /d /l; mv -T /aside /d; done",
    )  # fmt: skip
    izba.ok("exec", name, "sh", "-c", "until test -e /ready; do sleep 0.01; done")

    read, number = set(), 0
    while number < 20 or not (read or number > 500):
        number += 1
        got = tmp_path / f"got{number}"
        if izba("cp", f"{name}:/d/canary", str(got)).returncode == 0:
            read.add(got.read_text())
        izba("cp", str(tmp_path / "sent"), f"{name}:/d/new{number}")

    assert read <= {"container\n"}
    assert read  # it was there now and then
    assert os.listdir(outside) == ["canary"]


def test_an_archive_cannot_write_through_links_or_upwards(izba: Izba, tmp_path: Path) -> None:
    """F8, A2: a link in the archive, then a file below it; names that lead up; a hard link out."""
    name = izba.detached("sleep", "60")
    for member, kind, link in (
        ("../up", tarfile.REGTYPE, ""),
        ("link/file", tarfile.REGTYPE, ""),
        ("hard", tarfile.LNKTYPE, "../../etc/passwd"),
    ):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            planted = tarfile.TarInfo("link")
            planted.type, planted.linkname = tarfile.SYMTYPE, "/etc"
            archive.addfile(planted)
            info = tarfile.TarInfo(member)
            info.type, info.linkname = kind, link
            archive.addfile(info)

        done = subprocess.run(
            [*izba.command, "cp", "-", f"{name}:/tmp"], input=buffer.getvalue(), capture_output=True, check=False
        )

        assert done.returncode != 0, member
    assert izba("exec", name, "ls", "/etc/file", "/up").returncode != 0


def test_no_program_of_the_container_runs_and_devices_stay_behind(izba: Izba, tmp_path: Path) -> None:
    """A7, F8: CVE-2026-41567 ran the container's xz; a device node of the container is none on the host."""
    script = "mkdir /d; mknod /d/null c 1 3; mkfifo /d/fifo; echo x > /d/file; chmod 4755 /d/file; touch /ready; "
    name = izba.detached("sh", "-c", script + "exec sleep 60")
    wait_until_there(izba, name, "/ready")

    done = izba("cp", f"{name}:/d", str(tmp_path / "d"))

    assert done.returncode == 0
    assert "the device" in done.stderr
    assert sorted(os.listdir(tmp_path / "d")) == ["fifo", "file"]
    assert (tmp_path / "d" / "file").stat().st_mode & 0o6000 == 0


def test_cp_rootless(any_izba: Izba, tmp_path: Path) -> None:
    name = any_izba.detached("sh", "-c", FILES + "exec sleep 60")
    any_izba.ok("exec", name, "sh", "-c", "until test -e /src/link; do sleep 0.01; done")
    home = any_izba.user.home if any_izba.user else tmp_path

    any_izba.ok("cp", f"{name}:/src", str(home / "copied"))
    any_izba.ok("cp", str(home / "copied" / "one"), f"{name}:/tmp/again")

    assert (home / "copied" / "sub" / "two").read_text() == "two\n"
    assert any_izba.ok("exec", name, "cat", "/tmp/again") == "one"
