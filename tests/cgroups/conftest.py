from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator

import pytest

from izba.cgroups import files, manager
from izba.cgroups.manager import Hierarchy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import CgroupManager


@pytest.fixture
def v1() -> Iterator[CgroupManager]:
    """A cgroup of our own in the v1 hierarchies of this machine."""
    found = manager.detect()
    if found is None or found.version != 1:
        pytest.skip("this machine has no cgroup v1")
    yield from _managed(found)


@pytest.fixture
def v2() -> Iterator[CgroupManager]:
    """A cgroup of our own in a v2 hierarchy, which may have no controllers (the hybrid layout)."""
    points = [point for kind, point, _ in manager._mounts() if kind == "cgroup2" and os.access(point, os.W_OK)]
    if not points:
        pytest.skip("this machine has no cgroup v2")
    yield from _managed(Hierarchy(version=2, controllers=(), base=points[0]))


def _managed(hierarchy: Hierarchy) -> Iterator[CgroupManager]:
    parent = f"/izba-test-{uuid.uuid4().hex[:8]}"
    made = manager.manager(f"{parent}/c", hierarchy)
    assert made is not None
    yield made
    made.kill()
    made.remove()
    for point in [hierarchy.base] if hierarchy.base else [point for _, point in hierarchy.mounts]:
        files.remove(f"{point}{parent}")


@pytest.fixture
def run() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python code in a cgroup: it begins when it is a member."""
    started: list[subprocess.Popen[str]] = []

    def start(cgroup: CgroupManager, code: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-I", "-c", f"import sys; sys.stdin.readline()\n{code}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        cgroup.add(process.pid)
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:  # children may hold the other ends, until the cgroup is killed
                stream.close()
