"""An izba on an empty store, as root and as both kinds of ordinary user."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.conftest import Izba
from tests.support.users import User


@pytest.fixture(params=["root", "range", "single"])
def own_izba(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Izba]:
    """Its root is not made yet; the directory above is whose the izba is, and is removed at the end."""
    user: User | None = None if request.param == "root" else request.getfixturevalue(f"{request.param}_user")
    with tempfile.TemporaryDirectory(dir=user.home if user else tmp_path) as directory:
        if user is not None:
            os.chown(directory, user.uid, user.gid)
        yield Izba(root=Path(directory) / "izba", user=user)
