"""The last step into a container's command: through a program of some hundred bytes that belongs to nobody.

While a process is izba, /proc/self/exe in it is the Python interpreter of the host. A command such as a script that
begins with `#!/proc/self/exe` would run that inside the container, and from there open it for writing (CVE-2019-5736
did so to runc). So the process first becomes the program below, in sealed memory of its own, and that one executes the
command:

    if argv[0] is not "izba": exit(126)          a script that names /proc/self/exe as its interpreter ends here
    fcntl(FD, F_SETFD, FD_CLOEXEC)               the channel, which tells the creator whether the command was executed
    execve(argv[1], &argv[2], envp)
    write(FD, &errno, 4); exit(126)

With --init the program stays as process 1 and its child becomes the command (reaper.x86_64.s, reaper.aarch64.s):

    block every signal
    if fork() == 0:
        setpgid(0, 0); ioctl(0, TIOCSPGRP, getpid())     the terminal's keys are the command's alone
        unblock every signal, then as above
    close(FD)
    for each signal, by rt_sigtimedwait:
        SIGCHLD: wait4 for all that ended; when the command did, exit as it did, 128 + signal if by one
        another: kill(the command, signal)
"""

from __future__ import annotations

import os

from izba.linux import program

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
_REAPER_X86_64 = (
    "4889e3488b7308813e697a62610f85f5000000bd443322114881ec880000006aff4989e44c89e6e8e60000006a39580f"
    "0585c00f88bf00000074694189c589ef6a03580f054c89e731f631d26a08415ab8800000000f0583f811741085c07ee5"
    "4489ef89c66a3e580f05ebd96aff5f498d7424086a015a4531d26a3d580f0585c07ec24439e875e4418b7c240889f883"
    "e07f74088db880000000eb6f410fb67c2409eb6731ff31f66a6d580f056a27580f05418944240831ffbe10540000498d"
    "5424086a10580f056a004889e6e84000000089ef6a025e6a015a6a48580f0585c07515488b7b10488d7318488b0b488d"
    "54cb106a3b580f05f7d85089ef4889e66a045a6a01580f056a7e5fb8e70000000f056a025f31d26a08415a6a0e580f05"
    "c3"
)
_REAPER_AARCH64 = (
    "f3030091610640f9200040b9620c00181f00026be10a0054340c0018ff8300d1f503009100008092a00200f954000094"
    "200280d2010080d2020080d2030080d2040080d2881b80d2010000d41f0000f12b080054a0040054f60300aae003142a"
    "280780d2010000d4e00315aa010080d2020080d2030180d2281180d2010000d41f4400f1000100541f0000f1edfeff54"
    "e10300aae00316aa281080d2010000d4f2ffff1700008092a1220091220080d2030080d2882080d2010000d41f0000f1"
    "4dfdff541f0016ebe1feff54a10a40b920180072600000540000021126000014203c085324000014000080d2010080d2"
    "481380d2010000d4881580d2010000d4a00a00b9000080d201828ad2a2220091a80380d2010000d4bf0200f918000094"
    "e003142a410080d2220080d2280380d2010000d4000100b5630240f9600a40f961620091620e038b42400091a81b80d2"
    "010000d4e003004ba00a00b9e003142aa1220091820080d2080880d2010000d4c00f8052c80b80d2010000d4400080d2"
    "e10315aa020080d2030180d2e81080d2010000d4c0035fd6697a626144332211"
)
# The program, and the one that stays as process 1.
_CODE = {"x86_64": (_X86_64, _REAPER_X86_64), "aarch64": (_AARCH64, _REAPER_AARCH64)}


class Trampoline:
    """The program, ready to be executed; made while this process can still do all it wants."""

    def __init__(self, channel_fd: int, *, reaper: bool = False) -> None:
        self._channel_fd = channel_fd
        self._fd = _program_fd(channel_fd, reaper=reaper)

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


def _program_fd(channel_fd: int, *, reaper: bool) -> int | None:
    machine = os.uname().machine
    if machine not in _CODE:
        return None
    code = bytes.fromhex(_CODE[machine][reaper])
    return program.sealed(NAME, program.MACHINES[machine], code.replace(_FD, channel_fd.to_bytes(4, "little")))
