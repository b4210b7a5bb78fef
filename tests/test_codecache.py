"""izba's modules come from one file, as long as it says what their sources say."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import izba

COMMAND = """
from izba import codecache
codecache.install()
import izba.linux.wire as wire
print(type(wire.__loader__).__module__, wire.__file__, getattr(wire, "ANSWER", None))
codecache.update()
"""
ORDINARY, CACHED = "_frozen_importlib_external", "izba.codecache"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of some of izba that is nobody else's."""
    source = Path(izba.__file__).parent
    (tmp_path / "izba").mkdir()
    for name in ("__init__", "_record", "codecache", "errors", "jsonio"):
        shutil.copy2(source / f"{name}.py", tmp_path / "izba")
    shutil.copytree(source / "linux", tmp_path / "izba/linux", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def loaded(tree: Path, command: str, **variables: str) -> str:
    """What a command says that imports izba from `tree`."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", command],
        env=environment | {"PYTHONPATH": str(tree)} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def loader(tree: Path, **variables: str) -> str:
    """Which loader a command got a module from, and what it found in it."""
    kind, file, answer = loaded(tree, COMMAND, **variables).split()
    assert file == str(tree / "izba/linux/wire.py")
    return kind if answer == "None" else f"{kind} {answer}"


def test_the_second_command_reads_the_file_that_the_first_one_wrote(tree: Path) -> None:
    assert [loader(tree), loader(tree)] == [ORDINARY, CACHED]


def test_a_changed_source_is_imported_and_then_in_the_file(tree: Path) -> None:
    loader(tree)
    with (tree / "izba/linux/wire.py").open("a") as file:
        file.write("\nANSWER = 42\n")

    assert [loader(tree), loader(tree)] == [f"{ORDINARY} 42", f"{CACHED} 42"]


def test_a_tree_that_was_moved_makes_its_file_anew(tree: Path) -> None:
    loader(tree)
    moved = tree / "elsewhere"
    moved.mkdir()
    (tree / "izba").rename(moved / "izba")

    assert [loader(moved), loader(moved)] == [ORDINARY, CACHED]


@pytest.mark.parametrize("damage", [b"", b"\xff" * 100, b"\x05\0\0\0\0\0\0\0[\xff\xff\xff\xff"])
def test_a_damaged_file_is_ignored_and_written_anew(tree: Path, damage: bytes) -> None:
    loader(tree)
    (file,) = (tree / "izba/__pycache__").glob("*.cache")
    file.write_bytes(damage)

    assert [loader(tree), loader(tree)] == [ORDINARY, CACHED]


def test_damaged_code_is_read_from_elsewhere(tree: Path) -> None:
    loader(tree)
    (file,) = (tree / "izba/__pycache__").glob("*.cache")
    data = file.read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    file.write_bytes(data[:begin] + bytes(len(data) - begin))

    assert loader(tree) == CACHED  # its loader, though not its code
    assert [loader(tree), loader(tree)] == [ORDINARY, CACHED]


def test_a_large_package_has_a_file_of_its_own(tree: Path) -> None:
    (tree / "izba/build").mkdir()
    (tree / "izba/build/__init__.py").touch()
    (tree / "izba/build/graph.py").write_text("SIDES = 3\n")
    command = """
from izba import codecache
codecache.install()
import izba.{}
print(type(izba.{}.__loader__).__module__)
codecache.update()
"""

    def both(*names: str) -> list[str]:
        return [loaded(tree, command.format(name, name)) for name in names]

    assert both("build.graph", "build.graph") == [ORDINARY, CACHED]
    assert both("linux.wire", "linux.wire") == [ORDINARY, CACHED]
    first, apart = sorted((tree / "izba/__pycache__").glob("*.cache"), key=lambda file: len(file.name))
    assert apart.name.startswith("modules-build.")
    assert b"izba.build.graph " not in first.read_bytes()
    assert b"izba.linux.wire " not in apart.read_bytes()


def test_nothing_is_written_where_bytecode_is_not_wanted(tree: Path) -> None:
    loader(tree, PYTHONDONTWRITEBYTECODE="1")

    assert list(tree.rglob("*.cache")) == []
