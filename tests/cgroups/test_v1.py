"""cgroup v1 for real: what the limits do to processes."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable

import pytest

from izba.cgroups import files
from tests.containers.conftest import eventually

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import CgroupManager

pytestmark = pytest.mark.root
Run = Callable[..., "subprocess.Popen[str]"]

MIB = 1 << 20
SLEEP = "import time; time.sleep(60)"


def directory(cgroup: CgroupManager, controller: str) -> str:
    return next(path for names, path in cgroup.directories() if controller in names.split(","))


def test_only_the_controllers_that_a_limit_needs_are_used(v1: CgroupManager) -> None:
    v1.apply({"pids": {"limit": 5}})
    assert {name for names, _ in v1.directories() for name in names.split(",")} >= {"pids", "cpuacct"}
    assert "memory" not in str(v1.directories())


def test_a_process_that_takes_more_memory_than_its_limit_is_killed(v1: CgroupManager, run: Run) -> None:
    v1.apply({"memory": {"limit": 32 * MIB, "swap": 32 * MIB}})
    hog = run(v1, f"x = bytearray({256 * MIB}); print(len(x))")
    assert hog.wait(60) == -9
    assert v1.oom_kills() == 1
    stats = v1.stats()
    assert stats.memory_limit == 32 * MIB
    assert 0 < stats.memory_peak <= 32 * MIB


def test_a_fork_bomb_stops_at_its_limit(v1: CgroupManager, run: Run) -> None:
    """C15"""
    v1.apply({"pids": {"limit": 6}})
    bomb = run(
        v1,
        "import os, time\n"
        "made = 0\n"
        "try:\n"
        "    while made < 100:\n"
        "        if not os.fork(): time.sleep(60)\n"
        "        made += 1\n"
        "except BlockingIOError: print(made, flush=True)\n"
        "time.sleep(60)",
    )
    assert bomb.stdout is not None
    assert bomb.stdout.readline() == "5\n"
    assert len(v1.pids()) == 6
    assert (v1.stats().pids, v1.stats().pids_limit) == (6, 6)


def test_a_cpu_quota_holds_a_busy_process_back(v1: CgroupManager, run: Run) -> None:
    # A twentieth: a machine that is however busy leaves a process more than that, so that it is the quota that holds.
    v1.apply({"cpu": {"quota": 5_000, "period": 100_000}})
    run(v1, "while True: pass")
    before, start = v1.stats().cpu, time.monotonic_ns()
    eventually(lambda: v1.stats().throttling.throttled_periods > 5)
    used = (v1.stats().cpu - before) / (time.monotonic_ns() - start)
    assert used < 0.15
    assert v1.stats().throttling.throttled_time > 0


def test_a_cpuset_pins_processes_and_its_parents_are_filled(v1: CgroupManager, run: Run) -> None:
    v1.apply({"cpu": {"cpus": "0"}})
    pinned = run(v1, "import os; print(os.sched_getaffinity(0), flush=True)")
    assert pinned.stdout is not None
    assert pinned.stdout.readline() == "{0}\n"
    assert files.read(directory(v1, "cpuset"), "cpuset.mems").strip()


def test_frozen_processes_stand_still_until_thawed(v1: CgroupManager, run: Run) -> None:
    v1.apply({"pids": {"limit": 50}})
    ticker = run(v1, "import time\nwhile True: print(flush=True); time.sleep(0.01)")
    assert ticker.stdout is not None
    ticker.stdout.readline()
    assert not v1.is_frozen()

    v1.freeze()
    assert v1.is_frozen()
    usage = v1.stats().cpu
    time.sleep(0.1)
    assert v1.stats().cpu == usage

    v1.thaw()
    assert not v1.is_frozen()
    for _ in range(20):
        ticker.stdout.readline()


def test_frozen_processes_can_be_killed(v1: CgroupManager, run: Run) -> None:
    v1.apply({"pids": {"limit": 50}})
    sleeper = run(v1, SLEEP)
    v1.freeze()
    v1.kill()
    assert sleeper.wait(60) == -9


def test_kill_takes_children_too_and_remove_leaves_nothing(v1: CgroupManager, run: Run) -> None:
    v1.apply({"pids": {"limit": 50}, "memory": {"limit": 64 * MIB}})
    parent = run(v1, "import os, time\nfor _ in range(5): os.fork()\nprint(flush=True)\ntime.sleep(60)")
    assert parent.stdout is not None
    parent.stdout.readline()
    v1.kill()
    parent.wait(60)
    v1.remove()
    assert not v1.exists()
    v1.remove()


def test_limits_can_be_changed_while_it_runs(v1: CgroupManager, run: Run) -> None:
    v1.apply({"memory": {"limit": 32 * MIB, "swap": 64 * MIB}})
    run(v1, SLEEP)
    for limit in (256 * MIB, 16 * MIB):  # above the old limit of memory and swap, then below all
        v1.apply({"memory": {"limit": limit, "swap": 2 * limit}})
        assert v1.stats().memory_limit == limit
    v1.apply({"memory": {"limit": -1, "swap": -1}})
    assert v1.stats().memory_limit is None


def test_a_device_is_allowed_and_the_rest_is_not(v1: CgroupManager, run: Run) -> None:
    v1.apply(
        {
            "devices": [
                {"allow": False, "access": "rwm"},
                {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
                {"allow": True, "type": "c", "major": 10, "minor": 235, "access": "r"},
            ]
        }
    )
    tried = run(
        v1,
        "for path in '/dev/null', '/dev/zero':\n"
        "    try: open(path); print('yes')\n"
        "    except PermissionError: print('no')",
    )
    assert tried.communicate(timeout=60)[0].split() == ["yes", "no"]


def test_a_limit_the_kernel_refuses_names_file_and_value(v1: CgroupManager) -> None:
    with pytest.raises(OSError, match=r"write '99': .*cpuset.cpus"):
        v1.apply({"cpu": {"cpus": "99"}})
