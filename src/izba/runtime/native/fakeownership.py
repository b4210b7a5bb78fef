"""The filter for a user namespace with a single id, where package managers still change owners and identities.

The calls are answered with success and nothing is done (decisions, rootless files). apt and dpkg then install;
everything belongs to the one id there is.
"""

from __future__ import annotations

import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import LinuxSeccomp, LinuxSyscall


def _device(name: str, argument: int, kind: int) -> LinuxSyscall:
    return {
        "names": [name],
        "action": "SCMP_ACT_ERRNO",
        "errnoRet": 0,
        "args": [{"index": argument, "value": 0o170000, "valueTwo": kind, "op": "SCMP_CMP_MASKED_EQ"}],
    }


PROFILE: LinuxSeccomp = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    "syscalls": [
        {
            "names": (
                "chown chown32 fchown fchown32 fchownat lchown lchown32 setuid setuid32 setgid setgid32 setreuid "
                "setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32 setfsuid setfsuid32 "
                "setfsgid setfsgid32 setgroups setgroups32 capset"
            ).split(),
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 0,
        },
        *(_device("mknod", 1, kind) for kind in (stat.S_IFCHR, stat.S_IFBLK)),
        *(_device("mknodat", 2, kind) for kind in (stat.S_IFCHR, stat.S_IFBLK)),
    ],
}
