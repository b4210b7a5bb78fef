"""`--security-opt`, `--device`, `--device-cgroup-rule` and `--ulimit`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from izba import errors
from izba.errors import InvalidArgument
from izba.runtime.specgen import devices, rlimits, security
from izba.runtime.specgen.request import DeviceNode, HostFacts, SpecRequest, Ulimit


def parse(*options: str) -> security.SecurityOptions:
    return security.parse(options, lambda path: Path(path).read_text())


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("no-new-privileges", {"no_new_privileges": True}),
        ("no-new-privileges=true", {"no_new_privileges": True}),
        ("no-new-privileges:true", {"no_new_privileges": True}),
        ("no-new-privileges=false", {}),
        ("seccomp=unconfined", {"seccomp": "unconfined"}),
        ("seccomp:unconfined", {"seccomp": "unconfined"}),
        ("seccomp=builtin", {}),
        ('seccomp={"defaultAction":"x"}', {"seccomp": '{"defaultAction":"x"}'}),
        ("apparmor=unconfined", {"apparmor": "unconfined"}),
        ("systempaths=unconfined", {"systempaths_unconfined": True}),
        ("label=disable", {}),
    ],
)
def test_security_options(option: str, expected: dict[str, object]) -> None:
    assert parse(option) == security.SecurityOptions(**expected)


def test_a_seccomp_profile_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{}")
    assert parse(f"seccomp={tmp_path}/p.json", "no-new-privileges").seccomp == "{}"
    with pytest.raises(InvalidArgument, match=r"opening seccomp profile .* failed: no such file or directory"):
        parse(f"seccomp={tmp_path}/missing.json")


@pytest.mark.parametrize(
    "option", ["no-new-privilege", "seccomp", "nonsense=1", "systempaths=x", "no-new-privileges=y"]
)
def test_an_unknown_security_option_is_refused(option: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid --security-opt"):
        parse(option)


def test_a_misspelt_option_gets_the_nearest() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse("secomp=unconfined")
    assert caught.value.hint == "did you mean seccomp?"


def test_selinux_labels_are_not_ignored_in_silence() -> None:
    with pytest.raises(errors.NotImplemented, match="izba sets no SELinux labels"):
        parse("label=type:svirt_t")


def test_a_device_is_found_with_its_numbers() -> None:
    [node] = devices.find("/dev/zero:/dev/nothing:r")
    assert (node.path, node.type, node.major, node.minor, node.permissions) == ("/dev/nothing", "c", 1, 5, "r")
    assert devices.find("/dev/zero")[0].path == "/dev/zero"
    assert devices.find("/dev/zero:rw")[0].permissions == "rw"


@pytest.mark.root
def test_a_directory_of_devices_is_all_below_it(tmp_path: Path) -> None:
    (tmp_path / "bus/1").mkdir(parents=True)
    os.mknod(tmp_path / "bus/1/a", 0o20660, os.makedev(189, 1))
    (tmp_path / "bus/1/a").chmod(0o660)
    (tmp_path / "bus/file").touch()
    (tmp_path / "link").symlink_to("bus")
    [node] = devices.find(f"{tmp_path}/link:/dev/bus")
    assert (node.path, node.major, node.minor, node.mode) == ("/dev/bus/1/a", 189, 1, 0o660)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("/none", "no such file or directory"),
        ("/etc/passwd", "not a device node"),
        ("zero", "not an absolute path"),
        ("/dev/zero:dev", "not an absolute path"),
        ("/dev/zero:/../x", "not an absolute path"),
        ("/dev/zero:/a:/b", "not an absolute path|HOST"),
    ],
)
def test_what_is_no_device_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        devices.find(text)
    assert any(word in f"{caught.value} {caught.value.hint}" for word in reason.split("|"))


def test_a_privileged_container_gets_the_hosts_devices_without_duplicates(request_: SpecRequest) -> None:
    found = devices.host_devices()
    made = devices.nodes(request_.replace(privileged=True), found)
    paths = [node["path"] for node in made]
    assert len(paths) == len(set(paths))
    assert "/dev/null" not in paths
    assert not [path for path in paths if path.startswith(("/dev/pts/", "/dev/shm/"))]
    assert devices.nodes(request_, found) == []


def test_the_rules_deny_all_then_allow_what_is_given(request_: SpecRequest) -> None:
    node = DeviceNode(source="/dev/fuse", path="/dev/fuse", type="c", major=10, minor=229, permissions="rw")
    made = devices.rules(request_.replace(devices=(node,), device_cgroup_rules=("b 8:* r",)))
    assert made[0] == {"allow": False, "access": "rwm"}
    assert made[-2:] == [
        {"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"},
        {"allow": True, "type": "b", "major": 8, "minor": -1, "access": "r"},
    ]


@pytest.mark.parametrize(
    "text", ["", "c 1:3", "x 1:3 r", "c 1 r", "c 1:3 rr", "c 1:3 x", "c a:b r", "c  1:3 rwm", "c 1:3 rwm "]
)
def test_a_malformed_device_rule_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="invalid device cgroup rule format"):
        devices.rule(text)


def limits(host: HostFacts, *ulimits: Ulimit) -> dict[str, tuple[int, int]]:
    return {limit["type"]: (limit["soft"], limit["hard"]) for limit in rlimits.rlimits(ulimits, host)}


def test_files_and_processes_are_limited_as_under_dockers_service(host: HostFacts) -> None:
    assert limits(host) == {"RLIMIT_NOFILE": (524288, 524288), "RLIMIT_NPROC": (31000, 31000)}


def test_a_limit_above_the_hosts_is_cut_and_told_where_it_cannot_be_had(host: HostFacts) -> None:
    asked = Ulimit(name="nofile", soft=1 << 20, hard=1 << 20)
    unlimited = Ulimit(name="nproc", soft=-1, hard=-1)
    weak = host.replace(capabilities=())
    assert limits(host, asked)["RLIMIT_NOFILE"] == (1 << 20, 1 << 20)
    assert limits(weak, asked)["RLIMIT_NOFILE"] == (524288, 524288)
    assert limits(host.replace(rootless=True), unlimited)["RLIMIT_NPROC"] == (31000, 31000)
    assert rlimits.unreachable((asked,), host) == []
    [warning] = rlimits.unreachable((asked,), weak)
    assert "nofile: 1048576 is more than izba may give, its own hard limit is 524288" in warning
