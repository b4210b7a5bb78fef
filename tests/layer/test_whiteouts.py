"""Deletions, in whatever order a layer has them, as overlayfs shows them and as a whole tree ends up."""

from __future__ import annotations

import itertools
import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.layer.tars import END, OVERLAY, apply_bytes, directory, member, symlink, tree

BELOW = (
    directory("d") + member("d/old", b"old") + directory("d/sub") + member("d/sub/deep", b"deep") + member("f", b"f")
)
BELOW += symlink("l", "d") + directory("e", mtime=5) + member("e/x", b"x")

LAYERS = {
    "a file": member(".wh.f"),
    "a directory": member(".wh.d"),
    "a file in a directory": member("d/.wh.old"),
    "what is not there": member(".wh.nothing") + member("d/.wh.nothing"),
    "a symbolic link": member(".wh.l"),
    "opaque": directory("d") + member("d/.wh..wh..opq") + member("d/new", b"new"),
    "opaque after the new file": directory("d") + member("d/new", b"new") + member("d/.wh..wh..opq"),
    "opaque above a new file in an old directory": member("d/sub/new", b"new") + member("d/.wh..wh..opq"),
    "a file that the layer brings too": member("f", b"new") + member(".wh.f"),
    "a file that the layer brings after": member(".wh.f") + member("f", b"new"),
    "a directory that the layer brings too": directory("d") + member("d/new", b"new") + member(".wh.d"),
    "a directory that the layer brings after": member(".wh.d") + directory("d") + member("d/new", b"new"),
    "a directory that a file of the layer is in": member(".wh.d") + member("d/new", b"new"),
    "a directory for a file": directory("f") + member("f/new", b"new"),
    "a file for a directory": member("d", b"new"),
    "a directory for a link": directory("l") + member("l/new", b"new"),
    "the whole root": member(".wh..wh..opq") + member("f", b"new") + directory("d") + member("d/new", b"new"),
    "aufs's own": directory(".wh..wh.plnk") + member(".wh..wh.aufs"),
}


@pytest.mark.root
@pytest.mark.parametrize("name", LAYERS)
def test_overlayfs_shows_what_a_whole_tree_becomes(tmp_path: Path, name: str) -> None:
    apply_bytes(BELOW + END, tmp_path / "lower")
    apply_bytes(LAYERS[name] + END, tmp_path / "upper", lowers=[str(tmp_path / "lower")])
    apply_bytes(BELOW + END, tmp_path / "whole", overlay=None)
    apply_bytes(LAYERS[name] + END, tmp_path / "whole", overlay=None)

    with mounted(tmp_path / "merged", tmp_path / "upper", tmp_path / "lower") as merged:
        assert contents(merged) == contents(tmp_path / "whole")


def test_whiteouts_are_overlay_marks_and_no_files(tmp_path: Path) -> None:
    apply_bytes(member("a/.wh.gone") + member("b/.wh..wh..opq") + END, tmp_path / "fs")

    gone = os.lstat(tmp_path / "fs/a/gone")
    assert stat.S_ISCHR(gone.st_mode)
    assert gone.st_rdev == 0
    assert os.getxattr(tmp_path / "fs/b", OVERLAY.opaque) == b"y"
    assert [name for name in tree(tmp_path / "fs") if ".wh." in name] == []


@pytest.mark.root
def test_a_directory_without_entry_keeps_owner_and_mode_from_below(tmp_path: Path) -> None:
    """The merged directory is the topmost one: made up owners would change `/tmp` to 0755."""
    lower = directory("var", uid=0) + member("var/tmp", type=b"5", mode=0o1777, uid=3, gid=4)
    apply_bytes(lower + END, tmp_path / "lower")
    apply_bytes(member("var/tmp/new/file", b"x") + END, tmp_path / "upper", lowers=[str(tmp_path / "lower")])

    found = os.stat(tmp_path / "upper/var/tmp")
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) == (0o1777, 3, 4)
    assert stat.S_IMODE(os.stat(tmp_path / "upper/var/tmp/new").st_mode) == 0o755


def test_opaque_before_after_and_between_give_the_same_tree(tmp_path: Path) -> None:
    parts = [directory("d"), member("d/a", b"a"), member("d/.wh..wh..opq"), member("d/sub/b", b"b")]
    seen = []
    for number, order in enumerate(itertools.permutations(parts)):
        root = tmp_path / str(number)
        apply_bytes(BELOW + END, root, overlay=None)
        apply_bytes(b"".join(order) + END, root, overlay=None)
        seen.append({path: found[3] for path, found in tree(root).items() if path.startswith("d/")})

    assert all(found == seen[0] for found in seen)
    assert set(seen[0]) == {"d/a", "d/sub", "d/sub/b"}


def contents(root: Path) -> dict[str, object]:
    """Names, kinds and data; the times of directories that were only passed through are left out."""
    return {path: (found[0], found[3]) for path, found in tree(root, times=False).items()}


@contextmanager
def mounted(target: Path, upper: Path, *lowers: Path) -> Iterator[Path]:
    target.mkdir()
    options = f"lowerdir={':'.join(map(str, [upper, *lowers]))},index=off,metacopy=off,redirect_dir=off"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, str(target)], check=True)
    try:
        yield target
    finally:
        subprocess.run(["umount", str(target)], check=True)
