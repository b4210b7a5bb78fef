"""Builders: one that all tests of a session share, and fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.build.builder import Builder, copy_root, make_root


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root with the base image, to be copied."""
    root = tmp_path_factory.mktemp("template") / "izba"
    make_root(root)
    return root


@pytest.fixture(scope="session")
def _shared(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    engine = copy_root(template, tmp_path_factory.mktemp("build") / "izba")
    with engine:
        yield Builder(engine=engine, directory=tmp_path_factory.mktemp("contexts"))


@pytest.fixture
def build(_shared: Builder) -> Builder:
    """Builds into a store that other tests use too; each has contexts of its own."""
    return _shared


@pytest.fixture
def new_store(template: Path, tmp_path: Path) -> Iterator[Callable[[], Builder]]:
    """Makes builders with a store of their own."""
    builders: list[Builder] = []

    def make() -> Builder:
        directory = tmp_path / f"store-{len(builders)}"
        (directory / "contexts").mkdir(parents=True)
        builders.append(Builder(engine=copy_root(template, directory / "izba"), directory=directory / "contexts"))
        return builders[-1]

    yield make
    for builder in builders:
        builder.engine.close()


@pytest.fixture
def fresh(new_store: Callable[[], Builder]) -> Builder:
    """A builder whose cache is empty."""
    return new_store()
