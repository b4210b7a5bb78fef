"""The system calls a container may make: Docker's default filter, and filters from files.

A profile in Docker's form has conditions (`includes`, `excludes`: capabilities, architectures, kernel); in the OCI's
form it has none. Both become the `linux.seccomp` of a spec, whose conditions are settled.
"""

from __future__ import annotations

from izba.runtime.specgen import seccomp_data as data

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from izba.oci.runtimespec import LinuxSeccomp, LinuxSyscall

ENOSYS = 38
EPERM = 1

# OCI architecture → the seccomp names of it and of those it also runs.
_ARCHITECTURES = {
    "386": ("SCMP_ARCH_X86",),
    "amd64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "arm": ("SCMP_ARCH_ARM",),
    "arm64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "loong64": ("SCMP_ARCH_LOONGARCH64",),
    "mips64": ("SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64N32"),
    "mips64le": ("SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL", "SCMP_ARCH_MIPSEL64N32"),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "s390x": ("SCMP_ARCH_S390X", "SCMP_ARCH_S390"),
}


def default_profile(capabilities: Collection[str], architecture: str) -> LinuxSeccomp:
    """Docker's default filter for a container with these capabilities."""
    calls: list[LinuxSyscall] = [_allow(data.ALWAYS)]
    calls += [_allow(("socket",), 0, value, compare) for value, compare in data.SOCKET_FAMILIES]
    calls += [_allow(("personality",), 0, value) for value in data.PERSONALITIES]
    calls += [_allow(names) for architectures, names in data.ON_ARCHITECTURE if architecture in architectures]
    calls += [_allow(names) for capability, names in data.WITH_CAPABILITY.items() if capability in capabilities]
    if "CAP_SYS_ADMIN" not in capabilities:
        # Threads and processes, but no new namespaces. clone3 has its flags in memory, where no filter can look:
        # ENOSYS makes the C library fall back to clone.
        flags_argument = 1 if architecture == "s390x" else 0
        calls.append(_allow(("clone",), flags_argument, data.NAMESPACE_FLAGS, "SCMP_CMP_MASKED_EQ"))
        calls.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": ENOSYS})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": EPERM,
        "architectures": list(_ARCHITECTURES.get(architecture, ())),
        "syscalls": calls,
    }


def custom_profile(
    text: str, capabilities: Collection[str], architecture: str, kernel: tuple[int, int]
) -> LinuxSeccomp | None:
    """The filter that the JSON `text` describes; None where it describes none."""
    from izba.runtime.specgen import seccomp_file  # msgspec: only with a profile of one's own

    return seccomp_file.resolve(
        seccomp_file.parse(text), capabilities, architecture, kernel, _ARCHITECTURES.get(architecture, ())
    )


def _allow(
    names: Collection[str], index: int = 0, value: int | None = None, compare: str = "SCMP_CMP_EQ"
) -> LinuxSyscall:
    call: LinuxSyscall = {"names": list(names), "action": "SCMP_ACT_ALLOW"}
    if value is not None:
        call["args"] = [{"index": index, "value": value, "op": compare}]
        if compare == "SCMP_CMP_MASKED_EQ":
            call["args"][0]["valueTwo"] = 0
    return call
