"""Docker's default filter as rules, and filters from files (C12: what the kernel then does is tests/linux')."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from izba import jsonio
from izba.decode import DecodeError
from izba.errors import InvalidArgument
from izba.linux import caps
from izba.oci.runtimespec import LinuxSeccomp
from izba.runtime.specgen import defaults, seccomp, seccomp_data
from izba.runtime.specgen.generate import generate
from izba.runtime.specgen.request import HostFacts, SpecRequest


def allowed(profile: LinuxSeccomp) -> set[str]:
    """The calls allowed whatever their arguments."""
    return {
        name
        for call in profile["syscalls"]
        if call["action"] == "SCMP_ACT_ALLOW" and "args" not in call
        for name in call["names"]
    }


def rules(profile: LinuxSeccomp, name: str) -> list[tuple[str, int | None, object]]:
    return [
        (call["action"], call.get("errnoRet"), [(a["index"], a["value"], a["op"]) for a in call.get("args", [])])
        for call in profile["syscalls"]
        if name in call["names"]
    ]


DEFAULT = seccomp.default_profile(defaults.CAPABILITIES, "amd64")


def test_what_is_not_listed_fails_with_eperm() -> None:
    assert (DEFAULT["defaultAction"], DEFAULT["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    assert DEFAULT["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]


@pytest.mark.parametrize(
    "name",
    "add_key keyctl request_key bpf perf_event_open userfaultfd mount umount2 unshare setns io_uring_setup "
    "io_uring_enter kexec_load init_module finit_module ptrace_never swapon reboot iopl open_by_handle_at acct "
    "settimeofday move_pages kcmp process_madvise pivot_root fsopen open_tree move_mount quotactl syslog".split(),
)
def test_a_call_that_reaches_beyond_the_container_is_not_allowed(name: str) -> None:
    assert rules(DEFAULT, name) == []


@pytest.mark.parametrize(
    "name", "read write openat execve fork vfork futex chroot mknod ptrace seccomp arch_prctl modify_ldt statx".split()
)
def test_what_programs_need_is_allowed(name: str) -> None:
    assert name in allowed(DEFAULT)


def test_no_process_makes_namespaces_and_clone3_sends_the_library_back_to_clone() -> None:
    namespaces = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000 | 0x02000000
    assert namespaces == seccomp_data.NAMESPACE_FLAGS
    assert rules(DEFAULT, "clone") == [("SCMP_ACT_ALLOW", None, [(0, namespaces, "SCMP_CMP_MASKED_EQ")])]
    assert rules(DEFAULT, "clone3") == [("SCMP_ACT_ERRNO", 38, [])]
    s390x = seccomp.default_profile(defaults.CAPABILITIES, "s390x")
    assert rules(s390x, "clone")[0][2] == [(1, namespaces, "SCMP_CMP_MASKED_EQ")]


def test_sockets_of_the_hypervisor_and_of_the_kernels_crypto_are_denied() -> None:
    AF_INET, AF_ALG, AF_VSOCK = 2, 38, 40  # noqa: N806 - as in the headers
    compare = {"SCMP_CMP_LT": int.__lt__, "SCMP_CMP_EQ": int.__eq__, "SCMP_CMP_GT": int.__gt__}

    def passes(family: int) -> bool:
        return any(compare[op](family, value) for _, _, [(_, value, op)] in rules(DEFAULT, "socket"))

    assert passes(AF_INET)
    assert passes(39)
    assert passes(41)
    assert not passes(AF_ALG)
    assert not passes(AF_VSOCK)


def test_personality_is_limited_to_harmless_ones() -> None:
    values = [value for _, _, [(index, value, _)] in rules(DEFAULT, "personality")]
    assert values == [0, 8, 0x20000, 0x20008, 0xFFFFFFFF]


@pytest.mark.parametrize(
    ("capability", "name"),
    [
        ("CAP_SYS_ADMIN", "mount"),
        ("CAP_SYS_ADMIN", "clone3"),
        ("CAP_SYS_PTRACE", "kcmp"),
        ("CAP_SYS_MODULE", "init_module"),
        ("CAP_SYS_TIME", "settimeofday"),
        ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
        ("CAP_BPF", "bpf"),
        ("CAP_PERFMON", "perf_event_open"),
        ("CAP_SYSLOG", "syslog"),
        ("CAP_SYS_NICE", "mbind"),
        ("CAP_SYS_BOOT", "reboot"),
    ],
)
def test_a_capability_opens_the_calls_it_is_for(capability: str, name: str) -> None:
    assert name not in allowed(DEFAULT)
    assert name in allowed(seccomp.default_profile((*defaults.CAPABILITIES, capability), "amd64"))


def test_without_cap_sys_chroot_there_is_no_chroot() -> None:
    assert "chroot" not in allowed(seccomp.default_profile((), "amd64"))


def test_every_call_and_capability_of_the_data_is_named_once() -> None:
    assert len(seccomp_data.ALWAYS) == len(set(seccomp_data.ALWAYS))
    assert set(seccomp_data.WITH_CAPABILITY) <= set(caps.NAMES)


def custom(profile: object, capabilities: tuple[str, ...] = ("CAP_KILL",)) -> LinuxSeccomp | None:
    return seccomp.custom_profile(json.dumps(profile), capabilities, "amd64", (6, 1))


def test_a_profile_in_the_ocis_form_is_taken_as_it_is() -> None:
    profile = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64"],
        "flags": ["SECCOMP_FILTER_FLAG_LOG"],
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5}],
    }
    assert custom(profile) == profile


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"includes": {"caps": ["CAP_KILL"]}}, True),
        ({"includes": {"caps": ["CAP_KILL", "CAP_BPF"]}}, False),
        ({"excludes": {"caps": ["CAP_BPF", "CAP_KILL"]}}, False),
        ({"includes": {"arches": ["amd64"]}}, True),
        ({"includes": {"arches": ["arm64"]}}, False),
        ({"excludes": {"arches": ["amd64"]}}, False),
        ({"includes": {"minKernel": "6.1"}}, True),
        ({"includes": {"minKernel": "6.10"}}, False),
        ({"excludes": {"minKernel": "4.8"}}, False),
        ({"includes": {}, "excludes": {}}, True),
        ({"includes": None}, True),
    ],
)
def test_dockers_conditions(condition: dict[str, object], holds: bool) -> None:
    profile = custom(
        {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW"} | condition]}
    )
    assert profile is not None
    assert allowed(profile) == ({"read"} if holds else set())


def test_architectures_are_mapped_by_the_hosts() -> None:
    mapped = [
        {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
        {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
    ]
    profile = custom({"defaultAction": "SCMP_ACT_ERRNO", "archMap": mapped})
    assert profile is not None
    assert profile["architectures"] == ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]


def test_an_empty_profile_is_no_filter() -> None:
    assert custom({}) is None


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        ({"defaultAction": 7}, "defaultAction: Expected `str`, got `int`"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": "x"}]}, r"syscalls\[0\].names"),
        ({"syscalls": [{"name": "x"}]}, "defaultAction is missing"),
        ({"defaultAction": "A", "syscalls": [{"action": "A"}]}, "a rule names no system call"),
        ({"defaultAction": "A", "syscalls": [{"name": "x"}]}, "the rule for x has no action"),
        ({"defaultAction": "A", "syscalls": [{"name": "x", "names": ["y"], "action": "A"}]}, "both 'name' and 'names'"),
        (
            {"defaultAction": "A", "architectures": ["X"], "archMap": [{"architecture": "Y"}]},
            "both 'architectures' and 'archMap'",
        ),
        (
            {"defaultAction": "A", "syscalls": [{"name": "x", "action": "A", "includes": {"minKernel": "new"}}]},
            "not a kernel version: 'new'",
        ),
    ],
)
def test_a_profile_that_is_wrong_says_where(profile: object, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=reason):
        custom(profile)


def test_a_profile_that_is_not_json_is_an_error() -> None:
    with pytest.raises(DecodeError, match="seccomp profile"):
        seccomp.custom_profile("{", (), "amd64", (6, 1))


def test_a_container_is_confined_unless_it_asks_not_to_be(request_: SpecRequest, host: HostFacts) -> None:
    assert generate(request_, None, host)["linux"]["seccomp"] == DEFAULT
    assert "seccomp" not in generate(request_.replace(seccomp="unconfined"), None, host)["linux"]
    assert "seccomp" not in generate(request_, None, host.replace(seccomp=False))["linux"]
    own = request_.replace(seccomp='{"defaultAction": "SCMP_ACT_LOG"}', privileged=True)
    assert generate(own, None, host)["linux"]["seccomp"]["defaultAction"] == "SCMP_ACT_LOG"
    with pytest.raises(InvalidArgument, match="seccomp is not enabled in your kernel"):
        generate(own, None, host.replace(seccomp=False))


@pytest.mark.peer("podman")
def test_the_profile_that_podman_installs_is_understood() -> None:
    text = Path("/usr/share/containers/seccomp.json").read_text()
    profile = seccomp.custom_profile(text, defaults.CAPABILITIES, "amd64", (6, 1))
    assert profile is not None
    assert {"read", "openat", "execve"} <= allowed(profile)
    assert "mount_setattr" not in allowed(profile) or len(jsonio.dumps(profile)) > 1000
