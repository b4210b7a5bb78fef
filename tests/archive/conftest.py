"""Two empty stores: what one saves, the other loads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.store.store import Store
from tests.archive.images import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "one") as store:
        yield store


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "other") as store:
        yield store
