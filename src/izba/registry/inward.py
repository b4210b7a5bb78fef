"""Addresses that mean something on this machine only: a registry elsewhere may not lead izba to what listens there.

Loopback, and link-local addresses, where clouds tell a machine's own secrets. Names are judged by the address that was
connected to, not by one that was looked up before it.
"""

from __future__ import annotations

import socket
from typing import Any

from izba.errors import IzbaError


class LedInward(IzbaError):
    """The connection was made, and given up before anything was asked."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} is {address}, which only this machine can reach")


def is_inward(address: str) -> bool:
    """Whether an IP address is on this machine, or on a link of its own; False for what is no address."""
    from ipaddress import ip_address

    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_link_local or found.is_unspecified


def leads_inward(host: str) -> bool:
    """Whether a name, or an address, is one of this machine's."""
    try:
        return any(is_inward(str(place[4][0])) for place in socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return False


class Outward:
    """A connection, mixed into one of urllib3's, to other machines only. What a proxy reaches is its own matter."""

    sock: Any
    host: str
    proxy: Any

    def connect(self) -> None:
        """As of the class this is mixed into. Raises `LedInward`."""
        super().connect()  # type: ignore[misc]
        if self.proxy is not None:
            if is_inward(self.host):
                self._give_up(self.host)
            return
        peer: Any = self.sock.getpeername()
        if is_inward(peer[0]):
            self._give_up(peer[0])

    def _give_up(self, address: str) -> None:
        self.sock.close()
        raise LedInward(self.host, address)
