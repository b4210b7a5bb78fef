"""cgroup v2 on a real hierarchy: all that needs no controller, which the hybrid layout keeps on v1."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.cgroups import delegate, device_filter, manager

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import CgroupManager

Run = Callable[..., "subprocess.Popen[str]"]
root = pytest.mark.root


@root
def test_a_process_joins_freezes_thaws_and_is_killed(v2: CgroupManager, run: Run) -> None:
    v2.apply({})
    ticker = run(v2, "import time\nwhile True: print(flush=True); time.sleep(0.01)")
    assert ticker.stdout is not None
    ticker.stdout.readline()
    assert v2.pids() == [ticker.pid]

    v2.freeze()
    assert v2.is_frozen()
    usage = v2.stats().cpu
    assert usage > 0
    time.sleep(0.1)
    assert v2.stats().cpu == usage

    v2.thaw()
    for _ in range(20):
        ticker.stdout.readline()
    v2.freeze()
    v2.kill()
    assert ticker.wait(60) == -9
    v2.remove()
    assert not v2.exists()


@root
def test_its_descriptor_is_for_clone(v2: CgroupManager) -> None:
    v2.apply({})
    fd = v2.fd()
    assert fd is not None
    assert os.readlink(f"/proc/self/fd/{fd}") == v2.directories()[0][1]
    assert not os.get_inheritable(fd)
    os.close(fd)


@root
def test_the_device_filter_answers_as_the_rules_say(v2: CgroupManager, run: Run, tmp_path: Path) -> None:
    v2.apply(
        {
            "devices": [
                {"allow": False, "access": "rwm"},
                {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"},
                {"allow": True, "type": "c", "major": 1, "minor": 5, "access": "r"},
                {"allow": True, "type": "c", "major": 10, "minor": -1, "access": "rwm"},
            ]
        }
    )
    tried = run(
        v2,
        "import os\n"
        "for path, mode in ('/dev/null', 'w'), ('/dev/zero', 'r'), ('/dev/zero', 'w'), ('/dev/full', 'r'):\n"
        "    try: open(path, mode); print('yes')\n"
        "    except PermissionError: print('no')\n"
        f"os.mknod({str(tmp_path / 'node')!r}, 0o60600, os.makedev(8, 0)); print('made')",
    )
    assert tried.communicate(timeout=60)[0].split() == ["yes", "yes", "no", "no", "made"]


def test_the_device_filter_decides_by_the_last_rule_that_matches() -> None:
    everything = device_filter.program([{"allow": True, "access": "rwm"}])
    nothing = device_filter.program([{"allow": False, "access": "rwm"}])
    assert everything != nothing
    assert device_filter.program([{"allow": False}, {"allow": True, "access": "rwm"}]) == everything
    assert len(device_filter.program([])) % 8 == 0


@root
def test_a_limit_the_hierarchy_has_no_controller_for_is_an_error(v2: CgroupManager) -> None:
    v2.apply({})
    if "pids" in Path(v2.directories()[0][1], "cgroup.controllers").read_text():
        pytest.skip("this hierarchy has the controller")
    with pytest.raises(FileNotFoundError, match=r"pids\.max"):
        v2.apply({"pids": {"limit": 5}})


def test_the_hybrid_layout_counts_as_v1(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("hugetlb misc\n")
    assert delegate.controllers(str(tmp_path)) == ()
    (tmp_path / "cgroup.controllers").write_text("cpu io memory pids\n")
    assert delegate.controllers(str(tmp_path)) == ("cpu", "blkio", "memory", "pids", "freezer")


def test_this_machine_is_recognised() -> None:
    found = manager.detect()
    if os.geteuid() == 0:
        assert found is not None
        assert "memory" in found.controllers
