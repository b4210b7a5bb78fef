"""The short syntax of a service's port: `[[ADDRESS:]PUBLISHED:]TARGET[/PROTOCOL]`, with ranges."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PROTOCOLS = frozenset(("tcp", "udp", "sctp"))
_MAX_RANGE = 65536


def parse_port(text: str) -> list[dict[str, Any]]:
    """The long forms, one for each port of a range. Raises `ValueError`."""
    rest, slash, protocol = text.partition("/")
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in _PROTOCOLS:
        raise ValueError(f"invalid proto: {protocol}")
    address, published, target = _split(rest)
    if not target:
        raise ValueError(f"no port specified: {text}<empty>")
    first, last = _range(target)
    ports: list[dict[str, Any]] = []
    host_first, host_last = _range(published) if published else (0, 0)
    count = last - first + 1
    # A range of the host's ports for one port of the container: any of them.
    spread = published and host_last - host_first + 1 != count
    if spread and count != 1:
        raise ValueError(f"invalid ranges specified for container and host Ports: {target} and {published}")
    for offset in range(count):
        port: dict[str, Any] = {"mode": "ingress"}
        if address:
            port["host_ip"] = address
        port["target"] = first + offset
        if published:
            port["published"] = published if spread else str(host_first + offset)
        port["protocol"] = protocol
        ports.append(port)
    return ports


def _split(text: str) -> tuple[str, str, str]:
    """Address, published and target, of which only the last must be there. An IPv6 address stands in brackets."""
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket or not rest.startswith(":"):
            raise ValueError(f"invalid IP address: {text}")
        published, _, target = rest[1:].rpartition(":")
        return _address(address), published, target
    parts = text.split(":")
    if len(parts) > 3:  # an IPv6 address without brackets
        parts = [":".join(parts[:-2]), *parts[-2:]]
    target = parts.pop()
    published = parts.pop() if parts else ""
    return (_address(parts[0]) if parts and parts[0] else ""), published, target


def _address(text: str) -> str:
    import ipaddress

    try:
        ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"invalid IP address: {text}") from None
    return text


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        raise ValueError(f"invalid port: {text}")
    start, end = int(first), int(last) if dash else int(first)
    if end < start or end >= _MAX_RANGE:
        raise ValueError(f"invalid port: {text}: a range from 0 to 65535")
    return start, end
