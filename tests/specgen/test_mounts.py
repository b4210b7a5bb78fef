from __future__ import annotations

import pytest

from izba.errors import InvalidArgument
from izba.runtime.specgen import mounts
from izba.runtime.specgen.request import HostFacts, MountRequest, SpecRequest


def bind(target: str, source: str = "/srv", **more: object) -> MountRequest:
    return MountRequest(type="bind", source=source, target=target, **more)


def made(request: SpecRequest, host: HostFacts) -> dict[str, tuple[str, list[str]]]:
    found = mounts.mounts(request, host, has_cgroup=True)
    return {mount["destination"]: (mount["source"], mount["options"]) for mount in found}


def test_a_bind_is_recursive_private_and_without_devices(request_: SpecRequest, host: HostFacts) -> None:
    assert made(request_.replace(mounts=(bind("/data"),)), host)["/data"] == ("/srv", ["rbind", "nodev", "rprivate"])


def test_a_read_only_bind_is_so_all_the_way_down(request_: SpecRequest, host: HostFacts) -> None:
    request = request_.replace(mounts=(bind("/data", read_only=True),))
    assert made(request, host)["/data"][1] == ["rbind", "nodev", "rro", "rprivate"]
    assert made(request, host.replace(kernel=(5, 10)))["/data"][1] == ["rbind", "nodev", "ro", "rprivate"]


def test_devices_in_a_bind_work_for_who_may_use_devices(request_: SpecRequest, host: HostFacts) -> None:
    usb = request_.replace(mounts=(bind("/dev/bus/usb", "/dev/bus/usb"),))
    assert "nodev" in made(usb, host)["/dev/bus/usb"][1]
    assert "nodev" not in made(usb.replace(device_cgroup_rules=("c 189:* rwm",)), host)["/dev/bus/usb"][1]
    assert "nodev" not in made(usb.replace(privileged=True), host)["/dev/bus/usb"][1]


def test_outer_mounts_come_before_inner_ones_and_all_after_the_defaults(request_: SpecRequest, host: HostFacts) -> None:
    request = request_.replace(mounts=(bind("/a/b/c"), bind("/a"), bind("/a/b")), network_files=(bind("/etc/hosts"),))
    assert list(made(request, host))[-4:] == ["/a", "/etc/hosts", "/a/b", "/a/b/c"]


def test_a_users_mount_replaces_a_default_and_the_engines(request_: SpecRequest, host: HostFacts) -> None:
    request = request_.replace(
        mounts=(bind("/sys", "/sys"), bind("/etc/hosts", "/mine")), network_files=(bind("/etc/hosts", "/izbas"),)
    )
    assert made(request, host)["/sys"][0] == "/sys"
    assert made(request, host)["/etc/hosts"][0] == "/mine"


def test_a_users_dev_has_nothing_of_ours_in_it(request_: SpecRequest, host: HostFacts) -> None:
    request = request_.replace(mounts=(bind("/dev", "/dev"),), engine_mounts=(bind("/dev/izba"),))
    assert [target for target in made(request, host) if target.startswith("/dev")] == ["/dev"]


def test_a_read_only_container_keeps_the_kernels_file_systems_writable(request_: SpecRequest, host: HostFacts) -> None:
    request = request_.replace(read_only=True, mounts=(bind("/data"),), network_files=(bind("/etc/hosts"),))
    found = made(request, host)
    assert "ro" in found["/etc/hosts"][1]
    assert "ro" not in found["/data"][1]
    for target in ("/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"):
        assert "ro" not in found[target][1]


def test_the_size_of_shared_memory(request_: SpecRequest, host: HostFacts) -> None:
    assert "size=1048576" in made(request_.replace(shm_size=1 << 20), host)["/dev/shm"][1]
    assert "/dev/shm" not in made(request_.replace(ipc="none"), host)
    assert made(request_.replace(ipc="host"), host)["/dev/shm"][0] == "/dev/shm"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["noexec", "nosuid", "nodev"]),
        (("size=64m", "mode=1770"), ["noexec", "nosuid", "nodev", "size=64m", "mode=1770"]),
        (("exec", "ro"), ["nosuid", "nodev", "exec", "ro"]),
        (("noexec",), ["noexec", "nosuid", "nodev"]),
    ],
)
def test_tmpfs_options(options: tuple[str, ...], expected: list[str]) -> None:
    assert mounts.tmpfs_options(options) == expected


@pytest.mark.parametrize("option", ["size", "size=", "evil", "lowerdir=/", "size=1\0", "context=x"])
def test_an_option_tmpfs_has_not_is_refused(option: str) -> None:
    """D4: unknown mount options are not passed on"""
    with pytest.raises(InvalidArgument, match="invalid tmpfs option"):
        mounts.tmpfs_options((option,))


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("data", "absolute"),
        ("", "absolute"),
        ("/", "can't be '/'"),
        ("/a/../../etc", "has '..'"),
        ("/a/./b", "has '..'"),
        ("//a", "has '..'"),
        ("/a\0b", "NUL"),
        ("/proc", "over or below /proc"),
        ("/proc/self/fd/3", "over or below /proc"),
        ("/proc/sys/kernel/core_pattern", "over or below /proc"),
    ],
)
def test_a_target_that_is_no_place_for_a_mount_is_refused(target: str, reason: str) -> None:
    """B4, C8"""
    with pytest.raises(mounts.BadMount, match=reason):
        mounts.checked(bind(target))


def test_the_files_that_lxcfs_improves_may_be_mounted_over() -> None:
    mounts.checked(bind("/proc/meminfo", "/var/lib/lxcfs/proc/meminfo"))
    mounts.checked(bind("/proc", "/proc"))


@pytest.mark.parametrize("request_mount", [bind("/a", "srv"), bind("/a", propagation="rw"), bind("/a", "/x\0")])
def test_a_source_or_propagation_that_cannot_be_is_refused(request_mount: MountRequest) -> None:
    """D4"""
    with pytest.raises(mounts.BadMount):
        mounts.checked(request_mount)


def test_cpus_that_throttle_are_masked_one_by_one(request_: SpecRequest, host: HostFacts) -> None:
    """C11"""
    masked, _ = mounts.masked_paths(request_, host.replace(throttled_cpus=(0, 3)))
    assert masked[-2:] == [f"/sys/devices/system/cpu/cpu{cpu}/thermal_throttle" for cpu in (0, 3)]
