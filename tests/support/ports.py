"""Ports for servers that are started later than their port is chosen."""

from __future__ import annotations

import random
import socket
from pathlib import Path


def free_ports(count: int) -> list[int]:
    """Ports in a row that nobody has on any address, by TCP and UDP.

    Not from the range out of which the kernel gives every connection its own port: that of a connection that somebody
    makes meanwhile could not be listened on.
    """
    first_of_the_kernels = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        first = random.randrange(11_000, first_of_the_kernels - count)
        ports = list(range(first, first + count))
        if all(map(_is_free, ports)):
            return ports


def free_port() -> int:
    return free_ports(1)[0]


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET6, kind) as tried:
            tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            try:
                tried.bind(("::", port))
            except OSError:
                return False
    return True
