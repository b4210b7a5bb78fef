"""Pseudo-terminals: making one from a given devpts, window size, and handing its master over a socket."""

from __future__ import annotations

import errno
import os
from _socket import SCM_RIGHTS, SOL_SOCKET
from _socket import socket as Socket  # noqa: N812 - the C module's class, at a tenth of `socket`'s import
from _struct import pack, unpack
from fcntl import ioctl

from izba._record import Record
from izba.linux import flags as f
from izba.linux import libc, rootpath


class WindowSize(Record):
    rows: int
    columns: int


def open_pair(directory_fd: int) -> tuple[int, int]:
    """Master and slave of a new terminal of the devpts mounted at `directory_fd`.

    Refuses what only looks like one: a container can put anything at /dev/pts. The slave is taken from the master
    itself (TIOCGPTPEER), not by its path.
    """
    if rootpath.filesystem_type(directory_fd) != f.DEVPTS_SUPER_MAGIC:
        raise libc.failure("open", "/dev/pts/ptmx", errno.ENODEV)
    no_links = f.RESOLVE_NO_XDEV | f.RESOLVE_NO_SYMLINKS
    master = rootpath.open_in_root(directory_fd, "ptmx", os.O_RDWR | os.O_NOCTTY, resolve=no_links)
    try:
        ioctl(master, f.TIOCSPTLCK, pack("i", 0))
        slave = ioctl(master, f.TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except BaseException:
        os.close(master)
        raise
    return master, slave


def window_size(fd: int) -> WindowSize:
    """The size of the terminal `fd`."""
    rows, columns, _, _ = unpack("HHHH", ioctl(fd, f.TIOCGWINSZ, bytes(8)))
    return WindowSize(rows=rows, columns=columns)


def set_window_size(fd: int, size: WindowSize) -> None:
    """Set it; the programs on the terminal get SIGWINCH."""
    ioctl(fd, f.TIOCSWINSZ, pack("HHHH", size.rows, size.columns, 0, 0))


def make_controlling(fd: int) -> None:
    """Make `fd` the controlling terminal of this session leader."""
    ioctl(fd, f.TIOCSCTTY, 0)


def send_descriptor(socket: Socket, fd: int, message: bytes) -> None:
    """Send a descriptor with a message over a unix socket."""
    socket.sendmsg([message], [(SOL_SOCKET, SCM_RIGHTS, pack("i", fd))])


def receive_descriptor(socket: Socket) -> tuple[int, bytes]:
    """Receive what `send_descriptor` sent."""
    message, ancillary, _, _ = socket.recvmsg(4096, 64, _MSG_CMSG_CLOEXEC)
    for level, type_, data in ancillary:
        if level == SOL_SOCKET and type_ == SCM_RIGHTS:
            return int(unpack("i", data[:4])[0]), message
    raise libc.failure("recvmsg", number=errno.ENOMSG)


_MSG_CMSG_CLOEXEC = 0x40000000
