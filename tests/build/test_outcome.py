"""A build that was done before is remembered, and nothing that it depends on can change without being seen."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from izba.build.export.output import Output
from izba.build.progress import Cached, Event, Finished, Warned
from izba.engine import builds
from izba.image.stored import require
from izba.oci.reference import Reference
from tests.build.builder import Builder, copy_root

pytestmark = pytest.mark.root

_SETTLED = 0.08
_TEXT = (
    "# a comment that can be edited\n"
    "FROM busybox AS early\nRUN echo early > /early\n"
    "FROM busybox\nARG V=1\nWORKDIR /w\nRUN echo $V > made\n"
    "COPY --from=early /early /\nCOPY link/f /one/\nCOPY pattern* /two/\nCOPY d /d\n"
    "RUN --mount=target=/context,source=mounted cat /context/f > /seen\nCMD ls\n"
)
_FILES = {
    "real/f": "linked",
    "other/f": "LINKED",
    "pattern1": "1",
    "d/f": "content",
    "d/run": "#!",
    "d/deep/f": "deep",
    "mounted/f": "mounted",
    "outside": "nobody copies it",
}
_IGNORE = "ignored\n!ignored/but/this\n*.log\n"


def remembered(builder: Builder, context: Path, **options: Any) -> bool:
    return builds.recall(builder.engine, builder.request(context, **options)) is not None


@pytest.fixture(scope="module")
def template(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root in whose cache are the steps of `context`."""
    directory = tmp_path_factory.mktemp("outcome")
    with copy_root(template, directory / "izba") as engine:
        builder = Builder(engine=engine, directory=directory)
        builder.build(_context(builder, ""))
    return directory / "izba"


@pytest.fixture(params=["", _IGNORE], ids=["all files", "some ignored"])
def context(request: pytest.FixtureRequest, fresh: Builder) -> Path:
    """A context whose build is remembered."""
    context = _context(fresh, request.param)
    settle(fresh, context)
    return context


def _context(builder: Builder, ignore: str) -> Path:
    files = {**_FILES, "ignored/file": "", "a.log": "1", **({".dockerignore": ignore} if ignore else {})}
    context = builder.context(_TEXT, files)
    (context / "link").symlink_to("real")
    (context / "d/link").symlink_to("f")
    return context


def settle(builder: Builder, context: Path, **options: Any) -> None:
    """Build until nothing is done any more, with files that were written a while ago."""
    time.sleep(_SETTLED)
    builder.build(context, **options)
    builder.build(context, **options)
    assert remembered(builder, context, **options)


def test_it_gives_and_tells_what_the_build_did(fresh: Builder, context: Path) -> None:
    events: list[Event | Warned] = []
    anew = builds.build_anew(fresh.engine, fresh.request(context), events.append)
    again = fresh.build(context, tags=("again", "and:again"))

    assert anew.image is not None
    assert again.built.image is not None
    assert again.image.descriptor == anew.image.descriptor
    assert require(fresh.engine.store, "and:again").id == anew.image.id
    assert [name.familiar() for name in again.built.names] == ["again:latest", "and:again"]
    assert _told(again.events) == _told(events)


def _told(events: list[Event | Warned]) -> list[tuple[object, ...]]:
    return [(type(event), event.step.number, event.step.name) for event in events if not isinstance(event, Warned)]


def _rewrite(path: Path, text: str) -> None:
    """Other content of the same size, with the old times."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replace(path: Path, text: str) -> None:
    """Another file with the old size and times under the name."""
    before = path.stat()
    new = path.with_name("new")
    new.write_text(text)
    new.rename(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _file_for(directory: Path) -> None:
    shutil.rmtree(directory)
    directory.write_text("")


def _relink(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("content, times put back", lambda c: _rewrite(c / "d/f", "CONTENT")),
        ("a file in a file's place", lambda c: _replace(c / "d/f", "CONTENT")),
        ("mode", lambda c: (c / "d/f").chmod(0o755)),
        ("mode of a directory", lambda c: (c / "d/deep").chmod(0o700)),
        ("a new file deep down", lambda c: (c / "d/deep/new").write_text("")),
        ("a file less", lambda c: (c / "d/run").unlink()),
        ("a name", lambda c: (c / "d/run").rename(c / "d/ran")),
        ("a file for a directory", lambda c: _file_for(c / "d/deep")),
        ("where a link leads", lambda c: _relink(c / "d/link", "run")),
        ("where a link on the way leads", lambda c: _relink(c / "link", "other")),
        ("a directory for a link on the way", lambda c: (c / "link").unlink() or (c / "other").rename(c / "link")),
        ("what a pattern matches", lambda c: (c / "pattern2").write_text("")),
        ("what a bind mount shows", lambda c: _rewrite(c / "mounted/f", "MOUNTED")),
        ("the Dockerfile, times put back", lambda c: _rewrite(c / "Dockerfile", _TEXT.replace("CMD ls", "CMD ps"))),
        ("an ignore file", lambda c: (c / ".dockerignore").write_text("d/run\n")),
        ("the Dockerfile's own ignore file", lambda c: (c / "Dockerfile.dockerignore").write_text("d/run\n")),
    ],
)
def test_a_change_is_seen(fresh: Builder, context: Path, what: str, change: Callable[[Path], object]) -> None:
    before = fresh.build(context).image.id

    change(context)

    assert not remembered(fresh, context)
    assert fresh.build(context).image.id != before


def test_what_is_left_out_may_change_until_something_of_it_counts(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nCOPY . /c\n", {"ignored": "", "a.log": "1", ".dockerignore": _IGNORE})
    settle(fresh, context)

    (context / "a.log").write_text("2")
    assert remembered(fresh, context)
    (context / "b.log").write_text("also left out, but nobody has looked at that yet")
    assert fresh.build(context).executed == []
    (context / "ignored").unlink()
    (context / "ignored/but").mkdir(parents=True)
    settle(fresh, context)
    (context / "ignored/but/this").write_text("taken back")
    assert fresh.build(context).read("c/ignored/but/this") == "taken back"


def test_a_file_becomes_a_directory_of_which_something_counts(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nCOPY . /c\n", {"ignored": "", ".dockerignore": _IGNORE})
    settle(fresh, context)

    (context / "ignored").unlink()
    (context / "ignored/but").mkdir(parents=True)
    (context / "ignored/but/this").write_text("taken back")

    assert fresh.build(context).read("c/ignored/but/this") == "taken back"


def test_what_was_just_written_is_not_relied_on(fresh: Builder) -> None:
    """Git's race: a second change within the clock's tick leaves no trace in what stat says."""
    context = fresh.context("FROM busybox\nCOPY f /\n", {"f": "1"})
    time.sleep(_SETTLED)
    for text in "23456":
        (context / "f").write_text(text)
        fresh.build(context)
        fresh.build(context)
        _rewrite(context / "f", text.replace(text, "x"))
        assert fresh.build(context).read("f") == "x"


@pytest.mark.parametrize(
    "options",
    [
        {"args": {"V": "2"}},
        {"labels": (("a", "b"),)},
        {"target": "early"},
        {"epoch": 1_000_000_000},
        {"network": "none"},
    ],
)
def test_another_question_has_another_answer(fresh: Builder, context: Path, options: dict[str, Any]) -> None:
    before = fresh.build(context).image.id

    assert not remembered(fresh, context, **options)
    assert fresh.build(context, **options).image.id != before
    assert fresh.build(context).image.id == before


@pytest.mark.parametrize(
    "options",
    [
        {"no_cache": True},
        {"no_cache_filter": ("early",)},
        {"contexts": {"x": "."}},
        {"outputs": (Output(kind="tar", destination="-"),)},
        {"file": "-"},
    ],
)
def test_what_asks_for_work_gets_work(fresh: Builder, context: Path, options: dict[str, Any]) -> None:
    assert not fresh.request(context, **options).may_be_remembered


def test_pulling_and_checking_are_work() -> None:
    assert not builds.BuildRequest(context=".", pull=True).may_be_remembered
    assert not builds.BuildRequest(context=".", check_only=True).may_be_remembered
    assert not builds.BuildRequest(context="-").may_be_remembered


def test_a_base_image_of_another_meaning_is_seen(fresh: Builder, context: Path) -> None:
    other = fresh("FROM busybox\nENV OTHER=1\n", tags=("busybox",)).image

    assert not remembered(fresh, context)
    assert "OTHER=1" in fresh.build(context).config["Env"]
    assert require(fresh.engine.store, "busybox").id == other.id


def test_a_step_that_was_done_again_is_seen(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /id\n")
    settle(fresh, context)

    anew = fresh.build(context, no_cache=True).read("id")

    assert not remembered(fresh, context)
    assert fresh.build(context).read("id") == anew


def test_a_pruned_cache_is_seen(fresh: Builder, context: Path) -> None:
    from izba.build.prune import prune

    prune(fresh.engine.store, all=True, wanted=lambda _: True)

    assert not remembered(fresh, context)
    assert "RUN echo 1 > made" in fresh.build(context).executed


def test_an_image_that_was_removed_is_made_again(fresh: Builder, context: Path) -> None:
    before = fresh.build(context).image
    for image in fresh.engine.store.images.by_id(before.id):
        fresh.engine.store.images.delete(image.manifest)
    fresh.engine.store.collect()

    assert not remembered(fresh, context)
    assert fresh.build(context).image.id == before.id
    assert fresh.engine.store.check(verify=True) == []


def test_a_blob_that_was_lost_is_made_again(fresh: Builder, context: Path) -> None:
    before = fresh.build(context).image
    Path(fresh.engine.roots.data, "content/blobs/sha256", before.id.hex).unlink()

    assert not remembered(fresh, context)


def test_a_name_that_went_elsewhere_comes_back(fresh: Builder, context: Path) -> None:
    fresh.build(context, tags=("mine",))
    fresh("FROM busybox\nENV ELSE=1\n", tags=("mine",))

    image = fresh.build(context, tags=("mine",)).image

    assert require(fresh.engine.store, "mine").id == image.id
    assert Reference.parse("mine").canonical() in require(fresh.engine.store, "mine").names


@pytest.mark.parametrize("damage", [b"", b"torn", b"0" * 71 + b"{}"])
def test_a_damaged_note_is_none(fresh: Builder, context: Path, damage: bytes) -> None:
    before = fresh.build(context).image.id
    (note,) = Path(fresh.engine.roots.data, "build/outcomes").iterdir()
    note.write_bytes(damage)

    assert not remembered(fresh, context)
    assert fresh.build(context).image.id == before
    assert remembered(fresh, context)


def test_warnings_are_told_each_time(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nMAINTAINER me\nCMD echo shell form\n")
    settle(fresh, context, args={"UNUSED": "1"})

    again = fresh.build(context, args={"UNUSED": "1"})

    warned = [event for event in again.events if isinstance(event, Warned)]
    assert remembered(fresh, context, args={"UNUSED": "1"})
    assert any("UNUSED" in event.message for event in warned)
    assert {str(event.place) for event in warned if event.place} == {"Dockerfile:2", "Dockerfile:3"}


def test_a_socket_in_a_context_is_nothing_to_rely_on(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nCOPY . /c\n", {"f": "1"})
    os.mknod(context / "socket", 0o600 | 0o140000)
    time.sleep(_SETTLED)
    fresh.build(context)

    assert fresh.build(context).executed == []
    assert not remembered(fresh, context)


def test_nothing_is_waited_for_on_disk_when_nothing_changes(fresh: Builder, context: Path) -> None:
    before = Path(fresh.engine.roots.data, "izba.db-wal").stat()

    assert [type(event) for event in fresh.build(context).events][-1] is Finished
    assert any(isinstance(event, Cached) for event in fresh.build(context).events)
    assert Path(fresh.engine.roots.data, "izba.db-wal").stat().st_mtime_ns == before.st_mtime_ns
