"""Programs of a few bytes for x86_64, put into a root to make one system call in a way no shell can."""

from __future__ import annotations

from pathlib import Path
from struct import pack

from izba.linux import program

X86_64 = 62


def install_call(path: Path, number: int, first: int = 0, *, i386: bool = False) -> None:
    """A program that makes the system call `number` with `first` and zeros, and exits with its errno (0 if it
    worked).
    """
    arguments = b"\xbf" + pack("<I", first) + bytes.fromhex("31f631d24d31d24d31c04d31c9")  # rdi, rsi, rdx, r10, r8, r9
    call = b"\xb8" + pack("<I", number) + bytes.fromhex("0f05")
    if i386:
        arguments = b"\xbb" + pack("<I", first) + bytes.fromhex("31c931d231f631ff")  # ebx, ecx, edx, esi, edi
        call = b"\xb8" + pack("<I", number) + bytes.fromhex("cd80")
    # if the result is negative, exit(-result), else exit(0)
    exit_with_errno = bytes.fromhex("31ff85c07904f7d889c7b83c0000000f05")
    path.write_bytes(program.executable(X86_64, arguments + call + exit_with_errno))
    path.chmod(0o755)
