"""Builders: one that all tests of a session share, and fresh ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.build.builder import Builder, new_builder


@pytest.fixture(scope="session")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    builder = new_builder(tmp_path_factory.mktemp("build") / "izba", tmp_path_factory.mktemp("contexts"))
    yield builder
    builder.engine.close()


@pytest.fixture
def build(_shared: Builder) -> Builder:
    """Builds into a store that other tests use too; each has contexts of its own."""
    return _shared


@pytest.fixture
def new_store(tmp_path: Path) -> Iterator[Callable[[], Builder]]:
    """Makes builders with a store of their own."""
    builders: list[Builder] = []

    def make() -> Builder:
        directory = tmp_path / f"store-{len(builders)}"
        (directory / "contexts").mkdir(parents=True)
        builders.append(new_builder(directory / "izba", directory / "contexts"))
        return builders[-1]

    yield make
    for builder in builders:
        builder.engine.close()


@pytest.fixture
def fresh(new_store: Callable[[], Builder]) -> Builder:
    """A builder whose cache is empty."""
    return new_store()
