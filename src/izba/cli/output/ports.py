"""The ports of a container as `izba ps` shows them: ranges drawn together, as Docker draws them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def ports(places: Mapping[str, Sequence[Mapping[str, str]] | None]) -> str:
    """`0.0.0.0:8080-8081->80-81/tcp, [::]:8080-8081->80-81/tcp, 443/tcp`."""
    mapped: dict[tuple[str, str], list[tuple[int, int]]] = {}
    exposed: dict[str, list[tuple[int, int]]] = {}
    for key, found in places.items():
        text, _, protocol = key.partition("/")
        port = int(text)
        for place in found or ():
            mapped.setdefault((place["HostIp"], protocol), []).append((int(place["HostPort"]), port))
        if not found:
            exposed.setdefault(protocol, []).append((port, port))
    shown: list[tuple[int, str]] = []
    for (address, protocol), pairs in mapped.items():
        for run in _runs(pairs):
            (host, container), (last_host, last_container) = run
            text = f"{_address(address)}:{_span(host, last_host)}->{_span(container, last_container)}/{protocol}"
            shown.append((container, text))
    for protocol, pairs in exposed.items():
        for (_, first), (_, last) in _runs(pairs):
            shown.append((first, f"{_span(first, last)}/{protocol}"))
    return ", ".join(text for _, text in sorted(shown, key=lambda each: each[0]))


def _runs(pairs: Iterable[tuple[int, int]]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The first and the last of each run of pairs that count up together."""
    found: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for pair in sorted(pairs):
        if found and (found[-1][1][0] + 1, found[-1][1][1] + 1) == pair:
            found[-1] = (found[-1][0], pair)
        else:
            found.append((pair, pair))
    return found


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}-{last}"


def _address(address: str) -> str:
    return f"[{address}]" if ":" in address else address
