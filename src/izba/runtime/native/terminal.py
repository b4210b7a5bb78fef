"""A container's terminal in `izba-oci`: handed to somebody else, or joined to the one this was called from."""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import termios
import tty

from izba.linux import pty


def send_console(socket_path: str, master: int) -> None:
    """Send the master to whoever listens on the console socket (runc's terminals.md)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(socket_path)
        pty.send_descriptor(connection, master, b"/dev/ptmx")


def relay(master: int) -> None:
    """Copy between our own terminal, or pipes, and the container's, until that is closed on its other side."""
    before = termios.tcgetattr(0) if os.isatty(0) else None
    if before is not None:
        tty.setraw(0, termios.TCSADRAIN)  # what is typed already is for the container
        _follow_size(master)
    try:
        _copy(master)
    finally:
        if before is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, before)


def _follow_size(master: int) -> None:
    def follow(*_: object) -> None:
        pty.set_window_size(master, pty.window_size(0))

    follow()
    signal.signal(signal.SIGWINCH, follow)


def _copy(master: int) -> None:
    readable = [0, master]
    while True:
        ready, _, _ = select.select(readable, [], [])
        if master in ready:
            try:
                data = os.read(master, 1 << 16)
            except OSError as error:
                if error.errno == errno.EIO:  # no process has the terminal open any more
                    return
                raise
            _write(1, data)
        if 0 in ready:
            data = os.read(0, 1 << 16)
            if data:
                _write(master, data)
            else:
                readable.remove(0)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
