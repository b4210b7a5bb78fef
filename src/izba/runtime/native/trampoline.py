"""The last step into a container's command: through a program of some hundred bytes that belongs to nobody.

While a process is izba, /proc/self/exe in it is the Python interpreter of the host. A command such as a script that
begins with `#!/proc/self/exe` would run that inside the container, and from there open it for writing (CVE-2019-5736
did so to runc). So the process first becomes the program below, in sealed memory of its own, and that one executes the
command:

    if argv[0] is not "izba": exit(126)          a script that names /proc/self/exe as its interpreter ends here
    fcntl(FD, F_SETFD, FD_CLOEXEC)               the channel, which tells the creator whether the command was executed
    execve(argv[1], &argv[2], envp)
    write(FD, &errno, 4); exit(126)
"""

from __future__ import annotations

import errno
import fcntl
import os
from _struct import pack

NAME = "izba"

_FD = bytes.fromhex("44332211")  # where the descriptor's number stands in the code

_X86_64 = (
    "4889e3488b7308813e697a6261753bbd4433221189ef6a025e6a015a6a48580f0585c07515488b7b10488d7318488b0b"
    "488d54cb106a3b580f05f7d85089ef4889e66a045a6a01580f056a7e5fb8e70000000f05"
)
_AARCH64 = (
    "f3030091600640f9010040b9224d8f52422cac723f00026bc102005414030018e003142a4100805222008052280380d2"
    "010000d400010035600a40f961620091630240f9620e038b42400091a81b80d2010000d4e003004be00f1fb8e1030091"
    "e003142a820080d2080880d2010000d4c00f8052c80b80d2010000d444332211"
)
_CODE = {"x86_64": (62, _X86_64), "aarch64": (183, _AARCH64)}  # with the machine's number of elf(5)

_ADDRESS = 0x400000
_HEADERS = 64 + 2 * 56
_MFD_EXEC = 0x10
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Trampoline:
    """The program, ready to be executed; made while this process can still do all it wants."""

    def __init__(self, channel_fd: int) -> None:
        self._channel_fd = channel_fd
        self._fd = _program_fd(channel_fd)

    def execute(self, path: str, args: list[str], env: list[str]) -> None:
        """Become the command `path`. Returns only by raising: before the program runs; its own failure goes to the
        channel.
        """
        environ = _environ(env)
        if self._fd is None:
            os.execve(path, args, environ)
        os.set_inheritable(self._channel_fd, True)
        os.execve(self._fd, [NAME, path, *args], environ)


def _environ(env: list[str]) -> dict[str, str]:
    """The entries `NAME=value`; of several for one name the last counts."""
    split = (entry.partition("=") for entry in env)
    return {name: value for name, equals, value in split if name and equals}


def is_supported() -> bool:
    """Whether there is a program for this machine's architecture."""
    return os.uname().machine in _CODE


def _program_fd(channel_fd: int) -> int | None:
    found = _CODE.get(os.uname().machine)
    if found is None:
        return None
    machine, code = found
    fd = _memory_file()
    os.write(fd, executable(machine, bytes.fromhex(code).replace(_FD, pack("<I", channel_fd))))
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    return fd


def _memory_file() -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create(NAME, flags | _MFD_EXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # before Linux 6.3, where all memory files can be executed
            raise
        return os.memfd_create(NAME, flags)


def executable(machine: int, code: bytes) -> bytes:
    """A static executable (elf(5)): the headers and the code as one read-only segment, and no executable stack."""
    entry, size = _ADDRESS + _HEADERS, _HEADERS + len(code)
    header = pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, machine, 1, entry, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    stack = pack("<IIQQQQQQ", 0x6474E551, 6, 0, 0, 0, 0, 0, 16)
    return header + load + stack + code
