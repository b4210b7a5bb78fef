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

from izba.store.check import LEFTOVERS, check
from izba.store.store import Store
from tests.containers.conftest import Izba
from tests.store.conftest import roots_at

pytestmark = [pytest.mark.root, pytest.mark.slow]  # eight commands, killed four times each

KILLS = 4

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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, busybox_archive: Path) -> Izba:
    """An izba with an image, a container that holds it, and another image in an archive."""
    root = tmp_path_factory.mktemp("kills") / "izba"
    izba, context = Izba(root=root), root.parent / "context"
    context.mkdir()
    (context / "f").write_text("copied\n")
    (context / "Dockerfile").write_text("FROM busybox\nCOPY f /f\nRUN echo built > /built\nRUN rm /data/seed\n")
    izba.ok("import", "-c", 'CMD ["sh"]', str(busybox_archive), "busybox")
    izba.ok("run", "--name", "changed", "--network", "none", "busybox", "sh", "-c", "echo changed > /changed")
    izba.ok("build", "-q", "-t", "saved", str(context))
    izba.ok("save", "-o", str(root.parent / "saved.tar"), "saved")
    return izba


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row[0].split()[0])
def test_a_command_may_be_killed_at_any_moment(store: Izba, row: list[str], busybox_archive: Path) -> None:
    directory, chance = store.root.parent, random.Random()
    killed, before, after = (
        shlex.split(text.replace("DIR", str(directory)).replace("ARCHIVE", str(busybox_archive))) for text in row
    )
    if before:
        store(*before)
    began = time.monotonic()
    store.ok(*killed)
    length = time.monotonic() - began
    for part in range(KILLS):
        if before:
            store(*before)
        process = store.popen(*killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(length * (part + chance.random()) / KILLS)  # the moment is what is varied
        process.kill()
        process.wait()

        with Store.open(roots_at(store.root)) as opened:
            damage = [str(problem) for problem in check(opened, verify=True) if problem.kind not in LEFTOVERS]
        assert damage == []
        store.ok("system", "check", "--repair")
        assert store.ok("system", "check", "--verify") == "no problem found"
        if killed[0] == "rmi":
            store(*killed)
        else:
            store.ok(*killed)
        store.ok(*after)
