"""What must be done again, and what must not."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.build.builder import Builder

pytestmark = pytest.mark.root

_TEXT = "FROM busybox\nARG V=1\nWORKDIR /w\nRUN echo $V > made\nCOPY d /d\nRUN cat /d/f\nLABEL a=b\n"
_FILES = {"d/f": "content", "d/run": "#!", "e": "outside"}


@pytest.fixture
def context(fresh: Builder) -> Path:
    """A context that was built once."""
    context = fresh.context(_TEXT, _FILES)
    assert len(fresh.build(context).executed) == 4
    return context


def test_nothing_is_done_twice_and_the_image_is_the_same(fresh: Builder, context: Path) -> None:
    again = fresh.build(context)

    assert again.executed == []
    assert again.cached == ["FROM busybox:latest", "WORKDIR /w", "RUN echo 1 > made", "COPY d /d", "RUN cat /d/f"]
    assert again.image.id == fresh.build(context).image.id


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("time", lambda c: os.utime(c / "d/f", (1, 1))),
        ("owner", lambda c: os.chown(c / "d/f", 7, 7)),
        ("a file that is not copied", lambda c: (c / "e").write_text("changed")),
        ("the directory it is in", lambda c: (c / "d").rename(c / "x") and (c / "x").rename(c / "d")),
        ("written again", lambda c: (c / "d/f").write_text("content")),
        ("a comment", lambda c: (c / "Dockerfile").write_text("# hello\n" + _TEXT)),
        ("a later label", lambda c: (c / "Dockerfile").write_text(_TEXT + "LABEL new=1\n")),
        ("a socket", lambda c: os.mknod(c / "d/socket", stat.S_IFSOCK | 0o600)),
    ],
)
def test_what_does_not_count(fresh: Builder, context: Path, what: str, change: Callable[[Path], object]) -> None:
    change(context)
    assert fresh.build(context).executed == []


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("content", lambda c: (c / "d/f").write_text("changed")),
        ("mode", lambda c: (c / "d/f").chmod(0o755)),
        ("a new file", lambda c: (c / "d/new").write_text("")),
        ("a file less", lambda c: (c / "d/run").unlink()),
        ("a name", lambda c: (c / "d/run").rename(c / "d/ran")),
        ("a link for a file", lambda c: (c / "d/run").unlink() or os.symlink("f", c / "d/run")),
        ("an empty directory", lambda c: (c / "d/empty").mkdir()),
    ],
)
def test_what_counts_for_copy(fresh: Builder, context: Path, what: str, change: Callable[[Path], object]) -> None:
    change(context)
    assert fresh.build(context).executed == ["COPY d /d", "RUN cat /d/f"]


def test_a_change_within_the_clocks_tick_is_seen(fresh: Builder, context: Path) -> None:
    """The trap of git's index: same size, same time, other content."""
    for text in ("aaaaaaa", "bbbbbbb", "ccccccc"):
        (context / "d/f").write_text(text)
        assert fresh.build(context).read("d/f") == text


def test_a_file_with_all_times_put_back_is_seen(fresh: Builder, context: Path) -> None:
    before = (context / "d/f").stat()
    (context / "d/f").write_text("CONTENT")
    os.utime(context / "d/f", ns=(before.st_atime_ns, before.st_mtime_ns))

    assert fresh.build(context).read("d/f") == "CONTENT"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("echo $V > made", "echo  $V > made", 3),
        ("WORKDIR /w", "WORKDIR /v", 4),
        ("COPY d /d", "COPY d /e", 2),
        ("COPY d /d", "COPY --chmod=700 d /d", 2),
        ("COPY d /d", "COPY --chown=1 d /d", 2),
        ("WORKDIR /w\n", "WORKDIR /w\nENV NEW=1\n", 2),
        ("WORKDIR /w\n", "WORKDIR /w\nUSER 0:0\n", 3),
        ("LABEL a=b\n", "RUN true\n", 1),
    ],
)
def test_what_counts_in_the_text(fresh: Builder, context: Path, old: str, new: str, expected: int) -> None:
    text = _TEXT.replace("RUN cat /d/f", "RUN cat /*/f") if "COPY" in new else _TEXT
    if "COPY" in new:
        (context / "Dockerfile").write_text(text)
        fresh.build(context)
    (context / "Dockerfile").write_text(text.replace(old, new))

    assert len(fresh.build(context).executed) == expected + ("NEW" in new)


def test_an_arg_counts_from_where_it_is_declared(fresh: Builder, context: Path) -> None:
    assert len(fresh.build(context, args={"V": "2"}).executed) == 3
    assert fresh.build(context, args={"V": "1"}).executed == []
    assert len(fresh.build(context, epoch=1).executed) == 4


def test_no_cache_does_all_again_and_a_filter_only_one_stage(fresh: Builder) -> None:
    text = (
        "FROM busybox AS one\nRUN echo one > /f\nFROM busybox AS two\nRUN echo two > /f\n"
        "FROM scratch\nCOPY --from=one /f /1\nCOPY --from=two /f /2\n"
    )
    context = fresh.context(text)
    fresh.build(context)

    assert len(fresh.build(context, no_cache=True).executed) == 4
    assert fresh.build(context).executed == []
    assert fresh.build(context, no_cache_filter=("one",)).executed == ["RUN echo one > /f"]


def test_the_same_content_from_another_way_of_making_it_is_a_hit(fresh: Builder) -> None:
    text = "FROM busybox AS one\nRUN {} > /f\nFROM scratch\nCOPY --from=one /f /f\n"
    fresh(text.format("echo same"))

    done = fresh(text.format("printf 'same\\n'"))

    assert done.executed == ["RUN printf 'same\\n' > /f"]


def test_a_stage_that_only_feeds_a_cached_copy_is_not_needed(fresh: Builder) -> None:
    text = "FROM busybox AS one\nRUN echo x > /f\nFROM scratch\nCOPY --from=one /f /f\n"
    fresh(text)
    cache = [record for record in _records(fresh) if "echo x" in record[1]]
    _forget(fresh, cache[0][0])

    assert fresh(text).executed == []


def test_records_that_lost_their_snapshot_are_not_believed(fresh: Builder) -> None:
    context = fresh.context("FROM busybox\nRUN echo a > /a\nRUN echo b > /b\n")
    done = fresh.build(context)
    store = fresh.engine.store
    for key, _ in _records(fresh):
        store.leases.end(f"build-cache-{key[7:]}")
    store.images.delete(done.image.descriptor.digest)
    store.collect()

    again = fresh.build(context)

    assert len(again.executed) == 2
    assert again.layers == done.layers


def test_an_image_from_elsewhere_is_no_cache(fresh: Builder) -> None:
    """D8: only what this store built itself is taken for a step's result."""
    fresh.build(fresh.context("FROM busybox\nRUN echo real > /f\n"), tags=("poisoned",))
    for key, _ in _records(fresh):
        _forget(fresh, key)

    assert fresh("FROM busybox\nRUN echo real > /f\n").executed == ["RUN echo real > /f"]


def test_a_base_with_the_same_layers_and_another_config_keeps_the_cache_but_not_the_config(fresh: Builder) -> None:
    """D8: HEALTHCHECK and the like of a base are taken from the base of this build."""
    fresh.build(fresh.context("FROM busybox\nHEALTHCHECK CMD one\n"), tags=("base",))
    first = fresh("FROM base\nRUN echo x > /x\n")
    fresh.build(fresh.context("FROM busybox\nHEALTHCHECK CMD two\n"), tags=("base",))

    second = fresh("FROM base\nRUN echo x > /x\n")

    assert second.executed == []
    assert first.config["Healthcheck"]["Test"][1] == "one"
    assert second.config["Healthcheck"]["Test"][1] == "two"


def test_a_cached_build_reads_no_file_of_a_stage(fresh: Builder) -> None:
    text = "FROM busybox AS one\nRUN mkdir /o && echo x > /o/f\nFROM scratch\nCOPY --from=one /o /o\n"
    done = fresh(text)
    path = done.path("o/f")
    os.utime(path, ns=(1, path.stat().st_mtime_ns))

    fresh(text)

    assert path.stat().st_atime_ns == 1


def test_a_file_that_changes_while_it_is_read_is_no_cache(fresh: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    context = fresh.context("FROM scratch\nCOPY f /f\n", {"f": "one"})
    from izba.build import upper

    copy = upper.Upper._copy_all

    def changing(self: upper.Upper, copies: list[upper.FileCopy]) -> None:
        (context / "f").write_text("two!")
        copy(self, copies)

    monkeypatch.setattr(upper.Upper, "_copy_all", changing)
    first = fresh.build(context)
    monkeypatch.undo()

    assert first.read("f") == "two!"
    assert any("changed while it was read" in warning for warning in first.warnings)
    (context / "f").write_text("one")
    assert fresh.build(context).read("f") == "one"


def _records(builder: Builder) -> list[tuple[str, str]]:
    return builder.engine.store.db.rows("SELECT key, description FROM build_cache")


def _forget(builder: Builder, key: str) -> None:
    from izba.build.cache import BuildCache
    from izba.oci.digest import Digest

    BuildCache(builder.engine.store).forget(Digest(key))
