"""Volumes, binds and memory that somebody means harm with: names, places that are swapped for links
while they are used, archives; and who on the host can get at what is in them.
"""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from izba.volume.store import BadVolumeName, VolumeNotFound, Volumes
from tests.containers.conftest import BUSYBOX, Izba
from tests.containers.test_hostile_layers import HARMLESS, REFUSED
from tests.layer.tars import END, tree
from tests.support.users import User

pytestmark = pytest.mark.root

NONE = ("--network", "none")


def run(izba: Izba, *args: str) -> str:
    return izba.ok("run", "--rm", *NONE, *args)


@pytest.fixture
def volume(any_izba: Izba) -> Iterator[str]:
    name = any_izba.name()
    yield name
    any_izba.clean()
    any_izba("volume", "rm", "-f", name)


@pytest.fixture
def canary(place: Path) -> Iterator[Path]:
    """A directory of whoever runs izba, which nothing may get into."""
    (place / "canary").write_text("unharmed\n")
    before = tree(place)
    yield place
    assert tree(place) == before


# -- names

NAMES = {
    "upwards": "../escaped",
    "a path": "a/escaped",
    "up and down": "aa/../../escaped",
    "the directory itself": ".",
    "the one above": "..",
    "hidden, as what is half made": ".new-escaped",
    "a word that looks like a flag": "-rf",
    "a new line": "aa\nbb",
    "what a terminal would obey": "aa\x1b]0;owned\x07",
    "letters that look like others": "dаta",  # noqa: RUF001
    "wide letters": "ｄａｔａ",  # noqa: RUF001
    "a direction": "aa\u202ebb",
    "no text": "aa\udcff",
    "256 letters": "a" * 256,
    "a megabyte would not fit; 100,000 letters": "a" * 100_000,
    "one letter": "a",
    "a space": "a b",
}


def test_a_name_that_is_none_makes_and_removes_nothing(any_izba: Izba) -> None:
    any_izba.ok("volume", "create", "aa")
    before = (
        tree(any_izba.root / "volumes"),
        sorted(os.listdir(any_izba.root)),
        sorted(os.listdir(any_izba.root.parent)),
    )

    for what, name in NAMES.items():
        for words in (
            ("volume", "create", "--", name),
            ("volume", "import", "--", name, os.devnull),
            ("run", "--rm", *NONE, "--mount", f"type=volume,src={name},dst=/x", "busybox"),
        ):
            done = any_izba(*words)
            assert done.returncode == (125 if words[0] == "run" else 1), (what, words, done)
            assert len(done.stderr) < 1000
            assert all(line.isprintable() for line in done.stderr.splitlines()), (what, done.stderr)
        gone = any_izba("volume", "rm", "--", name)
        assert (gone.returncode, "no such volume" in gone.stderr) == (1, True), (what, gone)

    after = tree(any_izba.root / "volumes"), sorted(os.listdir(any_izba.root)), sorted(os.listdir(any_izba.root.parent))
    assert after == before
    any_izba.ok("volume", "rm", "aa")


def test_a_name_with_a_nul_is_none(tmp_path: Path) -> None:
    """No command line can hold one, a Compose file can."""
    volumes = Volumes(str(tmp_path))

    for name in ("aa\0", "aa\0/../../etc"):
        with pytest.raises(BadVolumeName):
            volumes.ensure(name)
        with pytest.raises(VolumeNotFound):
            volumes.get(name)
    assert list(tmp_path.iterdir()) == []


SPECIFICATIONS = (
    *(
        ":",
        "::",
        ":::",
        "aa:",
        ":/b",
        "aa::/b",
        "/tmp::",
        "aa:/b:ro:rw",
        "/tmp:/b:/c",
        "aa:/b:",
        "aa:/b:ro:",
        "/a:/b:ro:",
    ),
    *("aa:b", "aa:/", "aa:/b/../..", "/tmp:/b:ro,rw", "C:\\x:/y", "aa:/b:,", "/tmp:/b:rw,nonsense", "/", "x", ""),
)


def test_a_specification_with_a_colon_too_many_or_too_few_is_refused(any_izba: Izba) -> None:
    before = any_izba.ok("volume", "ls", "-q"), any_izba.ok("ps", "-aq")

    for text in SPECIFICATIONS:
        done = any_izba("run", "--rm", *NONE, "-v", text, "busybox")
        assert done.returncode == 125, (text, done)
        assert done.stderr.startswith("error: invalid "), done.stderr

    assert (any_izba.ok("volume", "ls", "-q"), any_izba.ok("ps", "-aq")) == before


# -- memory


def test_a_tmpfs_of_a_size_that_is_none_makes_no_container(any_izba: Izba) -> None:
    before = any_izba.ok("ps", "-aq")
    wrong = (
        "size=-1",
        "size=1e3",
        "size=9" + "0" * 30,
        "size=17179869184g",
        "mode=9",
        "mode=77777",
        "uid=-1",
        "gid=5000000000",
    )

    for option in wrong:
        done = any_izba("run", "--rm", *NONE, "--tmpfs", f"/t:{option}", "busybox")
        assert (done.returncode, f"invalid tmpfs option '{option}'" in done.stderr) == (125, True), done
    for size in ("-1", "-1m", "9" * 30, "9" * 400, "", "50%", "٣m"):
        done = any_izba("run", "--rm", *NONE, "--mount", f"type=tmpfs,dst=/t,tmpfs-size={size}", "busybox")
        assert (done.returncode, "invalid size" in done.stderr) == (125, True), done
    assert any_izba.ok("ps", "-aq") == before

    options = ("--tmpfs", "/none:size=0", "--tmpfs", "/part:size=1%", "--tmpfs", "/huge:size=1000000g")
    lines = run(
        any_izba, *options, "busybox", "sh", "-c", "grep -E ' /(none|part|huge) ' /proc/mounts; echo x >/huge/x"
    )
    assert lines.count("tmpfs") == 6, "as Docker: none is no limit, and nobody pays for what is not written"


# -- binds


def test_a_file_that_is_replaced_is_the_old_one_until_the_next_start(any_izba: Izba, place: Path) -> None:
    file = place / "file"
    file.write_text("old\n")
    name = any_izba.detached("sleep", "300", options=("-v", f"{file}:/file"))

    (place / "new").write_text("new\n")
    (place / "new").rename(file)

    assert any_izba.ok("exec", name, "cat", "/file") == "old"
    any_izba.ok("restart", "-t", "0", name)
    assert any_izba.ok("exec", name, "cat", "/file") == "new"


def test_a_source_that_leads_nowhere_is_named(any_izba: Izba, place: Path) -> None:
    os.symlink("nothing", place / "dangling")
    os.symlink("circle", place / "circle")

    for source in (place / "dangling", place / "circle"):
        for words in (("-v", f"{source}:/x"), ("--mount", f"type=bind,src={source},dst=/x")):
            done = any_izba("run", "--rm", *NONE, *words, "busybox", "true")
            assert (done.returncode, str(source) in done.stderr) == (125, True), done
            assert "Traceback" not in done.stderr
    assert sorted(os.listdir(place)) == ["circle", "dangling"], "nothing was made where it leads"


# -- one in another


def test_mounts_in_mounts_are_made_from_the_outside_in_and_stay_in_the_container(
    any_izba: Izba, volume: str, canary: Path
) -> None:
    run(any_izba, "-v", f"{volume}:/v", "busybox", "sh", "-c", f"mkdir /v/d; ln -s {canary} /v/out; ln -s /etc /v/etc")
    inner = (
        "-v",
        "/v/d/e",
        "--tmpfs",
        "/v/out/t",
        "-v",
        "/v/etc/in",
        "-v",
        f"{volume}:/v",
        "-v",
        f"{canary}:/v/d/host:ro",
    )

    script = "cat /v/d/host/canary; touch /v/d/e/x /v/out/t/x /v/etc/in/x; ls -d /etc/in; readlink /v/out"
    seen = run(any_izba, *inner, "busybox", "sh", "-c", script)

    assert seen.split() == ["unharmed", "/etc/in", str(canary)]
    left = run(any_izba, "-v", f"{volume}:/v", "busybox", "find", "/v/d")
    assert sorted(left.split()) == ["/v/d", "/v/d/e", "/v/d/host"], "what a mount needs to be on, and no more"


# -- what is swapped meanwhile


@contextmanager
def swapped(one: Path, other: Path) -> Iterator[None]:
    """Both names exchange what they mean, all the time, as a container with the volume could do it."""
    stop = threading.Event()
    exchange = ctypes.CDLL(None, use_errno=True).renameat2

    def swap() -> None:
        while not stop.is_set():
            exchange(-100, os.fsencode(one), -100, os.fsencode(other), 2)  # AT_FDCWD, RENAME_EXCHANGE

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_subpath_that_becomes_a_link_all_the_time_leads_nowhere(any_izba: Izba, volume: str, canary: Path) -> None:
    """CVE-2017-1002101, CVE-2021-25741."""
    script = f"mkdir -p /v/a/b; echo inner >/v/a/b/canary; ln -s {canary.parent} /v/c; mkdir -p /v{canary}"
    run(any_izba, "-v", f"{volume}:/v", "busybox", "sh", "-c", f"{script}; mkdir /v/a/{canary.name}")
    data = any_izba.root / "volumes" / volume / "_data"
    mount = f"type=volume,src={volume},dst=/w,volume-subpath=a/{canary.name}"

    with swapped(data / "a", data / "c"):
        for _ in range(12):
            done = any_izba(
                "run", "--rm", *NONE, "--mount", mount, "busybox", "sh", "-c", "cat /w/canary; echo x >/w/hit"
            )
            assert "unharmed" not in done.stdout


def test_what_becomes_a_link_all_the_time_is_neither_exported_nor_removed_through(
    any_izba: Izba, volume: str, canary: Path
) -> None:
    """CVE-2019-10152 and its kin, at a volume: another container has it still, or the host."""
    run(
        any_izba,
        "-v",
        f"{volume}:/v",
        "busybox",
        "sh",
        "-c",
        f"mkdir /v/a; echo inner >/v/a/canary; ln -s {canary} /v/c",
    )
    data = any_izba.root / "volumes" / volume / "_data"
    archive = any_izba.root.parent / f"{volume}.tar"

    with swapped(data / "a", data / "c"):
        for _ in range(8):
            any_izba("volume", "export", "-o", str(archive), volume)
            assert not archive.exists() or b"unharmed" not in archive.read_bytes()
        any_izba("system", "df", "-v")
        any_izba("volume", "rm", volume)
    archive.unlink(missing_ok=True)

    any_izba.ok("volume", "rm", "-f", volume)
    assert not data.exists()


def image_with(izba: Izba, name: str, files: int) -> None:
    """An image with a directory /tree of many files, one of them a log."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in ("bin", "tree", "tree/sub"):
            info = tarfile.TarInfo(path)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
        contents = {"bin/busybox": Path(BUSYBOX).read_bytes(), "tree/log": b"image\n"}
        contents |= {f"tree/sub/{number}": b"of the image\n" for number in range(files)}
        for path, content in contents.items():
            info = tarfile.TarInfo(path)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    path = izba.root.parent / f"{uuid.uuid4().hex}.tar"
    path.write_bytes(buffer.getvalue())
    try:
        izba.ok("import", str(path), name)
    finally:
        path.unlink()


FILES = 1500


@pytest.fixture
def many(any_izba: Izba) -> str:
    """An image that takes a while to fill a volume from."""
    if any_izba("image", "inspect", "many").returncode != 0:
        image_with(any_izba, "many", FILES)
    return "many"


def test_a_volume_is_filled_within_itself_whatever_is_put_in_the_way(
    any_izba: Izba, volume: str, many: str, canary: Path
) -> None:
    """Another container that has the volume makes the image's directory a link while it is being filled."""
    any_izba.ok("volume", "create", volume)
    script = f"while :; do ln -s {canary} /v/sub; rm -rf /v/sub; done 2>/dev/null"
    any_izba.detached("sh", "-c", script, options=("-v", f"{volume}:/v"))

    for _ in range(4):
        any_izba("run", "--rm", *NONE, "-v", f"{volume}:/tree", many, "/bin/busybox", "true")


def test_containers_that_fill_one_volume_at_once_keep_what_each_has_written(
    any_izba: Izba, volume: str, many: str
) -> None:
    started = [
        any_izba.popen(
            "run", "--rm", *NONE, "-v", f"{volume}:/tree", many, "/bin/busybox", "sh", "-c", f"echo {n} >>/tree/log"
        )
        for n in range(4)
    ]

    assert [each.wait(120) for each in started] == [0] * 4
    lines = run(any_izba, "-v", f"{volume}:/tree", "busybox", "cat", "/tree/log").split()
    assert (lines[0], sorted(lines[1:])) == ("image", ["0", "1", "2", "3"])


# -- archives


def test_an_archive_that_is_imported_stays_in_its_volume(any_izba: Izba, place: Path) -> None:
    """The layers of A1 to A8, as what a volume is made of."""
    aim, archive = place / "aim", place / "archive.tar"
    aim.mkdir()
    (aim / "canary").write_text("unharmed")
    any_izba.own(aim)
    any_izba.own(aim / "canary")
    before = tree(aim)
    cases = {name: make for name, (make, _) in REFUSED.items()} | HARMLESS

    for number, (case, make) in enumerate(cases.items()):
        archive.write_bytes(make(str(aim)) + END)
        done = any_izba("volume", "import", f"hostile-{number}", str(archive))
        plain = case.startswith("A4") and "outside" not in case  # a volume has no deletions
        assert done.returncode == (case in REFUSED and not plain), (case, done)
        assert all(line.isprintable() for line in done.stderr.splitlines()), (case, done.stderr)

    assert tree(aim) == before
    assert list(place.parent.rglob("escaped*")) == []
    made = [name for name in any_izba.ok("volume", "ls", "-q").split() if name.startswith("hostile-")]
    refused = [f"hostile-{number}" for number, case in enumerate(REFUSED) if not case.startswith("A4 a whiteout of")]
    assert not set(made) & set(refused)
    any_izba.ok("volume", "rm", *made)


# -- others on the host


@pytest.fixture
def crossroads(any_izba: Izba) -> Iterator[Path]:
    """A directory of whoever runs izba, on a way that everybody on the host can go."""
    path = Path(tempfile.mkdtemp(prefix="izba-open-", dir="/var/tmp"))
    path.chmod(0o755)
    yield any_izba.own(path)
    shutil.rmtree(path)


@pytest.fixture
def somebody_else(any_izba: Izba, range_user: User, single_user: User) -> User:
    """A user of the machine who has nothing to do with this izba."""
    return single_user if any_izba.user is range_user else range_user


def test_nobody_else_on_the_host_gets_at_what_containers_write(
    any_izba: Izba, crossroads: Path, somebody_else: User, busybox_archive: Path
) -> None:
    """CVE-2021-41091: a container's setuid program, run by a user of the host; also where the root was there before and
    is open to all.
    """
    shutil.copy(BUSYBOX, crossroads / "echo")
    assert somebody_else.execute([str(crossroads / "echo"), "runs"]).stdout == "runs\n"
    for root in (crossroads / "made", crossroads / "found"):
        mine = Izba(root=root, user=any_izba.user)
        if root.name == "found":
            root.mkdir(mode=0o755)
            any_izba.own(root)
        mine.ok("import", str(busybox_archive), "busybox")
        name = mine.name()
        script = "for d in /v /; do cp /bin/busybox $d/su; chmod 6755 $d/su; chmod 777 $d; done; sleep 300"
        options = ("-v", f"{name}:/v", "--env", "HTTP_PROXY=http://somebody:password@proxy.example")
        mine.ok("run", "-d", "--name", name, *NONE, *options, "busybox", "sh", "-c", script)
        try:
            mine.ok("exec", name, "sh", "-c", "until [ -u /su ]; do :; done")
            programs = [str(path) for path in root.rglob("su")]
            assert len(programs) >= 2, "that of the volume, and that of the container's own files"
            assert root.name == "found" or root.stat().st_mode & 0o077 == 0
            for path in programs:
                done = somebody_else.execute(["/bin/sh", "-c", f"exec {path} id"])
                assert (done.returncode, "denied" in done.stderr) == (126, True), done
            readable = somebody_else.execute(["find", str(root), "-type", "f", "-readable"]).stdout.split()
            assert readable == []
        finally:
            mine("rm", "-f", "-v", name)
            mine("volume", "rm", "-f", name)
