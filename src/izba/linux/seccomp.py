"""Loading a seccomp filter (seccomp(2)): a program of classic BPF that the kernel runs before each system call."""

from __future__ import annotations

import os
from _struct import pack

from izba.linux import flags as f
from izba.linux import libc
from izba.linux.process import prctl

FILTER_FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1,
    "SECCOMP_FILTER_FLAG_LOG": 2,
    "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
}
_SECCOMP_SET_MODE_FILTER = 1
_SECCOMP_MODE_FILTER = 2
_SYS_seccomp = {"x86_64": 317, "aarch64": 277, "riscv64": 277}.get(os.uname().machine)


def load(program: bytes, flags: int = 0) -> None:
    """Put this process and all it becomes under the program, for good. Needs CAP_SYS_ADMIN or no_new_privs."""
    code = libc.Buffer(program)
    described = libc.Buffer(pack("HxxxxxxP", len(program) // 8, code.pointer))  # struct sock_fprog
    if _SYS_seccomp is None:
        prctl(f.PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, described.pointer, name="prctl(PR_SET_SECCOMP)")
        return
    result = libc.syscall(_SYS_seccomp, _SECCOMP_SET_MODE_FILTER, flags, described.pointer)
    libc.check("seccomp", result)
