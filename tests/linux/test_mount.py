"""Mounts, their options, the mount table, and overlays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from izba.linux import flags as f
from izba.linux import idmaps, libc, mount, mountinfo, mountoptions, namespaces, overlay
from izba.linux.mount import Mount
from tests.support.children import in_namespaces


def test_later_options_override_earlier_ones() -> None:
    parsed = mountoptions.parse(["ro", "nosuid", "rw", "noatime", "strictatime", "size=1m", "rbind", "rslave", "rro"])

    assert parsed.set == f.MOUNT_ATTR_NOSUID | f.MOUNT_ATTR_STRICTATIME
    assert parsed.clear == f.MOUNT_ATTR_RDONLY | f.MOUNT_ATTR__ATIME
    assert parsed.set_below == f.MOUNT_ATTR_RDONLY
    assert (parsed.bind, parsed.recursive, parsed.data) == (True, True, ("size=1m",))
    assert parsed.propagation == (f.MS_SLAVE | f.MS_REC,)


@pytest.mark.parametrize("word", ["relatime", "rw", "remount"])
def test_words_that_begin_with_r_are_no_recursive_ones(word: str) -> None:
    parsed = mountoptions.parse([word])

    assert (parsed.set_below, parsed.clear_below, parsed.data) == (0, 0, ())


def test_names_with_spaces_come_back_from_the_mount_table() -> None:
    line = rb"36 35 98:0 /r\040t /m\011n\134 rw,noatime shared:1 master:2 - ext3 /dev/root rw,errors=continue" + b"\n"

    parsed = mountinfo.parse(line)

    assert (parsed.root, parsed.mount_point, parsed.type) == ("/r t", "/m\tn\\", "ext3")
    assert (parsed.optional, parsed.options) == (("shared:1", "master:2"), ("rw", "noatime"))


def test_failures_name_the_call_and_the_path() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        mount.open_tree("/no/such/place")

    assert libc.syscall_of(caught.value) == "open_tree"
    assert str(caught.value) == "[Errno 2] open_tree: No such file or directory: '/no/such/place'"


@pytest.mark.root
def test_a_filesystem_says_itself_what_it_does_not_like() -> None:
    with pytest.raises(OSError, match="colour"):
        mount.new_filesystem("tmpfs", "tmpfs", ["colour=blue"])


@pytest.mark.root
def test_mounts_of_a_list_are_made_and_unmade(tmp_path: Path) -> None:
    def body() -> None:
        (tmp_path / "inner").mkdir()
        mounts = [
            Mount(type="tmpfs", source="first", options=("size=64k", "mode=700", "nosuid")),
            Mount(type="bind", source="/etc", target="etc", options=("bind", "ro")),
        ]
        mounts[0].attach(str(tmp_path))
        (tmp_path / "etc").mkdir()
        mounts[1].attach(str(tmp_path))
        table = {each.mount_point: each for each in mountinfo.read()}
        assert "nosuid" in table[str(tmp_path)].options
        assert "ro" in table[f"{tmp_path}/etc"].options
        mount.detach_all(mounts, str(tmp_path))
        assert str(tmp_path) not in {each.mount_point for each in mountinfo.read()}

    in_namespaces(body)


@pytest.mark.root
def test_a_list_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    def body() -> None:
        mounts = [Mount(type="tmpfs", source="x"), Mount(type="bind", source="/no/such", options=("bind",))]
        before = len(mountinfo.read())
        with pytest.raises(FileNotFoundError):
            mount.attach_all(mounts, str(tmp_path))
        assert len(mountinfo.read()) == before

    in_namespaces(body)


@pytest.mark.root
@pytest.mark.parametrize("user", [False, True])
@pytest.mark.parametrize("count", [1, 2, 120])
def test_overlays_of_any_number_of_layers(tmp_path: Path, count: int, user: bool) -> None:
    def body() -> None:
        lowers = []
        for number in range(count):
            lower = tmp_path / f"layer-{number}-{'x' * 100}"
            lower.mkdir()
            (lower / f"file-{number}").touch()
            lowers.append(str(lower))
        upper, work, merged = (tmp_path / name for name in ("upper", "work", "merged"))
        for path in (upper, work, merged):
            path.mkdir()

        overlay.overlay(lowers).attach(str(merged))
        assert len(os.listdir(merged)) == count
        with pytest.raises(OSError, match="Read-only"):
            (merged / "new").touch()
        mount.umount(str(merged))

        overlay.overlay(lowers, str(upper), str(work)).attach(str(merged))
        (merged / "file-0").unlink()
        (merged / "new").touch()
        assert sorted(os.listdir(upper)) == ["file-0", "new"]
        assert (upper / "file-0").stat().st_rdev == 0
        mount.umount(str(merged))

    in_namespaces(body, user=user)


@pytest.mark.root
def test_layers_with_odd_names_are_escaped(tmp_path: Path) -> None:
    def body() -> None:
        lowers = [tmp_path / "a:b", tmp_path / "c,d", tmp_path / "e\\f"]
        upper, work, merged = (tmp_path / name for name in ("u:,\\p", "w,k", "merged"))
        for path in (*lowers, upper, work, merged):
            path.mkdir()
        for number, lower in enumerate(lowers):
            (lower / str(number)).touch()

        overlay.overlay([str(lower) for lower in lowers], str(upper), str(work)).attach(str(merged))

        assert sorted(os.listdir(merged)) == ["0", "1", "2"]
        (merged / "new").touch()
        assert os.listdir(upper) == ["new"]

    in_namespaces(body)


@pytest.mark.root
def test_the_probe_finds_where_overlays_work(tmp_path: Path) -> None:
    def inside() -> None:
        assert overlay.probe(str(tmp_path)) == overlay.OverlayEncoding(userxattr=True)

    assert overlay.probe(str(tmp_path)) == overlay.OverlayEncoding(userxattr=False)
    assert overlay.probe("/proc") is None
    in_namespaces(inside, user=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.root
def test_a_user_namespace_is_told_from_the_first_one() -> None:
    def inside() -> None:
        assert namespaces.in_user_namespace()
        assert idmaps.read() == [idmaps.IdMap(inside=0, outside=0, size=1)]

    assert not namespaces.in_user_namespace()
    in_namespaces(inside, user=True)
