from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from izba.engine.engine import Engine
from izba.image.stored import require
from izba.jsonio import dumps
from izba.linux import process as processes
from izba.monitor import state
from izba.store.containers import ContainerRow


@pytest.fixture
def engine(root_directory: Path) -> Iterator[Engine]:
    with Engine.open(str(root_directory)) as engine:
        yield engine


@pytest.fixture
def izba(root_directory: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `izba --root … ARGS` as a process of its own."""

    def run(*args: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "izba", "--root", str(root_directory), *args],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TZ": "UTC"},
            input=input,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture
def container(engine: Engine) -> Iterator[Callable[..., str]]:
    """Makes the row and the snapshot of a container, and a process for one that is said to run."""
    sleepers: list[subprocess.Popen[bytes]] = []

    def make(image: str, *, id: str = "c" * 64, running: bool = False) -> str:
        found = require(engine.store, image)
        kept = {"ImageId": found.id, "Config": {"Labels": {"made": "by a test"}}, "HostConfig": {}, "Mounts": []}
        with engine.store.db.transaction():
            engine.store.snapshots.prepare(id, found.chain_id)
            engine.store.containers.insert(
                ContainerRow(id=id, name=id[:6], image=found.row.manifest, snapshot=id, created=1, config=dumps(kept))
            )
        directory = f"{engine.roots.data}/containers/{id}"
        os.makedirs(directory)
        if running:
            sleeper = subprocess.Popen(["sleep", "600"])
            sleepers.append(sleeper)
            alive = state.Process(pid=sleeper.pid, started=processes.start_time(sleeper.pid))
            state.write(directory, state.State(status="running", monitor=alive, process=alive, boot=state.boot_id()))
        return id

    yield make
    for sleeper in sleepers:
        sleeper.kill()
        sleeper.wait()
