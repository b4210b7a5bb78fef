"""Volumes: who owns them, what of them is mounted, in and out of archives; and who borrows them."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.jsonio import loads
from izba.volume.store import Volumes
from tests.containers.conftest import Izba, eventually


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
def test_a_volume_belongs_to_whom_it_is_made_for_or_is_not_made(
    any_izba: Izba, volume: str, flags: tuple[str, ...]
) -> None:
    """Owners are ids of the container, whoever runs izba."""
    made = any_izba("volume", "create", *flags, volume)
    if any_izba.has_single_id:
        assert made.returncode == 1
        assert "no volume can belong to uid 1000 and gid 50 here: the ids are not mapped" in made.stderr
        assert "a range in /etc/subuid" in made.stderr
        assert any_izba("volume", "inspect", volume).returncode == 1
        return

    script = "stat -c %u:%g /data && touch /data/x"
    seen = run(any_izba, "-u", "app", "-v", f"{volume}:/data", "busybox", "sh", "-c", script)

    assert seen == "1000:50", "what the image has at that place changes nothing of it"
    assert (inspected(any_izba, volume)["UID"], inspected(any_izba, volume)["GID"]) == (1000, 50)
    any_izba.ok("volume", "rm", volume)


def test_a_volume_may_be_a_directory_of_the_host(any_izba: Izba, volume: str, place: Path) -> None:
    (place / "here").write_text("from the host\n")
    options = ("-o", "type=none", "-o", "o=bind", "-o", f"device={place}")
    any_izba.ok("volume", "create", *options, volume)

    script = "cat /data/here; echo new >/data/new"
    assert run(any_izba, "-v", f"{volume}:/data", "busybox", "sh", "-c", script) == "from the host"
    assert inspected(any_izba, volume)["Options"] == {"type": "none", "o": "bind", "device": str(place)}
    any_izba.ok("volume", "rm", volume)
    assert sorted(os.listdir(place)) == ["here", "new"], "nothing was removed, and nothing of the image copied into it"
    assert (place / "new").stat().st_uid == place.stat().st_uid


def test_options_that_izba_has_not_are_refused(any_izba: Izba) -> None:
    for options, said in (
        (["type=nfs", "o=addr=x", "device=:/x"], "invalid option o=addr=x"),
        (["type=tmpfs", "device=tmpfs"], "--tmpfs, or `tmpfs:` of a Compose service, is memory"),
        (["colour=red"], 'invalid option: "colour"'),
        (["o=bind", "device=x"], "an absolute path as its device"),
    ):
        done = any_izba("volume", "create", *(word for each in options for word in ("-o", each)), "refused")
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr
        assert any_izba("volume", "inspect", "refused").returncode == 1


# -- by hand


def test_volumes_are_made_and_listed(any_izba: Izba, volume: str) -> None:
    assert any_izba.ok("volume", "create", "--label", "a=b", "--driver", "local", volume) == volume
    assert any_izba.ok("volume", "create", volume) == volume, "it is there already"
    nameless = any_izba.ok("volume", "create")
    used = any_izba.name()
    any_izba.ok("create", "--name", used, "--network", "none", "-v", f"{volume}:/m", "busybox")

    def names(*filters: str) -> set[str]:
        words = [word for each in filters for word in ("--filter", each)]
        return set(any_izba.ok("volume", "ls", "-q", *words).split()) & {volume, nameless}

    assert names() == names("driver=local") == {volume, nameless}
    assert names(f"name={volume[:6]}") == names("label=a") == names("label=a=b") == {volume}
    assert names("dangling=false") == {volume}
    assert names("dangling=true") == {nameless}
    assert names("label=a=c") == set()
    assert any_izba("volume", "ls", "--filter", "colour=red").returncode == 1
    header, *lines = any_izba.ok("volume", "ls").splitlines()
    assert header.split() == ["DRIVER", "VOLUME", "NAME"]
    assert ["local", volume] in [line.split() for line in lines]
    assert any_izba.ok("volume", "ls", "--filter", "label=a", "--format", "{{.Name}} {{.Labels}}") == f"{volume} a=b"
    document = inspected(any_izba, volume)
    assert document | {"CreatedAt": ""} == {
        "CreatedAt": "",
        "Driver": "local",
        "Labels": {"a": "b"},
        "Mountpoint": str(any_izba.root / "volumes" / volume / "_data"),
        "Name": volume,
        "Options": None,
        "Scope": "local",
    }
    any_izba.ok("rm", used)
    any_izba.ok("volume", "rm", volume, nameless)


def test_a_volume_that_is_removed_while_they_are_listed_is_not_there(tmp_path: Path) -> None:
    """As what is left between a listing of the directory and the look at each."""
    volumes = Volumes(str(tmp_path / "volumes"))
    volumes.ensure("stays")
    (tmp_path / "volumes" / "gone").mkdir()

    assert [volume.name for volume in volumes.all()] == ["stays"]


def test_volumes_are_removed_when_nobody_uses_them(any_izba: Izba, volume: str) -> None:
    any_izba.ok("volume", "create", "--label", "of=test", volume)
    name = any_izba.detached("sleep", "60", options=("-v", f"{volume}:/m", "-v", "/anonymous"))
    anonymous = next(each["Name"] for each in any_izba.inspect(name)["Mounts"] if each["Name"] != volume)
    id = any_izba.inspect(name)["Id"]

    refused = any_izba("volume", "rm", volume)
    in_use = any_izba.ok("volume", "prune", "--all", "-f")
    any_izba.ok("rm", "-f", name)
    asked = any_izba("volume", "prune", input="n\n")
    pruned = any_izba.ok("volume", "prune", "-f")

    assert (refused.returncode, f"remove {volume}: volume is in use - [{id}]" in refused.stderr) == (1, True)
    assert volume not in in_use.split()
    assert asked.stdout.startswith("WARNING! This will remove anonymous local volumes")
    assert "Total reclaimed space: " in pruned
    assert (anonymous in pruned.split(), volume in pruned.split()) == (True, False)
    for kept in ("label!=of=test", "label!=of", "label=of=nothing"):
        assert volume not in any_izba.ok("volume", "prune", "--all", "-f", "--filter", kept).split()
    assert volume in any_izba.ok("volume", "prune", "--all", "-f", "--filter", "label!=of=other").split()
    gone = any_izba("volume", "rm", volume)
    assert (gone.returncode, f"get {volume}: no such volume" in gone.stderr) == (1, True)
    any_izba.ok("volume", "rm", "-f", volume)
    assert "includes invalid characters" in any_izba("volume", "create", "a/b").stderr


def test_a_new_volume_has_what_the_image_has_there_unless_told_otherwise(any_izba: Izba, volume: str) -> None:
    listed = ("busybox", "sh", "-c", "ls -A /data; stat -c %a:%u /data /data/* 2>&1 | head -n 2")
    assert run(any_izba, "-v", f"{volume}:/data:nocopy", *listed).split()[0].startswith("755:")
    mount = f"type=volume,src={volume},dst=/data,volume-nocopy,readonly"
    assert "seed" not in run(any_izba, "--mount", mount, *listed)
    copied = run(any_izba, "--mount", f"type=volume,src={volume},dst=/data,volume-label=a=b", *listed).split()
    assert copied == ["seed", "755:0", "640:0"]
    any_izba.ok("volume", "rm", volume)

    run(any_izba, "-v", f"{volume}:/v", "busybox", "touch", "/v/mine")
    assert run(any_izba, "-v", f"{volume}:/data", "busybox", "ls", "/data") == "mine", "what has something in it stays"
    any_izba.ok("volume", "rm", volume)
    run(any_izba, "--mount", f"type=volume,src={volume},dst=/v,volume-label=a=b", "busybox", "true")
    assert inspected(any_izba, volume)["Labels"] == {"a": "b"}
    any_izba.ok("volume", "rm", volume)


def test_what_survives_what(any_izba: Izba, volume: str, place: Path) -> None:
    """The table of docs/volumes.md."""
    name = any_izba.name()
    mounts = ("-v", f"{volume}:/named", "-v", "/unnamed", "-v", f"{place}:/bound", "--tmpfs", "/memory")
    everywhere = "/own /named /unnamed /bound /memory"
    script = f"mkdir -p /own; for d in {everywhere}; do cat $d/file; echo kept >$d/file; done 2>/dev/null"
    any_izba.ok("create", "--name", name, "--network", "none", *mounts, "busybox", "sh", "-c", script)
    unnamed = next(each["Name"] for each in any_izba.inspect(name)["Mounts"] if each["Destination"] == "/unnamed")

    assert any_izba.ok("start", "-a", name) == ""
    assert any_izba.ok("start", "-a", name).split() == ["kept"] * 4, "all but memory"

    any_izba.ok("rm", "-v", name)
    assert run(any_izba, "-v", f"{volume}:/named", "busybox", "cat", "/named/file") == "kept"
    assert (place / "file").read_text() == "kept\n"
    assert any_izba("volume", "inspect", unnamed).returncode == 1
    any_izba.ok("volume", "rm", volume)


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


def test_a_subpath_never_leads_out_of_its_volume(any_izba: Izba, place: Path) -> None:
    name = any_izba.name()
    (place / "canary").write_text("host\n")
    run(
        any_izba,
        "-v",
        f"{name}:/v",
        "busybox",
        "sh",
        "-c",
        f"ln -s {place} /v/out; ln -s /../../.. /v/up; ln -s out /v/two",
    )

    for subpath in ("out", "up/etc", "two", "missing"):
        mount = f"type=volume,src={name},dst=/w,volume-subpath={subpath}"
        done = any_izba("run", "--rm", "--network", "none", "--mount", mount, "busybox", "cat", "/w/canary")
        assert done.returncode == 125, (subpath, done.stdout)
        assert f"'{subpath}' of the volume" in done.stderr
        assert "no such file or directory" in done.stderr
    for subpath in ("../..", "/etc", "a/../../b"):
        done = any_izba(
            "run", "--rm", "--mount", f"type=volume,src={name},dst=/w,volume-subpath={subpath}", "busybox", "true"
        )
        assert done.returncode == 125
        assert "must be a relative path within the volume" in done.stderr
    any_izba.ok("volume", "rm", name)


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

    eventually(lambda: any_izba("exec", borrower, "cat", "/mine/x").stdout == "lent\n")
    assert any_izba.ok("volume", "inspect", "-f", "{{.Name}}", mount["Name"]) == mount["Name"]
    assert [mount["Destination"] for mount in any_izba.inspect(borrower)["Mounts"]] == ["/mine"], "no --tmpfs"
    again = ("--volumes-from", f"{borrower}:ro", "busybox", "sh", "-c", "cat /mine/x; echo >/mine/y || echo refused")
    assert run(any_izba, *again).split() == ["lent", "refused"]
    any_izba.ok("rm", "-f", "-v", borrower)
    assert any_izba("volume", "inspect", mount["Name"]).returncode == 1


def test_ones_own_mount_is_before_a_borrowed_one(any_izba: Izba, place: Path) -> None:
    (place / "mine").write_text("own\n")
    owner = any_izba.name()
    any_izba.ok("create", "--name", owner, "-v", "/shared", "busybox", "true")

    assert run(any_izba, "--volumes-from", owner, "-v", f"{place}:/shared", "busybox", "ls", "/shared") == "mine"
    assert any_izba("run", "--rm", "--volumes-from", "nobody", "busybox", "true").returncode == 125


# -- binds


def test_a_bind_in_short_and_in_long_syntax(any_izba: Izba, place: Path) -> None:
    (place / "file").write_text("host\n")
    binds = ("-v", f"{place}:/short", "--mount", f"type=bind,source={place},target=/long,readonly",
             "-v", f"{place}/file:/one:ro", "-v", f"{place}:/shut:ro")  # fmt: skip
    script = "cat /short/file /long/file /one; echo made >/short/by; for p in /long/x /one /shut/x; do echo >$p; done"

    done = any_izba("run", "--rm", "--network", "none", *binds, "busybox", "sh", "-c", script)

    assert done.stdout == "host\n" * 3
    assert done.stderr.count("Read-only file system") == 3
    assert sorted(os.listdir(place)) == ["by", "file"]
    assert (place / "by").stat().st_uid == place.stat().st_uid


def test_a_source_that_is_missing_is_made_by_v_and_refused_by_mount(any_izba: Izba, place: Path) -> None:
    run(any_izba, "-v", f"{place}/made/deep:/m", "busybox", "touch", "/m/x")
    assert (place / "made/deep/x").stat().st_uid == place.stat().st_uid

    long = any_izba("run", "--rm", "--mount", f"type=bind,src={place}/missing,dst=/m", "busybox", "true")

    assert long.returncode == 125
    assert f"bind source path does not exist: {place}/missing" in long.stderr
    assert "use -v, which makes a directory there" in long.stderr
    assert os.listdir(place) == ["made"]


def test_a_source_that_cannot_be_made_is_told(any_izba: Izba, place: Path) -> None:
    (place / "file").write_text("")
    sources = {f"{place}/file/below": "not a directory"}
    if any_izba.user:
        sources["/etc/izba-missing"] = "permission denied"
    for source, reason in sources.items():
        done = any_izba("run", "--rm", "-v", f"{source}:/m", "busybox", "true")
        assert done.returncode == 125
        assert f"error while creating mount source path '{source}': {reason}" in done.stderr
        assert "bind a directory of your own" in done.stderr


@pytest.fixture
def shared(place: Path, any_izba: Izba) -> Iterator[Path]:
    """A directory, of whose mounts others get to know, with a directory `inner` in it."""
    source = place / "source"
    (source / "inner").mkdir(parents=True)
    for path in (source, source / "inner"):
        any_izba.own(path)
    subprocess.run(["mount", "--bind", source, source], check=True)
    subprocess.run(["mount", "--make-shared", source], check=True)
    yield source
    any_izba.clean()
    subprocess.run(["umount", "-R", "-l", source], check=True)


def mount_late(source: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "late", source / "inner"], check=True)
    (source / "inner" / "late").write_text("")


@pytest.mark.root
def test_what_the_host_mounts_later_arrives_in_a_slave_bind_only(any_izba: Izba, shared: Path) -> None:
    long = ("--mount", f"type=bind,src={shared},dst=/s,bind-propagation=rslave")
    slaves = [any_izba.detached("sleep", "60", options=one) for one in (("-v", f"{shared}:/s:rslave"), long)]
    private = any_izba.detached("sleep", "60", options=("-v", f"{shared}:/s"))

    mount_late(shared)

    assert [any_izba.ok("exec", slave, "ls", "/s/inner") for slave in slaves] == ["late", "late"]
    assert any_izba.ok("exec", private, "ls", "/s/inner") == ""
    assert any_izba.inspect(slaves[0])["Mounts"][0]["Propagation"] == "rslave"
    wrong = any_izba("run", "--mount", f"type=bind,src={shared},dst=/s,bind-propagation=up", "busybox")
    assert (wrong.returncode, "invalid propagation 'up'" in wrong.stderr) == (125, True)


@pytest.mark.root
def test_a_shared_bind_carries_mounts_of_the_container_to_the_host_where_root_asks(
    any_izba: Izba, shared: Path
) -> None:
    bind = ("--privileged", "-v", f"{shared}:/s:rshared")
    script = "mount -t tmpfs theirs /s/inner && touch /s/inner/x && ls /s/inner"

    done = any_izba("run", "--rm", "--network", "none", *bind, "busybox", "sh", "-c", script)

    assert done.stdout == "x\n"
    arrived = f"theirs {shared}/inner tmpfs" in Path("/proc/mounts").read_text()
    warned = "/s is rshared: mounts of the host reach the container, and its own stay in it" in done.stderr
    assert (arrived, warned) == ((True, False) if any_izba.user is None else (False, True)), done.stderr


@pytest.mark.root
def test_what_is_mounted_below_a_bind_comes_along_and_is_read_only_too(any_izba: Izba, shared: Path) -> None:
    mount_late(shared)

    script = "ls /s/inner; echo >/s/inner/new || echo refused"
    assert run(any_izba, "-v", f"{shared}:/s:ro", "busybox", "sh", "-c", script).split() == ["late", "refused"]

    mount = f"type=bind,src={shared},dst=/s,bind-nonrecursive"
    done = any_izba("run", "--rm", "--network", "none", "--mount", mount, "busybox", "ls", "/s/inner")
    if any_izba.user is None:
        assert (done.returncode, done.stdout) == (0, "")
    else:
        assert done.returncode == 125
        assert "only root can leave out what is mounted below it" in done.stderr


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


def test_memory_belongs_to_whom_it_is_made_for_where_there_is_somebody_else(any_izba: Izba) -> None:
    options = ("--network", "none", "--tmpfs", "/t:uid=1000,gid=50,mode=750")

    done = any_izba("run", "--rm", *options, "busybox", "stat", "-c", "%u:%g:%a", "/t")

    if any_izba.has_single_id:
        assert done.stdout == "0:0:750\n"
        assert "/t belongs to the user, as all files with a single id do: uid=1000 is left out" in done.stderr
    else:
        assert (done.stdout, done.stderr) == ("1000:50:750\n", "")


def test_a_tmpfs_where_nothing_was_is_open_to_all_at_each_start(any_izba: Izba, place: Path) -> None:
    name = any_izba.name()
    mounts = ("--tmpfs", "/new/one", "-v", f"{place}:/host", "--tmpfs", "/host/new")
    command = ("busybox", "stat", "-c", "%a", "/new", "/new/one")
    any_izba.ok("create", "--name", name, "--network", "none", *mounts, *command)

    assert [any_izba.ok("start", "-a", name).split() for _ in range(2)] == [["755", "1777"]] * 2
    assert (place / "new").stat().st_mode & 0o7777 == 0o755, "the host is left no directory that is everybody's"


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


def test_an_import_lands_in_the_volume_and_nowhere_else(any_izba: Izba, place: Path) -> None:
    name = any_izba.ok("volume", "create", any_izba.name())
    (place / "canary").write_text("untouched")
    archive = place / "evil.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        link = tarfile.TarInfo("way")
        link.type, link.linkname = tarfile.SYMTYPE, str(place)
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo("way/canary"))
        tar.addfile(tarfile.TarInfo("../../escaped"))

    any_izba("volume", "import", name, str(archive))

    assert (place / "canary").read_text() == "untouched"
    assert not list(any_izba.root.glob("**/escaped"))
    assert any_izba("volume", "export", "missing").returncode == 1
    any_izba.ok("volume", "rm", "-f", name)


def test_an_import_that_fails_makes_no_volume(any_izba: Izba, place: Path) -> None:
    (place / "torn.tar").write_bytes(b"x" * 700)

    done = any_izba("volume", "import", "torn-volume", str(place / "torn.tar"))

    assert done.returncode == 1
    assert any_izba("volume", "inspect", "torn-volume").returncode == 1
