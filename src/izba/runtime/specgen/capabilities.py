"""From `--cap-add`, `--cap-drop` and `--privileged` to a set of capabilities, by Docker's rules."""

from __future__ import annotations

from izba.errors import InvalidArgument
from izba.linux import caps
from izba.runtime.specgen import defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ALL = tuple(caps.NAMES)


class UnknownCapability(InvalidArgument):
    """A capability no kernel has."""

    def __init__(self, name: str) -> None:
        from izba.nearest import nearest

        near = nearest(name, ALL)
        super().__init__(f'unknown capability: "{name}"', hint=f"did you mean {near}?" if near else None)
        self.name = name


class CapabilityUnavailable(InvalidArgument):
    """A capability that izba's own process has not, and so cannot give."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f'capability not supported by your kernel or not available in the current environment: "{name}"'
        )
        self.name = name


def names(texts: Iterable[str]) -> tuple[str, ...]:
    """Capabilities in any spelling (`net_admin`, `CAP_NET_ADMIN`, `all`) as CAP_ names, or ALL."""
    return tuple(_name(text) for text in texts)


def chosen(*, add: Iterable[str], drop: Iterable[str], privileged: bool, available: tuple[str, ...]) -> tuple[str, ...]:
    """The container's capabilities. A default one that is not available is left out; one asked for is an error."""
    if privileged:
        return available
    added, dropped = names(add), names(drop)
    for name in added:
        if name != "ALL" and name not in available:
            raise CapabilityUnavailable(name)
    if "ALL" in added:
        return tuple(name for name in available if name not in dropped)
    kept = () if "ALL" in dropped else tuple(name for name in defaults.CAPABILITIES if name not in dropped)
    return tuple(name for name in dict.fromkeys((*kept, *added)) if name in available)


def _name(text: str) -> str:
    name = text.upper()
    if name == "ALL":
        return name
    name = name if name.startswith("CAP_") else f"CAP_{name}"
    if name not in ALL:
        raise UnknownCapability(name)
    return name
