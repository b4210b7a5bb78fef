"""kill -9 of commands that change the store, at moments spread over their whole length: what they began is whole or not
there, nothing else is touched, and the same command does it the next time.
"""

from __future__ import annotations

import random
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from izba.store.check import KINDS, LEFTOVERS
from tests.containers.conftest import Izba
from tests.support.users import User

pytestmark = pytest.mark.slow  # many commands, each killed several times

KILLS = {"root": 4, "range": 2, "single": 2}

# What is killed | what has to be done before each time | what then finds that it is done.
COMMANDS = """
    build --no-cache -t made DIR/context | | run --rm --network none made cat /built /f
    import ARCHIVE made | | run --rm --network none made true
    load -i DIR/saved.tar | rmi -f saved | run --rm --network none saved true
    commit changed made | | run --rm --network none made cat /changed
    tag busybox made | | image inspect made
    rmi made | build -q -t made DIR/context | image inspect busybox
    image prune -af | build -q -t made DIR/context | image inspect busybox
    builder prune -af | build -q -t made DIR/context | run --rm --network none made cat /built
"""


def _rows() -> list[list[str]]:
    return [[part.strip() for part in line.split("|")] for line in COMMANDS.strip().splitlines()]


@pytest.fixture(scope="module", params=["root", "range", "single"])
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, busybox_archive: Path
) -> tuple[str, Izba]:
    """Whose izba it is, and one with an image, a container that holds it, and another image in an archive."""
    mode: str = request.param
    if mode == "root":
        izba = Izba(root=tmp_path_factory.mktemp("kills") / "izba")
    else:
        user: User = request.getfixturevalue(f"{mode}_user")
        izba = Izba(root=user.home / "kills" / "izba", user=user)
        izba.root.parent.mkdir()
    context = izba.root.parent / "context"
    context.mkdir()
    (context / "f").write_text("copied\n")
    (context / "Dockerfile").write_text("FROM busybox\nCOPY f /f\nRUN echo built > /built\nRUN rm /data/seed\n")
    for path in (context.parent, context):
        izba.own(path)
    izba.ok("import", "-c", 'CMD ["sh"]', str(busybox_archive), "busybox")
    izba.ok("run", "--name", "changed", "--network", "none", "busybox", "sh", "-c", "echo changed > /changed")
    izba.ok("build", "-q", "-t", "saved", str(context))
    izba.ok("save", "-o", str(izba.root.parent / "saved.tar"), "saved")
    return mode, izba


@pytest.mark.root
@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0].split()[0])
def test_a_command_may_be_killed_at_any_moment(store: tuple[str, Izba], row: list[str], busybox_archive: Path) -> None:
    mode, izba = store
    directory, chance = izba.root.parent, random.Random()
    killed, before, after = (
        shlex.split(text.replace("DIR", str(directory)).replace("ARCHIVE", str(busybox_archive))) for text in row
    )
    if before:
        izba(*before)
    began = time.monotonic()
    izba.ok(*killed)
    length = time.monotonic() - began
    for part in range(KILLS[mode]):
        if before:
            izba(*before)
        process = izba.popen(*killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(length * (part + chance.random()) / KILLS[mode])  # the moment is what is varied
        process.kill()
        process.wait()

        *found, _ = izba("system", "check", "--verify").stdout.splitlines()
        assert [line for line in found if not line.endswith(tuple(KINDS[kind] for kind in LEFTOVERS))] == []
        izba.ok("system", "check", "--repair")
        assert izba.ok("system", "check", "--verify") == "no problem found"
        if killed[0] == "rmi":
            izba(*killed)
        else:
            izba.ok(*killed)
        izba.ok(*after)
