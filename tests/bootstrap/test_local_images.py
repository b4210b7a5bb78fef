"""From a mirror to an image, with an archive of the tests' own: what is made, and that a failure leaves nothing."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.bootstrap.fetch.cache import Cache
from tests.bootstrap.conftest import Mirror
from tests.bootstrap.debs import NOW, Deb, Entry, Key, LocalArchive, directory, file, symlink
from tests.support.users import User

TABLE = b"\x7fELF padding\0[\0[[\0ash\0busybox\0cat\0sh\0\0more"

# Enough of dpkg for a system of four packages: runs the postinst scripts of what is unpacked.
DPKG = b"""#!/bin/sh
set -e
for script in /var/lib/dpkg/info/*.postinst; do
    [ ! -e "$script" ] || "$script" configure
done
sed -i 's/^Status: install ok unpacked/Status: install ok installed/' /var/lib/dpkg/status
"""
POSTINST = """#!/bin/sh
set -e
echo "configured at $SOURCE_DATE_EPOCH on $(hostname)" > /etc/configured
date > /var/log/base.log; date > /tmp/scratch; date > /etc/passwd-
ls /sys/class/net > /etc/interfaces
"""
COMMANDS = "cat date echo find grep hostname ls mkdir rm sed sh touch truncate stat"


class Izba:
    """The command line on a store of its own, with the test's mirror."""

    def __init__(self, root: Path, mirror: Mirror, keyring: Path) -> None:
        self.root = root
        self.flags = ("--mirror", mirror.url, "--keyring", str(keyring))

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "izba", "--root", str(self.root), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def bootstrap(self, name: str, *flags: str) -> subprocess.CompletedProcess[str]:
        return self("image", "bootstrap", *self.flags, *flags, name)

    def make(self, name: str, *flags: str) -> str:
        """Bootstrap `name`; the image's id."""
        done = self.bootstrap(name, "-q", *flags)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def refused(self, name: str, *flags: str) -> str:
        """What is said when `name` cannot be made; and nothing is left of the attempt."""
        done = self.bootstrap(name, *flags)
        assert done.returncode == 1
        assert done.stdout == ""
        assert self("images", "-q").stdout == ""
        assert list((self.root / "snapshots/overlay").glob("*/fs")) == []
        return done.stderr

    def layers(self, name: str) -> list[str]:
        """The names in each layer of the image as `save` writes it."""
        self("save", "-o", str(self.root / "saved.tar"), name)
        where = self.root / "saved"
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir()
        subprocess.run(["tar", "xf", self.root / "saved.tar", "-C", where], check=True)
        (manifest,) = json.loads((where / "manifest.json").read_text())
        tars = [["tar", "tf", where / layer] for layer in manifest["Layers"]]
        return [subprocess.run(tar, check=True, capture_output=True, text=True).stdout for tar in tars]

    def config(self, name: str) -> dict[str, object]:
        (document,) = json.loads(self("image", "inspect", name).stdout)
        config: dict[str, object] = document
        return config


@pytest.fixture
def keyring(tmp_path: Path, key: Key) -> Path:
    return key.save(tmp_path / "keyring.gpg")


@pytest.fixture
def izba(tmp_path: Path, mirror: Mirror, keyring: Path) -> Izba:
    return Izba(tmp_path / "izba", mirror, keyring)


@pytest.fixture
def busybox(archive: LocalArchive) -> Deb:
    return Deb("busybox-static", "1:1.99-1", data=[directory("bin"), file("bin/busybox", TABLE, mode=0o755)])


def small_system(postinst: str = POSTINST) -> list[Deb]:
    """A Debian of four packages, on the host's static busybox."""
    # Its shell would take its own dpkg for ours, so that one gets another name (in order, as the table is sorted).
    program = Path("/bin/busybox").read_bytes().replace(b"\0dpkg\0", b"\0dpkf\0")
    folders = "dev etc proc run sys tmp usr usr/bin usr/sbin var var/cache var/lib var/lib/apt var/lib/apt/lists"
    folders += " var/lib/dpkg var/log var/tmp usr/share usr/share/doc usr/share/doc/base"
    required = {"Priority": "required"}
    return [
        Deb(
            "base",
            fields={"Essential": "yes", "Depends": "shell, missing | dpkg", **required},
            data=[
                directory("."),
                *(directory(name) for name in folders.split()),
                symlink("bin", "usr/bin"),
                file("usr/share/doc/base/changelog.gz"),
                file("usr/share/doc/base/copyright"),
                file("etc/base.conf", b"a=1\n", mtime=NOW + 50),
            ],
            control={"postinst": postinst, "conffiles": "/etc/base.conf\n"},
        ),
        Deb(
            "static-shell",
            fields={"Provides": "shell", **required},
            data=[
                file("bin/busybox", program, mode=0o755),
                *(symlink(f"bin/{name}", "busybox") for name in COMMANDS.split()),
            ],
        ),
        Deb("dpkg", fields=required, data=[file("usr/bin/dpkg", DPKG, mode=0o755)]),
        Deb("apt", "1.2", fields={"Depends": "base"}, data=[directory("etc/apt")]),
    ]


needs_busybox = pytest.mark.peer("busybox")


# --- what is made --------------------------------------------------------------------------------------------------


def test_busybox_is_made_from_its_package(archive: LocalArchive, izba: Izba, busybox: Deb) -> None:
    archive.add(busybox)
    archive.publish()

    id = izba.make("busybox")

    assert izba("images", "--no-trunc", "-q").stdout.strip() == id
    (names,) = izba.layers("busybox")
    assert {"bin/busybox", "bin/sh", "bin/[", "bin/[[", "etc/passwd", "usr/bin/env"} <= set(names.split())
    assert izba.config("busybox")["Config"]["Labels"]["org.opencontainers.image.version"] == "1.99"  # type: ignore[index]


@needs_busybox
def test_debian_is_unpacked_configured_and_tidied(archive: LocalArchive, izba: Izba) -> None:
    for deb in small_system():
        archive.add(deb)
    archive.publish()

    izba.make("debian:bookworm-slim")

    (listing,) = izba.layers("debian:bookworm-slim")
    names = set(listing.split())
    assert {"etc/configured", "etc/base.conf", "usr/bin/busybox", "bin", "usr/share/doc/base/copyright"} <= names
    assert not names & {"usr/share/doc/base/changelog.gz", "var/log/base.log", "tmp/scratch", "etc/passwd-"}
    look = "cat /etc/configured /etc/interfaces; stat -c %Y /etc/configured"
    run = izba("run", "--rm", "debian:bookworm-slim", "sh", "-c", look)
    # No network but its own, no name of the host, no time but that of the newest file of a package.
    assert run.stdout.splitlines() == [f"configured at {NOW + 50} on localhost", "lo", str(NOW + 50)]
    status = izba("run", "--rm", "debian:bookworm-slim", "cat", "/var/lib/dpkg/status").stdout
    assert status.count("Status: install ok installed") == 4
    sources = izba("run", "--rm", "debian:bookworm-slim", "cat", "/etc/apt/sources.list.d/debian.sources").stdout
    assert f"URIs: {izba.flags[1]}\n" in sources
    assert "Signed-By: /etc/apt/keyrings/keyring.gpg\n" in sources


@needs_busybox
def test_the_same_packages_give_the_same_image_on_another_day(
    archive: LocalArchive, izba: Izba, mirror: Mirror, keyring: Path, tmp_path: Path
) -> None:
    for deb in small_system():
        archive.add(deb)
    archive.publish(date=time.time() - 100 * 86400)
    first = izba.make("debian:bookworm-slim")

    archive.publish(date=time.time() - 60, compression="gz")
    second = Izba(tmp_path / "other", mirror, keyring).make("debian:bookworm-slim")

    assert second == first


@needs_busybox
@pytest.mark.root
def test_an_ordinary_user_makes_the_same_image(
    archive: LocalArchive, izba: Izba, user_izba: User, keyring: Path, tmp_path: Path
) -> None:
    for deb in small_system():
        archive.add(deb)
    archive.publish()
    copy = user_izba.home / "keyring.gpg"
    copy.write_bytes(keyring.read_bytes())

    mine = izba.make("debian:bookworm-slim")
    theirs = user_izba.run("image", "bootstrap", "-q", *izba.flags[:3], str(copy), "debian:bookworm-slim", check=True)

    assert theirs.stdout.strip() == mine


def test_a_second_time_downloads_and_unpacks_nothing(
    archive: LocalArchive, izba: Izba, mirror: Mirror, busybox: Deb
) -> None:
    archive.add(busybox)
    archive.publish()
    first = izba.make("busybox")
    mirror.requests.clear()

    done = izba.bootstrap("busybox:latest")

    assert done.stdout == f"busybox:latest {first}\n"
    assert "Unpacking" not in done.stderr
    assert [path for path, _ in mirror.requests if path.endswith((".deb", ".xz"))] == []


def test_a_newer_package_gives_a_new_image(archive: LocalArchive, izba: Izba, busybox: Deb) -> None:
    archive.add(busybox)
    archive.publish()
    first = izba.make("busybox")
    archive.add(Deb("busybox-static", "1:2.0-1", data=[file("bin/busybox", TABLE + b"new", mode=0o755)]))
    archive.publish()

    assert izba.make("busybox") != first


def test_what_was_downloaded_is_told_by_df_and_goes_when_all_is_pruned(
    archive: LocalArchive, izba: Izba, busybox: Deb
) -> None:
    archive.add(busybox)
    archive.publish()
    id, downloads = izba.make("busybox"), izba.root / "cache/bootstrap"

    told = izba("builder", "du", "--verbose").stdout
    spared = izba("builder", "prune", "-f").stdout
    with Cache(str(downloads)).in_use():
        used = izba("builder", "prune", "-a", "-f").stdout
    assert downloads.exists()
    pruned = izba("system", "prune", "-a", "-f").stdout

    assert "packages that base images are made of" in told
    assert "bootstrap" not in spared + used
    assert "Deleted build cache objects:\nbootstrap\n" in pruned
    assert [path.name for path in downloads.parent.iterdir()] == ["bootstrap.lock"]
    assert izba("system", "df", "--format", "{{.Type}} {{.Size}}").stdout.endswith("Build Cache 0B\n")
    assert izba.make("busybox") == id


# --- what is refused, and leaves nothing ---------------------------------------------------------------------------


def test_a_wrong_signature(archive: LocalArchive, izba: Izba, busybox: Deb) -> None:
    archive.add(busybox)
    archive.publish(key=Key("Mallory <mallory@example.org>"))

    said = izba.refused("busybox")

    assert "InRelease" in said
    assert "hint: the keys of" in said
    assert "--keyring" in said


def test_a_package_whose_hash_is_wrong(archive: LocalArchive, izba: Izba, busybox: Deb) -> None:
    content = bytearray(busybox.build())
    content[-1] ^= 1
    archive.add(busybox, content=bytes(content))
    archive.publish()

    said = izba.refused("busybox")

    assert "busybox-static_1%253a1.99-1_amd64.deb: its sha256 is" in said
    assert "hint:" in said


def test_a_missing_package(archive: LocalArchive, izba: Izba) -> None:
    archive.add(Deb("base", fields={"Priority": "required", "Depends": "nowhere"}))
    archive.add(Deb("apt"))
    archive.publish()

    assert "package busybox-static is not in" in izba.refused("busybox")
    assert "package nowhere, which base needs, is not in" in izba.refused("debian:bookworm-slim")


def test_a_package_that_the_mirror_lost(archive: LocalArchive, izba: Izba, busybox: Deb) -> None:
    archive.add(busybox).unlink()
    archive.publish()

    assert "HTTP 404" in izba.refused("busybox")


def test_a_mirror_that_is_not_there(izba: Izba) -> None:
    izba.flags = ("--mirror", "http://127.0.0.1:9/debian", *izba.flags[2:])

    assert "cannot download http://127.0.0.1:9/debian/dists/bookworm/InRelease" in izba.refused("busybox")


def test_a_name_that_izba_has_no_recipe_for(izba: Izba) -> None:
    for name in ("alpine", "debian:potato", "example.org/debian:bookworm-slim", "me/python:3.11-slim"):
        said = izba.refused(name)
        assert "izba has no recipe for" in said
        assert "debian:bookworm-slim" in said


def test_a_package_with_a_hostile_name_in_it(archive: LocalArchive, izba: Izba, tmp_path: Path) -> None:
    """A1."""
    (tmp_path / "canary").write_text("unchanged")
    archive.add(Deb("apt", data=[Entry(name=f"./../../../../../..{tmp_path}/canary", data=b"evil")]))
    archive.publish()

    assert "package apt:" in izba.refused("debian:bookworm-slim")
    assert (tmp_path / "canary").read_text() == "unchanged"


@needs_busybox
def test_a_script_that_fails_is_shown(archive: LocalArchive, izba: Izba) -> None:
    for deb in small_system("#!/bin/sh\necho the reason why\nexit 7\n"):
        archive.add(deb)
    archive.publish()

    said = izba.refused("debian:bookworm-slim")

    assert "error: configuring the packages of debian slim bookworm failed with exit code 7" in said
    assert "the reason why" in said


def test_an_architecture_that_the_mirror_lacks(archive: LocalArchive, izba: Izba, busybox: Deb) -> None:
    archive.add(busybox)
    archive.publish()

    said = izba.refused("busybox", "--arch", "arm64")

    assert "has no packages of component main for arm64" in said


@needs_busybox
def test_a_signal_in_the_middle_leaves_nothing(archive: LocalArchive, izba: Izba) -> None:
    for deb in small_system("#!/bin/sh\nwhile :; do :; done\n"):
        archive.add(deb)
    archive.publish()
    command = [sys.executable, "-m", "izba", "--root", str(izba.root), "image", "bootstrap", *izba.flags, "debian"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Configuring"):
                break
        time.sleep(0.5)
        process.kill()
    _await(lambda: not _processes_in(izba.root))

    assert izba("images", "-q").stdout == ""
    assert izba("system", "check").returncode in {0, 1}
    assert os.path.ismount(izba.root) is False


def _processes_in(root: Path) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            texts = [(entry / name).read_text() for name in ("cmdline", "mountinfo")] if entry.name.isdigit() else []
        except OSError:
            continue
        if any(str(root) in text for text in texts):
            found.append(entry.name)
    return [pid for pid in found if int(pid) != os.getpid()]


def _await(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
