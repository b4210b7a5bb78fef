"""Devices of the host stay out of reach with Docker's capabilities and no devices cgroup (A5, C9)."""

from __future__ import annotations

import os
import stat
from typing import Any

import pytest

from izba.runtime.native import rootfs
from tests.runtime.harness import Runner, base_config

pytestmark = pytest.mark.root

DENY = {"allow": False, "access": "rwm"}
NULL = {"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}
FUSE = {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rwm"}


def denying(*args: str) -> Any:
    config = base_config(*args)
    config["linux"]["resources"] = {"devices": [DENY, NULL]}
    return config


@pytest.mark.parametrize("directory", ["/tmp", "/dev", "/dev/shm", "/data"])
def test_a_node_that_root_makes_cannot_be_opened(root: Runner, directory: str) -> None:
    (root.bundle / "volume").mkdir()
    config = denying("sh", "-c", f"mknod {directory}/disk b 7 0 && cat {directory}/disk")
    config["mounts"].append(
        {"destination": "/data", "type": "bind", "source": str(root.bundle / "volume"), "options": ["rbind"]}
    )
    done = root.run(config)
    assert done.code != 0
    assert "Permission denied" in done.err


def test_a_node_of_the_image_cannot_be_opened(root: Runner) -> None:
    """A5"""
    os.mknod(root.rootfs / "zero", 0o20666, os.makedev(1, 5))
    done = root.run(denying("dd", "if=/zero", "of=/dev/null", "count=1"))
    assert done.code != 0
    assert "Permission denied" in done.err


def test_the_containers_own_devices_work(root: Runner) -> None:
    done = root.run(denying("sh", "-c", "dd if=/dev/zero bs=2 count=1 2>/dev/null | wc -c; echo x >/dev/null; ls /dev"))
    assert done.code == 0
    assert done.out.startswith("2\n")
    assert ".izba-nodes" not in done.out


def test_what_root_does_to_its_dev_null_is_not_done_to_the_hosts(root: Runner) -> None:
    before = os.stat("/dev/null")
    done = root.run(denying("sh", "-c", "chmod 600 /dev/null /proc/interrupts; chown 5:5 /proc/interrupts; ls -l /dev"))
    after = os.stat("/dev/null")
    assert "crw-------" in done.out
    assert (stat.S_IMODE(after.st_mode), after.st_uid, after.st_gid) == (
        stat.S_IMODE(before.st_mode),
        before.st_uid,
        before.st_gid,
    )


def test_it_is_the_cgroups_job_where_the_container_has_one_for_devices() -> None:
    config = denying("true")
    assert rootfs.has_no_devices(config)
    config["linux"]["cgroupsPath"] = "/izba/x"
    assert rootfs.has_no_devices(config)
    config["linux"]["resources"]["devices"].append(FUSE)
    assert not rootfs.has_no_devices(config)
    del config["linux"]["cgroupsPath"]
    assert rootfs.has_no_devices(config)
    config["linux"]["resources"]["devices"] = [{"allow": True, "access": "rwm"}]
    assert not rootfs.has_no_devices(config)
