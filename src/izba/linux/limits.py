"""Resource limits of this process (prlimit(2)); Python's `resource` is one more library to load."""

from __future__ import annotations

from _struct import pack, unpack

from izba.linux import libc

INFINITY = 2**64 - 1

# In the order of their numbers, from 0 (asm-generic/resource.h).
NAMES = (
    "RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK "
    "RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME"
).split()

_prlimit = libc.function("prlimit", libc.Int, libc.Int, libc.Pointer, libc.Pointer)


def get(name: str) -> tuple[int, int]:
    """The soft and the hard limit."""
    found = libc.Buffer(16)
    libc.check("prlimit", _prlimit(0, NAMES.index(name), None, found.pointer), name)
    soft, hard = unpack("=QQ", bytes(found))
    return soft, hard


def set(name: str, soft: int, hard: int) -> None:  # noqa: A001 - limits.set
    """Set both. Above the present hard limit it needs CAP_SYS_RESOURCE in the machine's first user namespace."""
    libc.check("prlimit", _prlimit(0, NAMES.index(name), pack("=QQ", soft, hard), None), name)
