"""Trees on their way to the disk, as the kernel sees it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from izba.linux import fs
from izba.store.snapshots import flush


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "trees/1"
    (tree / "fs/app").mkdir(parents=True)
    (tree / "fs/app/main.py").write_text("print()")
    (tree / "fs/empty").touch()
    return tree


@pytest.fixture
def waited() -> Iterator[list[str]]:
    """What this process waits for the disk to take: paths, and `*` for a whole file system."""
    found: list[str] = []

    def note(frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and called is os.fsync:
            found.append(os.readlink(f"/proc/self/fd/{frame.f_locals['fd']}"))
        elif event == "call" and frame.f_code is fs.syncfs.__code__:
            found.append("*")

    sys.setprofile(note)
    yield found
    sys.setprofile(None)


def test_of_a_small_tree_each_file_and_directory_is_waited_for(tree: Path, waited: list[str]) -> None:
    flush.flush_trees(str(tree.parent), [str(tree)])

    everything = [tree.parent, tree, *tree.rglob("*")]
    assert sorted(waited) == sorted(map(str, everything))


def many(tree: Path) -> None:
    for number in range(100):
        (tree / f"fs/{number}").touch()


def large(tree: Path) -> None:
    os.truncate(tree / "fs/empty", 20 << 20)


def linked(tree: Path) -> None:
    (tree / "fs/link").symlink_to("empty")


def whiteout(tree: Path) -> None:
    os.mkfifo(tree / "fs/fifo")


def gone(tree: Path) -> None:
    tree.rename(tree.with_name("elsewhere"))


@pytest.mark.parametrize("change", [many, large, linked, whiteout, gone])
def test_what_is_large_or_no_file_takes_the_whole_file_system(tree: Path, waited: list[str], change: object) -> None:
    change(tree)  # type: ignore[operator]

    flush.flush_trees(str(tree.parent), [str(tree)])

    assert waited == ["*"]


def test_to_begin_waits_for_nothing_and_leaves_nothing_open(tree: Path, waited: list[str]) -> None:
    before = os.listdir("/proc/self/fd")

    flush.start_flush([str(tree)])
    flush.start_flush([str(tree.with_name("gone"))])

    assert waited == []
    assert os.listdir("/proc/self/fd") == before
