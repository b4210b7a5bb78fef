"""A COPY that is made again takes what did not change from its earlier layer, and gives what it would give anyhow."""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.build.prune import kept, prune
from izba.engine import builds
from izba.engine.engine import Engine
from izba.engine.images.remove import remove
from izba.store.check import LEFTOVERS, check
from tests.build.builder import Builder, Done, write_files
from tests.support.children import killed_at

pytestmark = pytest.mark.root

LARGE = b"large" * (1 << 19)
MANY = {f"d{number % 7}/f{number}": f"content {number}\n" for number in range(130)}
FILES = {**MANY, "large": LARGE, "empty": "", ".dockerignore": "Dockerfile\n"}


def _context(builder: Builder, flags: str = "") -> Path:
    return builder.context(f"FROM busybox\nWORKDIR /w\nCOPY {flags}. .\n", FILES)


def _inode(done: Done, path: str) -> int:
    return done.path(f"w/{path}").lstat().st_ino


def _as_if_new(new_store: Callable[[], Builder], context: Path) -> tuple[str, ...]:
    """The layers that a store makes which never saw the context before."""
    return new_store().build(context).layers


def test_what_did_not_change_is_linked_and_the_layer_is_the_same(
    fresh: Builder, new_store: Callable[[], Builder]
) -> None:
    context = _context(fresh)
    first = fresh.build(context)
    write_files(context, {"added": "new\n", "d0/f0": "changed\n", "d1/f1": None})

    second = fresh.build(context)

    assert second.layers == _as_if_new(new_store, context)
    assert second.layers != first.layers
    for path in ("large", "empty", "d3/f3"):
        assert _inode(second, path) == _inode(first, path)
    assert (second.read("w/added"), second.read("w/d0/f0"), first.read("w/d0/f0")) == (
        "new\n",
        "changed\n",
        "content 0\n",
    )
    assert not any(name.endswith("d1/f1") for name in second.names())
    assert check(fresh.engine.store, verify=True) == []


@pytest.mark.parametrize("flags", ["--chown=12:34 ", "--chmod=0640 ", "--link "])
def test_flags_of_copy_link_too(fresh: Builder, new_store: Callable[[], Builder], flags: str) -> None:
    context = _context(fresh, flags)
    first = fresh.build(context)
    write_files(context, {"added": "new\n"})

    second = fresh.build(context)

    assert _inode(second, "d3/f3") == _inode(first, "d3/f3")
    assert second.layers == _as_if_new(new_store, context)


def test_a_few_large_files_are_linked_and_a_few_small_ones_are_not_worth_it(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nCOPY large /w/\nCOPY s* /w/\n", {"large": LARGE, "small": "1"})
    first = fresh.build(context)
    write_files(context, {"s2": "2"})
    (context / "large").chmod(0o600)
    changed = fresh.build(context)
    (context / "large").chmod(0o644)
    os.utime(context / "large")
    write_files(context, {"Dockerfile": "FROM busybox\nRUN true\nCOPY large /w/\nCOPY s* /w/\n"})

    again = fresh.build(context)

    assert _inode(changed, "large") != _inode(first, "large")
    assert changed.mode("w/large") == 0o600
    assert first.mode("w/large") == 0o644
    assert _inode(changed, "small") != _inode(first, "small")
    assert again.layers[-1] == changed.layers[-1]


def test_another_content_of_the_same_size_and_time_is_copied(fresh: Builder, new_store: Callable[[], Builder]) -> None:
    context = _context(fresh)
    first = fresh.build(context)
    for path in ("large", "d2/f2"):
        before = (context / path).stat()
        with (context / path).open("r+b") as file:
            file.write(b"L")
        os.utime(context / path, ns=(before.st_atime_ns, before.st_mtime_ns))

    second = fresh.build(context)

    assert second.path("w/large").read_bytes() == b"L" + LARGE[1:]
    assert first.path("w/large").read_bytes() == LARGE
    assert second.read("w/d2/f2") == "Lontent 2\n"
    assert second.layers == _as_if_new(new_store, context)


def test_hard_links_of_the_context_are_files_of_their_own(fresh: Builder, new_store: Callable[[], Builder]) -> None:
    context = _context(fresh)
    os.link(context / "large", context / "other-name")
    first = fresh.build(context)
    os.link(context / "d3/f3", context / "another")
    second = fresh.build(context)
    (context / "another").unlink()
    write_files(context, {"another": "separate\n"})

    third = fresh.build(context)

    assert len({_inode(each, path) for each in (first, second, third) for path in ("large", "other-name")}) == 2
    assert _inode(second, "another") != _inode(second, "d3/f3")
    assert third.read("w/d3/f3") == "content 3\n"
    assert third.layers == _as_if_new(new_store, context)


def test_a_link_in_place_of_a_file_and_a_file_in_place_of_a_link(
    fresh: Builder, new_store: Callable[[], Builder]
) -> None:
    context = _context(fresh)
    os.symlink("large", context / "link")
    fresh.build(context)
    (context / "link").unlink()
    write_files(context, {"link": LARGE})
    (context / "d3/f3").unlink()
    os.symlink("f10", context / "d3/f3")

    second = fresh.build(context)

    assert stat.S_ISREG(second.path("w/link").lstat().st_mode)
    assert os.readlink(second.path("w/d3/f3")) == "f10"
    assert second.layers == _as_if_new(new_store, context)


def test_a_file_that_two_sources_have_is_what_came_last(fresh: Builder, new_store: Callable[[], Builder]) -> None:
    files = {**{f"one/{name}": body for name, body in MANY.items()}, "two/d0/f0": "two\n"}
    context = fresh.context("FROM busybox\nCOPY one two /w/\n", files)
    first = fresh.build(context)
    write_files(context, {"one/added": "new\n"})

    second = fresh.build(context)

    assert (first.read("w/d0/f0"), second.read("w/d0/f0")) == ("two\n", "two\n")
    assert second.layers == _as_if_new(new_store, context)


def test_the_layer_that_has_most_is_taken_though_another_was_made_since(fresh: Builder) -> None:
    one, other = _context(fresh), fresh.context("FROM busybox\nWORKDIR /w\nCOPY . .\n", {"x": LARGE[1:], "large": "x"})
    first = fresh.build(one)
    fresh.build(other)
    write_files(one, {"added": "new\n"})

    assert _inode(fresh.build(one), "large") == _inode(first, "large")


def test_neither_layer_needs_the_other(fresh: Builder, new_store: Callable[[], Builder]) -> None:
    context = _context(fresh)
    store = fresh.engine.store
    fresh.build(context, tags=("first",))
    write_files(context, {"added": "new\n"})
    second = fresh.build(context, tags=("second",))
    remove(fresh.engine, "first", force=True)
    prune(store, wanted=lambda _: True)  # what images stand on stays

    assert second.path("w/large").read_bytes() == LARGE
    assert check(store, verify=True) == []
    assert second.path("w/large").stat().st_nlink == 1, "the first layer is gone"

    write_files(context, {"added": None})
    third = fresh.build(context, tags=("third",))
    assert _inode(third, "large") == _inode(second, "large")
    remove(fresh.engine, "second", force=True)
    prune(store, wanted=lambda _: True)

    assert third.layers == _as_if_new(new_store, context)
    assert third.path("w/large").read_bytes() == LARGE
    assert check(store, verify=True) == []


@pytest.mark.parametrize("damage", ["no directory", "no note", "half a note", "a wrong number", "another note"])
def test_an_earlier_layer_that_is_not_there_is_done_without(
    fresh: Builder, new_store: Callable[[], Builder], damage: str
) -> None:
    context = _context(fresh)
    first = fresh.build(context)
    (note,) = Path(fresh.engine.roots.data, "build/copied").iterdir()
    match damage:
        case "no directory":
            shutil.rmtree(first.path("w").parent)
        case "no note":
            note.unlink()
        case "half a note":
            note.write_bytes(note.read_bytes()[:-100])
        case "a wrong number":
            data = note.read_bytes()
            note.write_bytes(data[:52] + b"\xff" + data[53:])
        case _:
            note.write_bytes(b"other" + note.read_bytes())
    write_files(context, {"added": "new\n"})

    second = fresh.build(context)

    assert second.layers == _as_if_new(new_store, context)


def test_a_file_with_as_many_names_as_the_file_system_has_is_copied(fresh: Builder) -> None:
    context = _context(fresh)
    first = fresh.build(context)
    file = first.path("w/large")
    more = fresh.directory / "names"
    more.mkdir()
    with pytest.raises(OSError, match="Too many links"):
        for number in range(70_000):  # ext4 has 65,000, XFS and btrfs for one directory fewer than tmpfs
            os.link(file, more / str(number))
    write_files(context, {"added": "new\n"})

    second = fresh.build(context)

    assert _inode(second, "large") != _inode(first, "large")
    assert _inode(second, "empty") == _inode(first, "empty")
    assert second.path("w/large").read_bytes() == LARGE


def test_shared_files_are_counted_once_and_are_free_when_the_last_layer_goes(fresh: Builder) -> None:
    context = _context(fresh)
    store = fresh.engine.store
    fresh.build(context, tags=("first",))
    before = sum(each.size for each in kept(store))
    write_files(context, {"added": "new\n"})
    fresh.build(context, tags=("second",))
    after = sum(each.size for each in kept(store))
    assert len(LARGE) < before < after < before + len(LARGE) // 2

    remove(fresh.engine, "first", force=True)
    assert prune(store, wanted=lambda _: True).size < len(LARGE) // 2, "the second has the large file still"
    remove(fresh.engine, "second", force=True)
    assert prune(store, wanted=lambda _: True).size > len(LARGE)


def test_killed_at_any_line_both_layers_are_whole(fresh: Builder, new_store: Callable[[], Builder]) -> None:
    context = _context(fresh)
    first = fresh.build(context, tags=("first",))
    write_files(context, {"added": "new\n"})
    wanted = _as_if_new(new_store, context)
    step, kills = 1, 0
    within = (
        "/izba/build/upper.py",
        "/izba/build/reuse.py",
        "/izba/build/filecopy.py",
        "/izba/build/change.py",
        "/izba/build/worker.py",
        "/izba/store/snapshots/",
    )

    while killed_at(step, lambda: _build_in_child(fresh, context), within=within):
        assert {problem.kind for problem in check(fresh.engine.store, verify=True)} <= LEFTOVERS
        kills += 1
        step += 150

    assert kills > 4
    assert first.path("w/large").read_bytes() == LARGE
    assert fresh.build(context).layers == wanted
    fresh.engine.store.collect()
    assert check(fresh.engine.store, verify=True) == []


def _build_in_child(builder: Builder, context: Path) -> None:
    builds.enter()  # the mounts of a build that was killed go with its process, as they do for the command
    threading.settrace(sys.gettrace())  # the steps are done in threads
    with Engine.open(builder.engine.roots.data) as engine:
        Builder(engine=engine, directory=builder.directory).build(context)
