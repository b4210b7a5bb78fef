from __future__ import annotations

import pytest

from izba.linux import caps
from izba.runtime.specgen.request import HostFacts, Rlimit, SpecRequest


@pytest.fixture
def host() -> HostFacts:
    """A host with everything: root, cgroup v2, all capabilities."""
    return HostFacts(
        rootless=False,
        single_id=False,
        architecture="amd64",
        kernel=(6, 1),
        hostname="builder",
        cgroup_version=2,
        cgroup_controllers=("memory", "cpu", "cpuset", "pids", "blkio", "freezer"),
        seccomp=True,
        apparmor=False,
        capabilities=tuple(caps.NAMES),
        cpus=4,
        memory=8 << 30,
        rlimits=(Rlimit(name="nofile", soft=1024, hard=524288), Rlimit(name="nproc", soft=1000, hard=31000)),
    )


@pytest.fixture
def request_() -> SpecRequest:
    """A container that asks for nothing."""
    return SpecRequest(id="0123456789abcdef" * 4, args=("sleep", "1"), network="private")
