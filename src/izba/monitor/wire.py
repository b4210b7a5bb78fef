"""Messages between izba's processes: one JSON value a packet, descriptors along with it."""

from __future__ import annotations

import _socket

from izba import jsonio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST = 1 << 20
_FD_SIZE = 4


def pair(kind: int = _socket.SOCK_SEQPACKET) -> tuple[_socket.socket, _socket.socket]:
    """Two connected sockets that no child of ours inherits through an exec."""
    one, other = _socket.socketpair(_socket.AF_UNIX, kind | _socket.SOCK_CLOEXEC)
    for end in (one, other) if kind == _socket.SOCK_SEQPACKET else ():
        end.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, _LONGEST)
    return one, other


def send(connection: _socket.socket, value: Any, *, fd: int | None = None) -> None:
    """Send one message. A peer that is gone is no error: it learns nothing, and the sender goes on."""
    data = jsonio.dumps(value).encode()
    ancillary = [] if fd is None else [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, fd.to_bytes(_FD_SIZE, "little"))]
    try:
        connection.sendmsg([data], ancillary)
    except (BrokenPipeError, ConnectionResetError):
        return


def receive(connection: _socket.socket) -> tuple[Any, int | None]:
    """The next message and the descriptor that came with it. Raises `EOFError` when the peer is gone."""
    try:
        data, ancillary, _, _ = connection.recvmsg(_LONGEST, _socket.CMSG_SPACE(_FD_SIZE), _socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        data, ancillary = b"", []
    if not data:
        raise EOFError
    fds = [int.from_bytes(payload[:_FD_SIZE], "little") for _, _, payload in ancillary]
    return jsonio.loads(data), fds[0] if fds else None
