from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.paths import Roots
from izba.store.content import ContentStore
from izba.store.store import Store


def roots_at(path: Path) -> Roots:
    return Roots(data=str(path), run=str(path / "run"), config=str(path / "config"), rootless=False)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(roots_at(tmp_path / "data")) as store:
        yield store


@pytest.fixture
def content(store: Store) -> ContentStore:
    return store.content
