"""Removing trees that others remove at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from izba.store.snapshots.trees import remove_tree


@pytest.mark.parametrize("attempt", range(3))
def test_several_processes_remove_one_tree_and_none_minds(tmp_path: Path, attempt: int) -> None:
    tree = tmp_path / "tree"
    for number in range(40):
        deep = tree / f"a{number}/b/c/d"
        deep.mkdir(parents=True)
        for name in range(10):
            (deep / f"f{name}").touch()
            (deep.parent / f"f{name}").touch()
    script = "import sys; from izba.store.snapshots.trees import remove_tree; remove_tree(sys.argv[1])"
    command = [sys.executable, "-c", script]

    others = [subprocess.Popen([*command, str(tree)], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    remove_tree(str(tree))

    assert [(other.communicate()[1], other.returncode) for other in others] == [("", 0)] * 4
    assert not tree.exists()
