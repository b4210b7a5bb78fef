"""Messages between izba's processes: one JSON value a packet, descriptors along with it.

A long one goes in several packets, since the kernel limits a packet by the sender's buffer (`net.core.wmem_max`): each
but the last begins with a byte that JSON cannot begin with, and the last has the descriptors.
"""

from __future__ import annotations

import _socket
import errno
import os

from izba import jsonio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_PACKET = 1 << 17
_MORE = b"\x01"
_BUFFER = 1 << 20
_FD_SIZE = 4
MOST_DESCRIPTORS = 253
"""The kernel's limit for one message (SCM_MAX_FD)."""


def pair(kind: int = _socket.SOCK_SEQPACKET) -> tuple[_socket.socket, _socket.socket]:
    """Two connected sockets that no child of ours inherits through an exec."""
    one, other = _socket.socketpair(_socket.AF_UNIX, kind | _socket.SOCK_CLOEXEC)
    for end in (one, other) if kind == _socket.SOCK_SEQPACKET else ():
        end.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _BUFFER)
    return one, other


def is_left(connection: _socket.socket) -> bool:
    """Whether nobody is at the other end any more."""
    import select  # monitors have it; `izba run` has no use for it

    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def send(connection: _socket.socket, value: Any, *, fds: Iterable[int] = ()) -> None:
    """Send one message. A peer that is gone is no error: it learns nothing, and the sender goes on.

    A connection that does not block takes only messages of a single packet, 128 KiB.
    """
    data = jsonio.dumps(value).encode()
    rights = b"".join(fd.to_bytes(_FD_SIZE, "little") for fd in fds)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if rights else []
    last = max(0, len(data) - 1) // _PACKET * _PACKET
    try:
        for start in range(0, last, _PACKET):
            connection.sendmsg([_MORE, data[start : start + _PACKET]])
        connection.sendmsg([data[last:]], ancillary)
    except (BrokenPipeError, ConnectionResetError):
        return


def receive(connection: _socket.socket) -> tuple[Any, list[int]]:
    """The next message and the descriptors that came with it. Raises `EOFError` when the peer is gone.

    Raises `OSError` (EMFILE) where this process has no room for all of its descriptors; it has got none of them then.
    """
    data, fds = _receive_packet(connection)
    parts = []
    while data[:1] == _MORE:
        parts.append(data[1:])
        data, fds = _receive_packet(connection)
    return jsonio.loads(b"".join((*parts, data))), fds


def _receive_packet(connection: _socket.socket) -> tuple[bytes, list[int]]:
    room = _socket.CMSG_SPACE(MOST_DESCRIPTORS * _FD_SIZE)
    try:
        data, ancillary, flags, _ = connection.recvmsg(_PACKET + 1, room, _socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        data, ancillary, flags = b"", [], 0
    if not data:
        raise EOFError
    fds = [
        int.from_bytes(payload[at : at + _FD_SIZE], "little")
        for _, _, payload in ancillary
        for at in range(0, len(payload) - _FD_SIZE + 1, _FD_SIZE)
    ]
    if flags & _socket.MSG_CTRUNC:  # unix(7): those for which there was no room are lost
        for fd in fds:
            os.close(fd)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    return data, fds
