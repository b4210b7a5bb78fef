"""Messages between izba's processes: one JSON value a packet, descriptors along with it."""

from __future__ import annotations

import _socket

from izba import jsonio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_LONGEST = 1 << 20
_FD_SIZE = 4
MOST_DESCRIPTORS = 253
"""The kernel's limit for one message (SCM_MAX_FD)."""


def pair(kind: int = _socket.SOCK_SEQPACKET) -> tuple[_socket.socket, _socket.socket]:
    """Two connected sockets that no child of ours inherits through an exec."""
    one, other = _socket.socketpair(_socket.AF_UNIX, kind | _socket.SOCK_CLOEXEC)
    for end in (one, other) if kind == _socket.SOCK_SEQPACKET else ():
        end.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _LONGEST)
    return one, other


def is_left(connection: _socket.socket) -> bool:
    """Whether nobody is at the other end any more."""
    import select  # monitors have it; `izba run` has no use for it

    poll = select.poll()
    poll.register(connection, 0)
    return bool(poll.poll(0))


def send(connection: _socket.socket, value: Any, *, fds: Iterable[int] = ()) -> None:
    """Send one message. A peer that is gone is no error: it learns nothing, and the sender goes on."""
    data = jsonio.dumps(value).encode()
    rights = b"".join(fd.to_bytes(_FD_SIZE, "little") for fd in fds)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if rights else []
    try:
        connection.sendmsg([data], ancillary)
    except (BrokenPipeError, ConnectionResetError):
        return


def receive(connection: _socket.socket) -> tuple[Any, list[int]]:
    """The next message and the descriptors that came with it. Raises `EOFError` when the peer is gone."""
    room = _socket.CMSG_SPACE(MOST_DESCRIPTORS * _FD_SIZE)
    try:
        data, ancillary, _, _ = connection.recvmsg(_LONGEST, room, _socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        data, ancillary = b"", []
    if not data:
        raise EOFError
    fds = [
        int.from_bytes(payload[at : at + _FD_SIZE], "little")
        for _, _, payload in ancillary
        for at in range(0, len(payload) - _FD_SIZE + 1, _FD_SIZE)
    ]
    return jsonio.loads(data), fds
