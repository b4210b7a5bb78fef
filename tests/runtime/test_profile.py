"""AppArmor's profile is given by writing to /proc, which must be the host's (attacks C5)."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from izba.linux import mount, process
from izba.runtime.driver import runtime
from izba.runtime.launch import Stdio
from tests.runtime.harness import Failure, Runner, base_config

pytestmark = pytest.mark.root


def test_the_profile_is_written_to_the_hosts_proc(root: Runner) -> None:
    """C5 (CVE-2019-16884, CVE-2023-28642): the image has files where a fake /proc would take the write."""
    canary = root.rootfs / "proc/self/attr/apparmor/exec"
    canary.parent.mkdir(parents=True)
    canary.write_text("untouched")
    (root.rootfs / "proc/self/attr/exec").write_text("untouched")
    config = base_config("true")
    config["mounts"] = [each for each in config["mounts"] if each["destination"] != "/proc"]
    config["linux"]["maskedPaths"], config["linux"]["readonlyPaths"] = [], []
    config["process"]["apparmorProfile"] = "unconfined"

    def body(stdio: Stdio) -> int:
        # Also a kernel without AppArmor is taken for one with it, which then has no such file in /proc.
        mount.mount("tmpfs", "/sys/module", "tmpfs")
        enabled = Path("/sys/module/apparmor/parameters/enabled")
        enabled.parent.mkdir(parents=True)
        enabled.write_text("Y\n")
        driver = runtime("native")
        launched, _ = root.launch(driver, config, stdio)
        driver.start(launched)
        return process.wait(launched.pid)

    with contextlib.suppress(Failure):
        root.inside_own_mounts(body)

    assert canary.read_text() == "untouched"
    assert (root.rootfs / "proc/self/attr/exec").read_text() == "untouched"
