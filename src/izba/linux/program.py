"""Programs of a few hundred bytes, in sealed memory: for what has to be done where no interpreter may be."""

from __future__ import annotations

import errno
import fcntl
import os
from _struct import pack

MACHINES = {"x86_64": 62, "aarch64": 183}
"""Their numbers in elf(5)."""

_ADDRESS = 0x400000
_HEADERS = 64 + 2 * 56
_MFD_EXEC = 0x10
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


def sealed(name: str, machine: int, code: bytes) -> int:
    """A descriptor to execute; the file cannot be changed any more. It is closed by exec unless told otherwise."""
    fd = _memory_file(name)
    os.write(fd, executable(machine, code))
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def executable(machine: int, code: bytes) -> bytes:
    """A static executable (elf(5)): the headers and the code as one read-only segment, and no executable stack."""
    entry, size = _ADDRESS + _HEADERS, _HEADERS + len(code)
    header = pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, machine, 1, entry, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    stack = pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return header + load + stack + code


def _memory_file(name: str) -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(name, flags | _MFD_EXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # before Linux 6.3, where all memory files can be executed
            raise
        return os.memfd_create(name, flags)
