"""An izba on an empty store, as root and as both kinds of ordinary user; and something to import into it."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Iterator
from io import BytesIO
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


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    """A root file system to import."""
    path = tmp_path / "root.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in {"bin/hello": b"#!/bin/sh\n", "etc/os-release": os.urandom(2000)}.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, BytesIO(data))
    return path
