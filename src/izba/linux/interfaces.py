"""Network interfaces by ioctl (netdevice(7)): enough where only the loopback device is wanted."""

from __future__ import annotations

import _socket
from _struct import pack, unpack
from fcntl import ioctl

from izba.linux import flags as f


def is_up(name: str) -> bool:
    """Whether this network namespace has an interface of that name, and it is administratively up."""
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        _, flags = unpack("16sh22x", ioctl(socket.fileno(), f.SIOCGIFFLAGS, pack("16sh22x", name.encode(), 0)))
    except OSError:  # there is none
        return False
    finally:
        socket.close()
    return bool(flags & f.IFF_UP)


def set_up(name: str) -> None:
    """Bring an interface of this network namespace up."""
    socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        request = pack("16sh22x", name.encode(), 0)
        _, flags = unpack("16sh22x", ioctl(socket.fileno(), f.SIOCGIFFLAGS, request))
        ioctl(socket.fileno(), f.SIOCSIFFLAGS, pack("16sh22x", name.encode(), flags | f.IFF_UP))
    finally:
        socket.close()
