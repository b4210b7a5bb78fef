"""The spec as a whole: Docker's defaults, and what each wish changes."""

from __future__ import annotations

import pytest

from izba import jsonio
from izba.errors import InvalidArgument
from izba.runtime.specgen.generate import generate, wants_cgroup
from izba.runtime.specgen.request import HostFacts, MountRequest, ResourceLimits, SpecRequest

DOCKERS_CAPABILITIES = {
    f"CAP_{name}"
    for name in "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
    "SYS_CHROOT KILL AUDIT_WRITE".split()
}


def namespaces(request: SpecRequest, host: HostFacts) -> dict[str, str | None]:
    return {space["type"]: space.get("path") for space in generate(request, None, host)["linux"]["namespaces"]}


def options(spec: dict, target: str) -> list[str]:
    return next(mount["options"] for mount in spec["mounts"] if mount["destination"] == target)


def test_a_container_that_asks_for_nothing_gets_dockers_defaults(request_: SpecRequest, host: HostFacts) -> None:
    spec = generate(request_, None, host)

    assert set(spec["process"]["capabilities"]["bounding"]) == DOCKERS_CAPABILITIES
    assert "inheritable" not in spec["process"]["capabilities"]
    assert "ambient" not in spec["process"]["capabilities"]
    assert [mount["destination"] for mount in spec["mounts"]] == [
        "/proc",
        "/dev",
        "/dev/pts",
        "/sys",
        "/sys/fs/cgroup",
        "/dev/mqueue",
        "/dev/shm",
    ]
    assert options(spec, "/dev") == ["nosuid", "strictatime", "mode=755", "size=65536k"]
    assert options(spec, "/sys") == ["nosuid", "noexec", "nodev", "ro"]
    assert options(spec, "/sys/fs/cgroup") == ["ro", "nosuid", "noexec", "nodev"]
    assert options(spec, "/dev/shm") == ["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]
    assert {"/proc/kcore", "/proc/keys", "/proc/acpi", "/sys/firmware", "/proc/interrupts"} <= set(
        spec["linux"]["maskedPaths"]
    )
    assert spec["linux"]["readonlyPaths"] == [
        "/proc/bus",
        "/proc/fs",
        "/proc/irq",
        "/proc/sys",
        "/proc/sysrq-trigger",
    ]
    assert spec["process"]["env"] == [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOSTNAME=0123456789ab",
        "HOME=/",
    ]
    assert spec["process"]["noNewPrivileges"] is False
    assert spec["hostname"] == "0123456789ab"
    assert spec["linux"]["sysctl"] == {
        "net.ipv4.ping_group_range": "0 2147483647",
        "net.ipv4.ip_unprivileged_port_start": "0",
    }
    assert namespaces(request_, host).keys() == {"mount", "network", "uts", "pid", "ipc", "cgroup"}


def test_equal_requests_have_equal_specs(request_: SpecRequest, host: HostFacts) -> None:
    first, second = (jsonio.dumps(generate(request_, None, host)) for _ in range(2))
    assert first == second


def test_a_privileged_container_has_all_there_is(request_: SpecRequest, host: HostFacts) -> None:
    spec = generate(request_.replace(privileged=True), None, host)

    assert spec["process"]["capabilities"]["bounding"] == list(host.capabilities)
    assert spec["linux"]["maskedPaths"] == []
    assert spec["linux"]["readonlyPaths"] == []
    assert "seccomp" not in spec["linux"]
    assert spec["linux"]["resources"]["devices"] == [{"allow": True, "access": "rwm"}]
    assert "ro" not in options(spec, "/sys")
    assert "ro" not in options(spec, "/sys/fs/cgroup")
    assert "cgroup" not in namespaces(request_.replace(privileged=True), host)


def test_unconfined_system_paths_are_neither_masked_nor_read_only(request_: SpecRequest, host: HostFacts) -> None:
    spec = generate(request_.replace(systempaths_unconfined=True), None, host)
    assert (spec["linux"]["maskedPaths"], spec["linux"]["readonlyPaths"]) == ([], [])
    assert set(spec["process"]["capabilities"]["bounding"]) == DOCKERS_CAPABILITIES


@pytest.mark.parametrize(("field", "kind"), [("pid", "pid"), ("ipc", "ipc"), ("uts", "uts"), ("network", "network")])
def test_a_namespace_is_private_the_hosts_or_another_containers(
    request_: SpecRequest, host: HostFacts, field: str, kind: str
) -> None:
    assert namespaces(request_, host)[kind] is None
    assert kind not in namespaces(request_.replace(**{field: "host"}), host)
    joined = request_.replace(**{field: f"path:/proc/7/ns/{kind}"})
    assert namespaces(joined, host)[kind] == f"/proc/7/ns/{kind}"
    with pytest.raises(InvalidArgument, match=f"invalid {kind} mode: quiet"):
        generate(request_.replace(**{field: "quiet"}), None, host)


def test_the_cgroup_namespace_is_private_on_v2_only(request_: SpecRequest, host: HostFacts) -> None:
    v1 = host.replace(cgroup_version=1)
    assert "cgroup" in namespaces(request_, host)
    assert "cgroup" not in namespaces(request_, v1)
    assert "cgroup" in namespaces(request_.replace(cgroupns="private"), v1)
    assert "cgroup" not in namespaces(request_.replace(cgroupns="host"), host)


def test_the_hosts_network_brings_the_hosts_name_and_no_network_sysctls(request_: SpecRequest, host: HostFacts) -> None:
    spec = generate(request_.replace(network="host"), None, host)
    assert spec["hostname"] == "builder"
    assert "HOSTNAME=builder" in spec["process"]["env"]
    assert spec["linux"]["sysctl"] == {}


def test_the_hosts_uts_namespace_keeps_its_name(request_: SpecRequest, host: HostFacts) -> None:
    assert "hostname" not in generate(request_.replace(uts="host", hostname="web"), None, host)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("kernel.panic", {}, "is not whitelisted"),
        ("vm.swappiness", {}, "is not whitelisted"),
        ("net/../kernel/panic", {}, "is not a name"),
        ("net.core.somaxconn", {"network": "host"}, "not allowed in host network namespace"),
        ("kernel.shmmax", {"ipc": "host"}, "not allowed in host ipc namespace"),
    ],
)
def test_a_sysctl_of_the_whole_host_is_refused(
    request_: SpecRequest, host: HostFacts, name: str, change: dict[str, str], reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        generate(request_.replace(sysctls=((name, "1"),), **change), None, host)


def test_a_sysctl_of_the_containers_own_namespaces_is_set(request_: SpecRequest, host: HostFacts) -> None:
    sysctls = (("net.ipv4.ip_unprivileged_port_start", "1024"), ("kernel.shmmax", "7"), ("fs.mqueue.msg_max", "9"))
    spec = generate(request_.replace(sysctls=sysctls), None, host)
    assert dict(sysctls).items() <= spec["linux"]["sysctl"].items()


def test_on_v1_there_is_a_cgroup_only_for_who_needs_one(request_: SpecRequest, host: HostFacts) -> None:
    v1 = host.replace(cgroup_version=1)
    spec = generate(request_, None, v1)
    assert "cgroupsPath" not in spec["linux"]
    assert "/sys/fs/cgroup" not in [mount["destination"] for mount in spec["mounts"]]
    assert wants_cgroup(request_.replace(resources=ResourceLimits(memory=32 << 20)), v1)
    assert wants_cgroup(request_.replace(cgroup_parent="/batch"), v1)
    assert wants_cgroup(request_.replace(device_cgroup_rules=("c 13:* rwm",)), v1)
    assert not wants_cgroup(request_, host.replace(cgroup_version=0))


def test_the_cgroup_is_named_for_the_container(request_: SpecRequest, host: HostFacts) -> None:
    assert generate(request_, None, host)["linux"]["cgroupsPath"] == f"/izba/{request_.id}"
    spec = generate(request_.replace(cgroup_parent="/batch"), None, host)
    assert spec["linux"]["cgroupsPath"] == f"/batch/{request_.id}"


def test_rootless_takes_from_the_host_what_the_kernel_does_not_give_a_user(
    request_: SpecRequest, host: HostFacts
) -> None:
    rootless = host.replace(rootless=True, single_id=True)
    spec = generate(request_.replace(network="host", pid="host", ipc="host"), None, rootless)
    sources = {mount["destination"]: (mount["type"], mount["source"]) for mount in spec["mounts"]}
    assert sources["/sys"] == ("bind", "/sys")
    assert "ro" in options(spec, "/sys")
    assert sources["/proc"] == ("bind", "/proc")
    assert sources["/dev/mqueue"] == ("bind", "/dev/mqueue")
    assert "gid=5" not in options(spec, "/dev/pts")
    assert spec["annotations"] == {"izba.fake-ownership": "true"}
    assert "net.ipv4.ping_group_range" not in generate(request_, None, rootless)["linux"]["sysctl"]


def test_an_init_is_asked_of_the_runtime_where_process_1_is_the_containers(
    request_: SpecRequest, host: HostFacts
) -> None:
    assert generate(request_.replace(init=True), None, host)["annotations"] == {"izba.init": "true"}
    assert generate(request_.replace(init=True, pid="host"), None, host)["annotations"] == {}


@pytest.mark.parametrize(
    ("propagation", "root"),
    [("rprivate", "rprivate"), ("slave", "rslave"), ("rslave", "rslave"), ("rshared", "rshared")],
)
def test_the_root_lets_through_what_a_bind_is_to_propagate(
    request_: SpecRequest, host: HostFacts, propagation: str, root: str
) -> None:
    mount = MountRequest(type="bind", source="/srv", target="/srv", propagation=propagation)
    spec = generate(request_.replace(mounts=(mount,)), None, host)
    assert spec["linux"]["rootfsPropagation"] == root
    assert propagation in options(spec, "/srv")
