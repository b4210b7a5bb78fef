"""What every test may rely on: markers that mean it, ordinary users, and a session that leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from tests.support import leaks, users

IN_CI = bool(os.environ.get("CI"))
# How long an example takes is the machine's affair.
hypothesis.settings.register_profile("patient", parent=hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("patient")

SECONDS_TO_END = 60
"""How long what ends by itself (the process of networks, removals of --rm) may take after the last test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A missing program is a skip on a laptop and a failure in CI; what needs root is skipped without it."""
    for item in items:
        missing = [name for mark in item.iter_markers("peer") for name in mark.args if not shutil.which(name)]
        if missing and not IN_CI:
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}"))
        if os.geteuid() != 0 and item.get_closest_marker("root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [name for mark in item.iter_markers("peer") for name in mark.args if not shutil.which(name)]
    if missing:
        pytest.fail(f"{', '.join(missing)} is missing, and .ci/run has to install it", pytrace=False)


@pytest.fixture(scope="session", autouse=True)
def leaves_nothing_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No mount of this session, no process and no bridge of it is there after it. Others' are not its business.

    The default network's bridge belongs to the machine until it is pruned, as Docker's does.
    """
    os.environ[leaks.MARK] = uuid.uuid4().hex
    yield
    deadline = time.monotonic() + SECONDS_TO_END
    while (left := leaks.marked_processes(os.environ[leaks.MARK])) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == {}, "processes were left behind"
    below = tmp_path_factory.getbasetemp()
    assert leaks.mounts_below(below) == set(), "mounts were left behind"
    for root in leaks.bridges_below(below).values():
        prune = [sys.executable, "-m", "izba", "--root", str(root), "network", "prune", "-f"]
        subprocess.run(prune, check=True, capture_output=True)
    assert leaks.bridges_below(below) == {}, "bridges were left behind"


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[users.Installation]:
    """A copy of izba and its libraries that every user of the machine can read."""
    with users.world_readable_installation() as installed:
        yield installed


@pytest.fixture(scope="session")
def range_user(installation: users.Installation) -> Iterator[users.User]:
    """An ordinary user made with useradd, with a range of subordinate ids."""
    with users.ordinary_user(installation, subordinate_ids=True) as user:
        yield user


@pytest.fixture(scope="session")
def single_user(installation: users.Installation) -> Iterator[users.User]:
    """An ordinary user without subordinate ids: one uid is all it can map."""
    with users.ordinary_user(installation, subordinate_ids=False) as user:
        yield user


@pytest.fixture(scope="session", params=["range", "single"])
def user_izba(request: pytest.FixtureRequest) -> users.User:
    """Both kinds of ordinary user, in turn."""
    user: users.User = request.getfixturevalue(f"{request.param}_user")
    return user


@pytest.fixture
def root_directory(tmp_path: Path) -> Path:
    """A fresh `--root` for one izba."""
    path = tmp_path / "izba"
    path.mkdir()
    return path
