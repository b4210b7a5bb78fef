"""What a monitor is while nothing happens: a program of a hundred bytes, in place of megabytes of interpreter.

It has the monitor's pid, and with it the container as its child, and the monitor's descriptors: an epoll instance that
watches all that the monitor waits for, a signalfd for its signals among that. It does this:

    prctl(PR_SET_NAME, argv[0])
    until epoll_pwait(FD, …) gives something
    execve(argv[1], &argv[2], envp)              the monitor again, which finds everything as ready as it was
    nanosleep(1 s), and execve again             while a package manager replaces the interpreter, say

The sources are sleeper.x86_64.s and sleeper.aarch64.s.
"""

from __future__ import annotations

import errno
import os

from izba.linux import program

NAME = "izba-monitor"

_FD = bytes.fromhex("44332211")  # where the descriptor's number stands in the code

_CODE = {
    "x86_64": (
        "4889e36a0f5f488b7308b89d0000000f054883ec20bf443322114889e66a015a6aff415a4531c06a084159b819010000"
        "0f0583f8fc74de488b7b10488d7318488b0b488d54cb106a3b580f056a01584889042431f648897424084889e76a2358"
        "0f05ebd3"
    ),
    "aarch64": (
        "f3030091e00180d2610640f9e81480d2010000d4ff8300d120030018e1030091220080d203008092040080d2050180d2"
        "c80280d2010000d41f1000b1e0feff54600a40f961620091630240f9620e038b42400091a81b80d2010000d4210080d2"
        "e10300f9ff0700f9e0030091010080d2a80c80d2010000d4f2ffff1744332211"
    ),
}


def code(machine: str, epoll_fd: int) -> bytes:
    """The program that waits for the epoll instance."""
    return bytes.fromhex(_CODE[machine]).replace(_FD, epoll_fd.to_bytes(4, "little"))


def become(epoll_fd: int, command: list[str]) -> None:
    """Be the program until the epoll instance has something, then `command`. Returns only by raising `OSError`.

    Descriptors that are needed then have to be inheritable, `epoll_fd` among them.
    """
    machine = os.uname().machine
    if machine not in _CODE or not command[0]:
        raise OSError(errno.ENOEXEC, "no program for this machine, or no interpreter to come back to", machine)
    fd = program.sealed(NAME, program.MACHINES[machine], code(machine, epoll_fd))
    try:
        os.execve(fd, [NAME, command[0], *command], os.environ)
    finally:
        os.close(fd)
