"""`--expose` and `--publish`: ports and ranges of them."""

from __future__ import annotations

from izba.cli.options.flags import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.engine.containers.documents import PortPlace

_FORM = "-p [ADDRESS:][HOST_PORT:]CONTAINER_PORT[/tcp|udp], ports or ranges such as 8000-8005"


def exposed(text: str) -> list[str]:
    """`80`, `80/udp`, `8000-8002` as the keys of ExposedPorts. Raises `UsageError`."""
    numbers, _, protocol = text.partition("/")
    protocol = protocol or "tcp"
    ports = _range(numbers)
    if not ports or protocol not in {"tcp", "udp", "sctp"}:
        raise UsageError(f"invalid range format for --expose: {text}")
    return [f"{port}/{protocol}" for port in ports]


def published(texts: Iterable[str]) -> dict[str, list[PortPlace]]:
    """The PortBindings of every `-p`. Raises `UsageError`."""
    bindings: dict[str, list[PortPlace]] = {}
    for text in texts:
        for key, place in _published(text):
            places = bindings.setdefault(key, [])
            if place not in places:
                places.append(place)
    return bindings


def _published(text: str) -> list[tuple[str, PortPlace]]:
    if "=" in text:
        text = _short_form(text)
    address, host, container, protocol = _parts(text)
    inside = _range(container)
    if not inside:
        raise UsageError(f"invalid containerPort: {container}", hint=_FORM)
    if not host:
        outside = [""] * len(inside)
    else:
        numbers = _range(host, least=0)
        if not numbers:
            raise UsageError(f"invalid hostPort: {host}", hint=_FORM)
        if len(inside) == 1 < len(numbers) and numbers[0]:
            return [(f"{inside[0]}/{protocol}", {"HostIp": address, "HostPort": f"{numbers[0]}-{numbers[-1]}"})]
        if len(numbers) != len(inside):
            raise UsageError(f"invalid ranges specified for container and host Ports: {container} and {host}")
        outside = ["" if number == 0 else str(number) for number in numbers]
    return [
        (f"{port}/{protocol}", {"HostIp": address, "HostPort": number})
        for port, number in zip(inside, outside, strict=True)
    ]


def _parts(text: str) -> tuple[str, str, str, str]:
    rest, _, protocol = text.partition("/")
    protocol = protocol.lower() or "tcp"
    if protocol not in {"tcp", "udp"}:
        raise UsageError(f"invalid proto: {protocol}", hint="tcp and udp can be published")
    if rest.startswith("["):
        address, bracket, rest = rest[1:].partition("]")
        if not bracket or not rest.startswith(":"):
            raise UsageError(f"invalid publish format: {text}", hint=_FORM)
        parts = [address, *rest[1:].split(":")]
    else:
        parts = rest.split(":")
    if len(parts) > 3 or not parts[-1]:
        raise UsageError(f"invalid publish format: {text}", hint=_FORM)
    parts = [""] * (3 - len(parts)) + parts
    address = parts[0]
    if address and not is_address(address):
        raise UsageError(f"invalid IP address: {address}", hint=_FORM)
    return address, parts[1], parts[2], protocol


def _short_form(text: str) -> str:
    """`published=8080,target=80,protocol=tcp` as `8080:80/tcp`."""
    values = dict(field.partition("=")[::2] for field in text.split(","))
    if unknown := values.keys() - {"target", "published", "protocol", "mode", "host_ip"}:
        raise UsageError(f"invalid field in --publish: {', '.join(sorted(unknown))}", hint=_FORM)
    target = values.get("target", "")
    return f"{values.get('host_ip', '')}:{values.get('published', '')}:{target}/{values.get('protocol', 'tcp')}"


def is_address(text: str) -> bool:
    """Whether it is an IPv4 or an IPv6 address."""
    import _socket

    try:
        _socket.inet_pton(_socket.AF_INET6 if ":" in text else _socket.AF_INET, text)
    except OSError:
        return False
    return True


def _range(text: str, *, least: int = 1) -> range | None:
    first, dash, last = text.partition("-")
    if not first.isdecimal() or (dash and not last.isdecimal()):
        return None
    start, end = int(first), int(last or first)
    return range(start, end + 1) if least <= start <= end <= 65535 else None
