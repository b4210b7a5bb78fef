"""Builds where overlayfs does not work: every snapshot is a whole tree."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.engine.engine import Engine
from izba.image.importing import import_root
from izba.oci.platform import host
from izba.oci.reference import Reference
from tests.build import busybox
from tests.build.builder import Builder

pytestmark = pytest.mark.root


@pytest.fixture
def native(tmp_path: Path) -> Iterator[Builder]:
    (tmp_path / "contexts").mkdir()
    with Engine.open(str(tmp_path / "izba")) as engine:
        engine.store.db.execute("INSERT INTO settings VALUES ('snapshotter', 'native')")
        import_root(
            engine.store,
            io.BytesIO(busybox.root_tar()),
            defaults={"Env": ["PATH=/bin:/usr/bin"]},
            platform=host(),
            message="test",
            created=busybox.CREATED * 10**9,
            name=Reference.parse("busybox"),
        )
        yield Builder(engine=engine, directory=tmp_path / "contexts")


def test_every_kind_of_step(native: Builder) -> None:
    text = (
        "FROM busybox AS one\nRUN echo made > /made && rm /etc/group\n"
        "FROM busybox\nWORKDIR /w\nCOPY --chown=5:6 d .\nCOPY --from=one /made /made\n"
        "RUN --mount=type=cache,target=/c/x --mount=target=/ctx,source=d cat /made /ctx/f; touch /done\n"
        "RUN true\nCOPY --link d /l\n"
    )
    context = native.context(text, {"d/f": "file\n"})

    done = native.build(context)

    assert done.output == "made\nfile\n"
    assert done.owner("w/f") == (5, 6)
    assert done.read("l/f") == "file\n"
    assert not done.exists("c")
    assert not done.exists("ctx")
    assert not done.exists("proc")
    assert native.build(context).executed == []


def test_copies_give_the_layers_that_overlayfs_gives(native: Builder, fresh: Builder) -> None:
    context = native.context("FROM busybox\nCOPY d /d\nCOPY --chmod=600 d/f /new/deep/f\n", {"d/f": "file"})

    assert native.build(context).layers[-2:] == fresh.build(context).layers[-2:]


def test_copies_into_a_directory_that_is_there_are_reproducible(native: Builder) -> None:
    context = native.context("FROM busybox\nCOPY f /etc/f\n", {"f": "file"})

    first = native.build(context)

    assert native.build(context, no_cache=True).layers == first.layers


def test_a_writable_bind_says_that_it_cannot_be(native: Builder) -> None:
    with pytest.raises(Exception, match="needs overlayfs"):
        native("FROM busybox\nRUN --mount=target=/c,rw true\n")
