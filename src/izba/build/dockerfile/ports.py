"""EXPOSE's words: `80`, `80/udp`, `8000-8010`; what is written for a publishing is taken for its container's port."""

from __future__ import annotations

from izba.errors import InvalidArgument

PROTOCOLS = ("tcp", "udp", "sctp")
_HIGHEST = 65535


class InvalidPort(InvalidArgument):
    """A word of EXPOSE is no port."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f'invalid port: "{text}": {reason}')
        self.text = text


def parse(text: str) -> tuple[str, ...]:
    """`port/protocol` for each port of `[[ip:]host-port:]port[-port][/protocol]`. Raises `InvalidPort`."""
    ports, _, protocol = parts(text)[2].partition("/")
    protocol = protocol.lower() or "tcp"
    if not ports:
        raise InvalidPort(text, "no port specified")
    if protocol not in PROTOCOLS:
        raise InvalidPort(text, f"invalid proto: {protocol}")
    first, dash, last = ports.partition("-")
    start = _number(text, first)
    end = _number(text, last) if dash else start
    if end < start:
        raise InvalidPort(text, f"invalid port range: {ports}")
    return tuple(f"{port}/{protocol}" for port in range(start, end + 1))


def parts(text: str) -> tuple[str, str, str]:
    """The IP address, the host's port and the container's port with its protocol; BuildKit lints the first two."""
    rest, _, container = text.rpartition(":")
    address, _, host = rest.rpartition(":")
    return address, host, container


def _number(text: str, digits: str) -> int:
    if not (digits.isascii() and digits.isdecimal()):
        raise InvalidPort(text, f"not a number: {digits}" if digits else "value is empty")
    if len(digits.lstrip("0")) > 5 or int(digits) > _HIGHEST:
        raise InvalidPort(text, "value out of range (0-65535)")
    return int(digits)
