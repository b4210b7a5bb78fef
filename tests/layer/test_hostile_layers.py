"""attacks.md, section A: what no layer may do, each with a canary on the host beside it."""

from __future__ import annotations

import gzip
import io
import os
import resource
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.errors import DataLoss
from izba.layer.apply import apply
from izba.layer.compress import decompressor
from izba.layer.fsops import OwnerOutOfRange, Privileged, fsops
from izba.layer.tarheader import BadTar
from izba.layer.tarstream import Limits
from tests.layer.tars import END, OVERLAY, apply_bytes, directory, hardlink, member, record, symlink, tree


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Where layers are applied. Beside it lie a canary file and directory, which must stay as they are."""
    host = tmp_path / "host"
    host.mkdir()
    (host / "canary").write_text("unharmed")
    (host / "directory").mkdir()
    os.chmod(host / "canary", 0o640)
    before = tree(host)
    before_all = accounts()
    root = tmp_path / "one" / "two" / "fs"
    root.mkdir(parents=True)
    yield root
    assert tree(host) == before
    assert accounts() == before_all
    assert [entry.name for entry in (tmp_path / "one").iterdir()] == ["two"]
    assert [entry.name for entry in (tmp_path / "one" / "two").iterdir()] == ["fs"]


def accounts() -> list[str]:
    """The machine's users, without those that other tests make and remove meanwhile."""
    lines = Path("/etc/passwd").read_text().splitlines()
    return [line for line in lines if not line.startswith(("izbar", "izbas"))]


@pytest.fixture(params=["overlay", "whole tree"])
def overlay(request: pytest.FixtureRequest) -> object:
    return OVERLAY if request.param == "overlay" else None


@pytest.mark.parametrize(
    "name", ["../escaped", "a/../../escaped", "./../escaped", "/../escaped", "a/./../..", "../../host/canary"]
)
def test_a_name_that_leads_out_is_refused(root: Path, overlay: object, name: str) -> None:
    """A1."""
    with pytest.raises(BadTar, match="leads out of the layer"):
        apply_bytes(member(name, b"x") + END, root, overlay=overlay)


def test_absolute_names_are_names_in_the_root(root: Path, overlay: object) -> None:
    """A1."""
    apply_bytes(member("/etc/passwd", b"inside") + member("//x//y/./z", b"inside") + END, root, overlay=overlay)

    assert (root / "etc/passwd").read_bytes() == b"inside"
    assert (root / "x/y/z").read_bytes() == b"inside"


def test_an_entry_without_name_is_refused(root: Path, overlay: object) -> None:
    """A1."""
    with pytest.raises(BadTar, match="no name"):
        apply_bytes(member("", b"x") + END, root, overlay=overlay)


KINDS = {"file": b"0", "symlink": b"2", "hard link": b"1", "fifo": b"6"}
ROOTS = [(name, kind) for name in (".", "/", "./", "./.", "a/..") for kind in KINDS]


@pytest.mark.parametrize(("name", "kind"), [one for one in ROOTS if one not in {("/", "file"), ("./", "file")}])
def test_the_root_stays_a_directory(root: Path, overlay: object, name: str, kind: str) -> None:
    """A1; CVE-2021-29136. A file whose name ends with a slash is a directory."""
    with pytest.raises(BadTar):
        apply_bytes(member(name, type=KINDS[kind], link="/tmp") + END, root, overlay=overlay)

    assert root.is_dir()
    assert not root.is_symlink()


def test_a_symlink_to_the_host_is_followed_inside_the_root(root: Path, overlay: object, tmp_path: Path) -> None:
    """A2; CVE-2018-15664's class."""
    host = str(tmp_path / "host")
    layer = (
        symlink("absolute", host)
        + member("absolute/canary", b"hit")
        + symlink("relative", "../" * 20 + host)
        + member("relative/other", b"hit")
        + symlink("deep", "absolute/directory")
        + member("deep/file", b"hit")
    )
    apply_bytes(layer + END, root, overlay=overlay)

    inside = root / host.lstrip("/")
    assert (inside / "canary").read_bytes() == b"hit"
    assert (inside / "other").read_bytes() == b"hit"
    assert (inside / "directory/file").read_bytes() == b"hit"


def test_a_symlink_of_an_earlier_layer_is_followed_inside_the_root(root: Path, tmp_path: Path) -> None:
    """A2, across layers onto one tree."""
    apply_bytes(symlink("a", str(tmp_path / "host")) + END, root, overlay=None)
    apply_bytes(member("a/canary", b"hit") + END, root, overlay=None)

    assert (root / str(tmp_path).lstrip("/") / "host/canary").read_bytes() == b"hit"


def test_a_file_over_a_symlink_replaces_the_link(root: Path, overlay: object, tmp_path: Path) -> None:
    """A2: the last component is never followed."""
    apply_bytes(symlink("a", str(tmp_path / "host/canary")) + member("a", b"mine") + END, root, overlay=overlay)

    assert not (root / "a").is_symlink()
    assert (root / "a").read_bytes() == b"mine"


def test_a_directory_over_a_symlink_replaces_the_link(root: Path, overlay: object, tmp_path: Path) -> None:
    """A2: and what comes after goes into the directory, not where the link led."""
    link = symlink("a", str(tmp_path / "host")) + member("a/before", b"1")
    apply_bytes(link + directory("a", uid=5) + member("a/after", b"2") + END, root, overlay=overlay)

    assert sorted(entry.name for entry in (root / "a").iterdir()) == ["after"]


def test_a_directory_changed_into_a_symlink_does_not_lead_its_files_out(
    root: Path, overlay: object, tmp_path: Path
) -> None:
    """A2: a cached parent is forgotten, and times set at the end go nowhere."""
    layer = directory("a/b") + member("a/b/x", b"1") + symlink("a", str(tmp_path / "host")) + member("a/b/y", b"2")
    apply_bytes(layer + END, root, overlay=overlay)

    assert os.readlink(root / "a") == str(tmp_path / "host")
    assert (root / str(tmp_path).lstrip("/") / "host/b/y").read_bytes() == b"2"


def test_symlinks_in_a_circle_are_an_error(root: Path, overlay: object) -> None:
    """A2."""
    with pytest.raises(BadTar, match="too many symbolic links"):
        apply_bytes(symlink("a", "b") + symlink("b", "a") + member("a/x", b"") + END, root, overlay=overlay)


def test_links_of_links_cannot_take_long(root: Path) -> None:
    """A6: each name costs thousands of steps, so the steps are counted."""
    long = "/".join(["."] * 10 + ["d"] * 1) + "/" + "/".join(["..", "d"] * 600)
    links = b"".join(symlink(f"l{i}", f"l{i - 1}/../{long}" if i else long) for i in range(30))
    names = b"".join(member(f"l{i % 29}/x{i}", b"") for i in range(4000))
    with pytest.raises(BadTar, match="too many symbolic links"):
        apply_bytes(directory("d") + links + names + END, root, limits=Limits(link_steps=100_000))


@pytest.mark.parametrize("target", ["../../host/canary", "../host/canary", "a/../../../host/canary"])
def test_a_hard_link_to_the_host_is_refused(root: Path, overlay: object, target: str) -> None:
    """A3."""
    with pytest.raises(BadTar):
        apply_bytes(hardlink("x", target) + END, root, overlay=overlay)


def test_a_hard_link_through_a_symlink_stays_inside(root: Path, overlay: object, tmp_path: Path) -> None:
    """A3."""
    with pytest.raises(BadTar, match="no file of this layer"):
        apply_bytes(symlink("a", str(tmp_path / "host")) + hardlink("x", "a/canary") + END, root, overlay=overlay)


def test_writing_through_a_hard_link_to_a_symlink_is_impossible(root: Path, overlay: object, tmp_path: Path) -> None:
    """A3: the link is to the symlink itself, and the file that comes after replaces it."""
    layer = symlink("a", str(tmp_path / "host/canary")) + hardlink("x", "a") + member("x", b"mine")
    apply_bytes(layer + END, root, overlay=overlay)

    assert (root / "x").read_bytes() == b"mine"
    assert (root / "a").is_symlink()


def test_a_file_over_a_hard_link_leaves_the_other_name(root: Path, overlay: object) -> None:
    """A3."""
    apply_bytes(member("a", b"first") + hardlink("b", "a") + member("b", b"second") + END, root, overlay=overlay)

    assert (root / "a").read_bytes() == b"first"
    assert (root / "b").read_bytes() == b"second"


def test_a_hard_link_to_a_directory_or_to_itself_does_no_harm(root: Path, overlay: object) -> None:
    """A3."""
    apply_bytes(member("f", b"kept") + hardlink("f", "f") + END, root, overlay=overlay)
    assert (root / "f").read_bytes() == b"kept"
    with pytest.raises(BadTar, match="hard link"):
        apply_bytes(directory("d") + hardlink("e", "d") + END, root, overlay=overlay)


@pytest.mark.parametrize("name", [".wh.", ".wh..", ".wh...", "a/.wh..", "a/.wh..."])
def test_a_whiteout_of_a_directory_from_inside_is_refused(root: Path, overlay: object, name: str) -> None:
    """A4."""
    with pytest.raises(BadTar, match="delete"):
        apply_bytes(directory("a") + member(name) + END, root, overlay=overlay)


@pytest.mark.parametrize("name", ["../.wh.host", "../../.wh..wh..opq", "a/../../.wh.x"])
def test_a_whiteout_outside_is_refused(root: Path, overlay: object, name: str) -> None:
    """A4."""
    with pytest.raises(BadTar, match="leads out"):
        apply_bytes(member(name) + END, root, overlay=overlay)


def test_whiteouts_through_a_symlink_stay_inside(root: Path, overlay: object, tmp_path: Path) -> None:
    """A4."""
    link = symlink("a", str(tmp_path / "host"))
    apply_bytes(link + member("a/.wh.canary") + member("a/.wh..wh..opq") + END, root, overlay=overlay)


def test_a_whiteout_removes_a_symlink_and_not_its_target(root: Path, tmp_path: Path) -> None:
    """A4."""
    (root / "a").symlink_to(tmp_path / "host")
    apply_bytes(member(".wh.a") + END, root, overlay=None)

    assert not os.path.lexists(root / "a")


def test_overlay_attributes_are_not_smuggled_in(root: Path, overlay: object) -> None:
    """A5; CVE-2023-0386's class."""
    names = [
        "trusted.overlay.opaque",
        "trusted.overlay.redirect",
        "trusted.overlay.overlay.opaque",
        "user.overlay.opaque",
    ]
    names += ["user.overlay.whiteout", "user.izba.owner", "security.selinux", "trusted.x", "system.posix_acl_access"]
    pax = {f"SCHILY.xattr.{name}": b"y" for name in names}
    layer = directory("d", pax=pax | {"SCHILY.xattr.user.kept": b"1"}) + member("f", b"x", pax=pax)
    apply_bytes(layer + END, root, overlay=overlay)

    assert [name for name in os.listxattr(root / "d") if not name.startswith("security.selinux")] == ["user.kept"]
    assert [name for name in os.listxattr(root / "f") if not name.startswith("security.selinux")] == []


def test_the_device_that_means_a_deletion_is_refused(root: Path, overlay: object) -> None:
    """A5: or a layer could delete in overlayfs what it says nothing of."""
    with pytest.raises(BadTar, match="takes for a deletion"):
        apply_bytes(member("x", type=b"3", device=(0, 0)) + END, root, overlay=overlay)


def test_a_hard_link_to_a_deletion_is_refused(root: Path) -> None:
    """A5."""
    with pytest.raises(BadTar, match="no file of this layer"):
        apply_bytes(member(".wh.x") + hardlink("y", "x") + END, root)


@pytest.mark.root
def test_root_gets_devices_fifos_setuid_files_and_capabilities_as_they_are(root: Path, overlay: object) -> None:
    """A5."""
    capability = bytes.fromhex("0100000200040000000000000000000000000000")
    layer = (
        member("null", type=b"3", device=(1, 3), mode=0o666)
        + member("disk", type=b"4", device=(8, 0), mode=0o660, gid=6)
        + member("fifo", type=b"6", mode=0o600)
        + member("su", b"#!", mode=0o4755, uid=0, gid=7)
        + member("ping", b"x", mode=0o755, uid=1000, pax={"SCHILY.xattr.security.capability": capability})
    )
    apply_bytes(layer + END, root, overlay=overlay, ops=Privileged())

    null = os.stat(root / "null")
    assert (stat.S_ISCHR(null.st_mode), null.st_rdev, stat.S_IMODE(null.st_mode)) == (True, os.makedev(1, 3), 0o666)
    assert os.stat(root / "disk").st_gid == 6
    assert stat.S_ISFIFO(os.stat(root / "fifo").st_mode)
    assert stat.S_IMODE(os.stat(root / "su").st_mode) == 0o4755
    assert os.getxattr(root / "ping", "security.capability") == capability


@pytest.mark.parametrize("device", [(1 << 12, 0), (0, 1 << 20)])
def test_a_device_that_cannot_be_is_refused(root: Path, device: tuple[int, int]) -> None:
    """A5."""
    with pytest.raises(BadTar, match="there is no device"):
        apply_bytes(member("x", type=b"4", device=device) + END, root)


def test_a_fifo_in_the_place_of_a_file_does_not_block(root: Path, overlay: object) -> None:
    """A5."""
    apply_bytes(member("x", type=b"6") + member("x", b"data") + END, root, overlay=overlay)

    assert (root / "x").read_bytes() == b"data"


def test_a_gzip_bomb_stops_at_the_size_limit_in_bounded_memory(root: Path) -> None:
    """A6."""
    zeros = gzip.compress(bytes(1 << 26), 9)
    bomb = gzip.compress(member("zeros", size=b"\x80" + (1 << 40).to_bytes(11, "big")), 9) + zeros * 64
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadTar, match="more than 1073741824 bytes"):
        apply(decompressor(io.BytesIO(bomb)), str(root), ops=fsops(), overlay=OVERLAY, limits=Limits(size=1 << 30))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10


def test_too_many_files_stop_at_the_limit(root: Path) -> None:
    """A6."""
    with pytest.raises(BadTar, match="more than 100 entries"):
        apply_bytes(b"".join(member(f"f{i}") for i in range(101)) + END, root, limits=Limits(entries=100))


def test_a_path_deeper_than_any_tool_can_name_is_refused(root: Path, overlay: object) -> None:
    """A6: 10^5 directories in one name."""
    with pytest.raises(BadTar, match="more than 4095 bytes"):
        apply_bytes(member("x", b"", pax={"path": b"d/" * 100_000 + b"f"}) + END, root, overlay=overlay)


def test_a_path_as_deep_as_names_allow_is_unpacked_and_deleted(root: Path) -> None:
    """A6: no recursion, and no descriptor for each level."""
    deep = b"d/" * 2000
    apply_bytes(member("x", b"found", pax={"path": deep + b"f"}) + END, root, overlay=None)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, limit[1]))
    try:
        apply_bytes(member(".wh.d") + END, root, overlay=None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)

    assert list(root.iterdir()) == []


def test_a_name_of_64_kib_is_refused(root: Path) -> None:
    """A6: by GNU's long name and by pax."""
    long = b"n" * 65536
    for layer in (member("L", long + b"\0", type=b"L") + member("x"), member("x", pax={"path": long})):
        with pytest.raises(BadTar, match="more than 4095 bytes"):
            apply_bytes(layer + END, root)


def test_a_component_longer_than_the_file_system_takes_is_named(root: Path) -> None:
    """A6."""
    with pytest.raises(BadTar, match=r"'nnn.*name too long"):
        apply_bytes(member("x", pax={"path": "n" * 300}) + END, root)


def test_an_endless_pax_header_is_not_read_into_memory(root: Path) -> None:
    """A6."""
    with pytest.raises(BadTar, match="extended headers"):
        apply_bytes(member("pax", bytes(2 << 20), type=b"x") + member("x") + END, root)
    several = member("pax", record("comment", b"padding") * 30_000, type=b"x") * 3
    with pytest.raises(BadTar, match="extended headers"):
        apply_bytes(several + member("x") + END, root)


def test_of_duplicate_names_the_last_counts(root: Path, overlay: object) -> None:
    """A6."""
    layer = member("a", b"1") + directory("a") + member("a/b", b"2") + member("a", b"3") + symlink("a", "x")
    apply_bytes(layer + member("a", b"4", mode=0o600) + END, root, overlay=overlay)

    assert (root / "a").read_bytes() == b"4"
    assert stat.S_IMODE((root / "a").stat().st_mode) == 0o600


def test_trailing_data_is_part_of_the_digest_and_of_nothing_else(root: Path) -> None:
    """A6."""
    applied = apply_bytes(member("a", b"1") + END + member("b", b"2") + b"junk", root)

    assert [entry.name for entry in root.iterdir()] == ["a"]
    assert applied.size == len(member("a", b"1") + END + member("b", b"2") + b"junk")


@pytest.mark.parametrize("cut", [100, 600, 1100, 1536])
def test_a_layer_that_ends_early_is_an_error(root: Path, cut: int) -> None:
    """A6."""
    layer = member("a", b"x" * 512) + member("b", b"y" * 600) + END
    with pytest.raises(DataLoss, match="ends in the middle"):
        apply_bytes(layer[: cut if cut != 1536 else 512 * 4], root)


def test_no_program_is_ever_looked_up(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A7; CVE-2026-41567: decompression happens in this process."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in ("gzip", "unpigz", "xz", "zstd", "bzip2", "tar"):
        (programs / program).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        (programs / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    import bz2
    import lzma

    import zstandard

    layer = member("a", b"1") + END
    for compressed in (gzip.compress(layer), bz2.compress(layer), lzma.compress(layer), zstandard.compress(layer)):
        apply(decompressor(io.BytesIO(compressed)), str(root), ops=fsops(), overlay=OVERLAY)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("owner", [b"\x80\0\0\0\xff\xff\xff\xff", b"\xff" * 8, b"\x80\0\0\x01\0\0\0\0"])
def test_an_owner_that_is_no_id_is_refused(root: Path, owner: bytes) -> None:
    """A8: 2^32 - 1, which chown takes for "leave it"; -1; 2^32."""
    with pytest.raises(BadTar, match=r"'x': its owner -?[0-9]+ is not an id"):
        apply_bytes(member("x", uid=owner) + END, root)


@pytest.mark.root
def test_large_owners_are_kept(root: Path) -> None:
    """A8."""
    layer = member("a", uid=b"\x80\0\0\0\xff\xff\xff\xfe") + member("b", pax={"uid": "100000", "gid": "4294967294"})
    apply_bytes(layer + END, root)

    assert os.stat(root / "a").st_uid == 0xFFFFFFFE
    assert (os.stat(root / "b").st_uid, os.stat(root / "b").st_gid) == (100000, 4294967294)


@pytest.mark.parametrize(
    "mtime", [b"\x80" + b"\xff" * 11, b"\xff" + bytes(11), b"\x80" + (1 << 50).to_bytes(11, "big")]
)
def test_times_beyond_all_files_become_the_nearest(root: Path, mtime: bytes) -> None:
    """A8."""
    apply_bytes(member("x", mtime=mtime) + directory("d", mtime=mtime) + END, root)

    assert (root / "x").exists()


def test_names_that_are_not_utf8_and_control_characters_are_names(root: Path) -> None:
    """A8."""
    apply_bytes(member(b"\xff\xfe", b"1") + member(b"a\nb\x1b[31m", b"2") + END, root)

    assert sorted(os.listdir(os.fsencode(root))) == [b"a\nb\x1b[31m", b"\xff\xfe"]


def test_errors_show_names_without_what_a_terminal_would_obey(root: Path) -> None:
    """A8."""
    with pytest.raises(BadTar) as caught:
        apply_bytes(member(b"../\x1b]0;pwned\x07\xff\n", b"") + END, root)

    assert str(caught.value).isprintable()


def test_a_nul_in_a_pax_name_is_refused(root: Path) -> None:
    """A8."""
    for key in ("path", "linkpath", "GNU.sparse.name"):
        with pytest.raises(BadTar, match="NUL"):
            apply_bytes(member("x", pax={key: b"a\0b", "GNU.sparse.size": "0", "GNU.sparse.map": ""}) + END, root)


@pytest.mark.root
def test_an_owner_outside_the_ids_of_the_user_namespace_names_file_and_remedy(root: Path) -> None:
    """A8: podman's rootless limits."""

    class NoSuchId(Privileged):
        def settle(self, fd: int, uid: int, gid: int, mode: int) -> None:
            if uid > 65535:
                raise OwnerOutOfRange(uid, gid)

    with pytest.raises(OwnerOutOfRange, match="'usr/bin/x' belongs to 70000:5") as caught:
        apply_bytes(member("usr/bin/x", uid=70000, gid=5) + END, root, ops=NoSuchId())
    assert "--add-subuids" in (caught.value.hint or "")
