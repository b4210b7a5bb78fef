"""`--expose`: ports and ranges of them."""

from __future__ import annotations

from izba.cli.options.flags import UsageError


def exposed(text: str) -> list[str]:
    """`80`, `80/udp`, `8000-8002` as the keys of ExposedPorts. Raises `UsageError`."""
    numbers, _, protocol = text.partition("/")
    first, dash, last = numbers.partition("-")
    protocol = protocol or "tcp"
    if not first.isdecimal() or (dash and not last.isdecimal()) or protocol not in {"tcp", "udp", "sctp"}:
        raise UsageError(f"invalid range format for --expose: {text}")
    start, end = int(first), int(last or first)
    if not 0 < start <= end <= 65535:
        raise UsageError(f"invalid range format for --expose: {text}")
    return [f"{port}/{protocol}" for port in range(start, end + 1)]
