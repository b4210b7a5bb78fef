"""attacks.md A10: the same layers, unpacked by izba and by others, are the same tree."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from tests.layer.tars import END, apply_bytes, directory, hardlink, member, symlink, tree

pytestmark = pytest.mark.root

LAYERS = [
    directory("etc")
    + member("etc/passwd", b"root", uid=0, gid=42, mode=0o640)
    + directory("usr/")
    + directory("usr/lib", uid=1, gid=2)
    + member("usr/lib/x.so", b"x" * 5000, mode=0o755)
    + hardlink("usr/lib/y.so", "usr/lib/x.so")
    + symlink("lib", "usr/lib")
    + member("su", b"#!", mode=0o4755)
    + member("null", type=b"3", device=(1, 3), mode=0o666)
    + member("fifo", type=b"6", mode=0o600)
    + directory("old")
    + member("old/a", b"a")
    + member("old/b", b"b")
    + member("n", b"long", pax={"path": "d/" * 60 + "n" * 150})
    + member("c", b"xattr", pax={"SCHILY.xattr.user.note": b"\0\1="}),
    member("etc/.wh.passwd")
    + directory("old")
    + member("old/.wh..wh..opq")
    + member("old/c", b"c")
    + member(".wh.fifo"),
    member("su", b"replaced", mode=0o755) + directory("lib") + member("lib/new", b"new") + member("usr/lib/z.so", b"z"),
]


@pytest.mark.peer("umoci")
def test_umoci_unpacks_the_same_tree(tmp_path: Path) -> None:
    image = tmp_path / "image"
    subprocess.run(["umoci", "init", "--layout", image], check=True)
    subprocess.run(["umoci", "new", "--image", f"{image}:x"], check=True)
    for number, layer in enumerate(LAYERS):
        (tmp_path / f"{number}.tar").write_bytes(layer + END)
        subprocess.run(["umoci", "raw", "add-layer", "--image", f"{image}:x", tmp_path / f"{number}.tar"], check=True)
        apply_bytes(layer + END, tmp_path / "izba", overlay=None)
    subprocess.run(["umoci", "raw", "unpack", "--image", f"{image}:x", tmp_path / "umoci"], check=True)

    assert without_implicit_times(tree(tmp_path / "izba")) == without_implicit_times(tree(tmp_path / "umoci"))


def test_gnu_tar_unpacks_the_same_tree(tmp_path: Path) -> None:
    (tmp_path / "gnu").mkdir()
    words = ["tar", "-C", tmp_path / "gnu", "--numeric-owner", "-p", "--xattrs", "--xattrs-include=*", "-xf", "-"]
    subprocess.run(words, input=LAYERS[0] + END, check=True)
    apply_bytes(LAYERS[0] + END, tmp_path / "izba", overlay=None)

    assert without_implicit_times(tree(tmp_path / "izba")) == without_implicit_times(tree(tmp_path / "gnu"))


def test_a_real_directory_packed_by_gnu_tar_is_unpacked_as_it_was(tmp_path: Path) -> None:
    source = Path("/usr/share/zoneinfo")
    if not source.is_dir():
        source = Path("/etc")
    tar = subprocess.run(["tar", "-C", source, "-cf", "-", "."], capture_output=True, check=True).stdout
    apply_bytes(tar, tmp_path / "izba")
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        packed = {os.path.normpath(one.name) for one in archive if one.name != "."}

    unpacked = tree(tmp_path / "izba")
    assert set(unpacked) == packed
    assert unpacked == {path: what for path, what in tree(source).items() if path in packed}


def without_implicit_times(found: dict[str, tuple[object, ...]]) -> dict[str, tuple[object, ...]]:
    """Times of directories that no entry names, or that something was added to later, are each tool's own choice."""
    return {path: (*what[:5], what[6]) if str(what[0]).startswith("0o4") else what for path, what in found.items()}
