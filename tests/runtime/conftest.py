"""Who runs the containers of these tests: root and two kinds of ordinary users, by izba's runtime and by its peers."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.runtime.harness import BUSYBOX, Runner, make_bundle
from tests.support.users import User

Make = Callable[..., Runner]


@pytest.fixture
def make_runner(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes a `Runner` for `root`, `range` or `single`, with a bundle that its user owns."""
    if not Path(BUSYBOX).exists():
        pytest.skip("needs busybox-static")
    with tempfile.TemporaryDirectory(prefix="izba-runtime-", dir="/var/tmp", ignore_cleanup_errors=True) as parent:
        top = Path(parent)
        top.chmod(0o755)

        def make(who: str = "root", runtime: str = "native") -> Runner:
            user: User | None = None if who == "root" else request.getfixturevalue(f"{who}_user")
            home = Path(tempfile.mkdtemp(dir=top))
            owner = (0, 0) if user is None else (user.uid, user.gid)
            bundle = make_bundle(home / "bundle", owner)
            (home / "run").mkdir()
            for path in (home, home / "run"):
                shutil.chown(path, *owner)
            return Runner(bundle=bundle, run_directory=home / "run", user=user, runtime_name=runtime)

        yield make


@pytest.fixture
def root(make_runner: Make) -> Runner:
    """izba's runtime as root."""
    return make_runner()


@pytest.fixture(params=["root", "range", "single"])
def anyone(request: pytest.FixtureRequest, make_runner: Make) -> Runner:
    """izba's runtime as root and as both kinds of ordinary users."""
    return make_runner(request.param)


@pytest.fixture(
    params=[
        pytest.param(("root", "native"), id="root-izba"),
        pytest.param(("range", "native"), id="range-izba"),
        pytest.param(("single", "native"), id="single-izba"),
        pytest.param(("root", "crun"), id="root-crun", marks=pytest.mark.peer("crun")),
        pytest.param(("root", "runc"), id="root-runc", marks=pytest.mark.peer("runc")),
    ]
)
def everyone(request: pytest.FixtureRequest, make_runner: Make) -> Runner:
    """All of them, and root by crun and runc: the same expectations hold for their containers."""
    return make_runner(*request.param)
