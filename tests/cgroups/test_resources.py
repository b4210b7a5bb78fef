"""The values that each cgroup version's files take, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from izba.cgroups import resources
from izba.errors import InvalidArgument

MIB = 1 << 20


@pytest.mark.parametrize(
    ("shares", "weight"), [(1, 1), (2, 1), (512, 59), (1024, 100), (2048, 174), (262144, 10000), (999999, 10000)]
)
def test_cpu_shares_become_a_weight_with_the_default_at_the_default(shares: int, weight: int) -> None:
    """The table of runc and crun since 2025 (containers/crun, cpu shares conversion)."""
    assert resources.weight_of_shares(shares) == weight


def test_more_shares_never_weigh_less() -> None:
    weights = [resources.weight_of_shares(shares) for shares in range(2, 262145, 97)]
    assert weights == sorted(weights)


@pytest.mark.parametrize(("weight", "io"), [(10, 1), (500, 4950), (1000, 10000)])
def test_blkio_weight_becomes_io_weight(weight: int, io: int) -> None:
    assert resources.io_weight(weight) == io


@pytest.mark.parametrize(
    ("asked", "v1", "v2"),
    [
        (
            {"memory": {"limit": 64 * MIB, "swap": 96 * MIB}},
            {"memory.limit_in_bytes": str(64 * MIB), "memory.memsw.limit_in_bytes": str(96 * MIB)},
            {"memory.max": str(64 * MIB), "memory.swap.max": str(32 * MIB)},
        ),
        (
            {"memory": {"limit": -1, "swap": -1, "reservation": 7}},
            {"memory.limit_in_bytes": "-1", "memory.memsw.limit_in_bytes": "-1", "memory.soft_limit_in_bytes": "7"},
            {"memory.max": "max", "memory.swap.max": "max", "memory.low": "7"},
        ),
        (
            {"memory": {"limit": MIB, "swappiness": 0, "disableOOMKiller": True}},
            {"memory.limit_in_bytes": str(MIB), "memory.swappiness": "0", "memory.oom_control": "1"},
            {"memory.max": str(MIB)},
        ),
        (
            {"cpu": {"shares": 1024, "quota": 50000, "period": 100000}},
            {"cpu.shares": "1024", "cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "50000"},
            {"cpu.weight": "100", "cpu.max": "50000 100000"},
        ),
        ({"cpu": {"quota": -1}}, {"cpu.cfs_quota_us": "-1"}, {"cpu.max": "max 100000"}),
        ({"cpu": {"period": 5000}}, {"cpu.cfs_period_us": "5000"}, {"cpu.max": "max 5000"}),
        (
            {"cpu": {"cpus": "0-1", "mems": "0"}},
            {"cpuset.cpus": "0-1", "cpuset.mems": "0"},
            {"cpuset.cpus": "0-1", "cpuset.mems": "0"},
        ),
        ({"pids": {"limit": 5}}, {"pids.max": "5"}, {"pids.max": "5"}),
        ({"pids": {"limit": -1}}, {"pids.max": "max"}, {"pids.max": "max"}),
        ({"pids": {"limit": 0}}, {"pids.max": "max"}, {"pids.max": "max"}),
        ({"blockIO": {"weight": 500}}, {"blkio.bfq.weight": "500"}, {"io.weight": "default 4950"}),
        (
            {"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 1000}]}},
            {"blkio.throttle.read_bps_device": "8:0 1000"},
            {"io.max": "8:0 rbps=1000"},
        ),
        (
            {"blockIO": {"throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 0}]}},
            {"blkio.throttle.write_iops_device": "8:0 0"},
            {"io.max": "8:0 wiops=max"},
        ),
        ({"unified": {"memory.high": "5M"}}, {}, {"memory.high": "5M"}),
        ({}, {}, {}),
    ],
)
def test_what_is_written(asked: Any, v1: dict[str, str], v2: dict[str, str]) -> None:
    assert {file: value for _, file, value in resources.v1(asked)} == v1
    assert {file: value for _, file, value in resources.v2(asked)} == v2


def test_a_swap_limit_needs_a_memory_limit_on_v2() -> None:
    with pytest.raises(InvalidArgument, match="needs a limit of memory"):
        resources.v2({"memory": {"swap": MIB}})


def test_a_unified_resource_is_a_file_of_the_cgroup_itself() -> None:
    with pytest.raises(InvalidArgument, match="not the name of a cgroup file"):
        resources.v2({"unified": {"../cgroup.procs": "1"}})


NULL = {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}
FUSE = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"}
NONE = {"allow": False, "access": "rwm"}


def test_devices_are_denied_then_allowed_one_by_one_with_what_every_runtime_allows() -> None:
    asked: Any = {"devices": [NONE, FUSE]}
    assert [(file.partition(".")[2], value) for _, file, value in resources.v1(asked)] == [
        ("deny", "a"),
        ("allow", "c *:* m"),
        ("allow", "b *:* m"),
        ("allow", "c 136:* rwm"),
        ("allow", "c 5:2 rwm"),
        ("allow", "c 10:229 rwm"),
    ]


def test_a_devices_cgroup_is_for_who_has_more_than_everybodys_devices() -> None:
    plain: Any = {"devices": [NONE, NULL]}
    fuse: Any = {"devices": [NONE, NULL, FUSE], "pids": {"limit": 1}}
    privileged: Any = {"devices": [{"allow": True, "access": "rwm"}]}
    assert resources.controllers(plain) == set()
    assert resources.controllers(fuse) == {"devices", "pids"}
    assert resources.controllers(privileged) == set()
