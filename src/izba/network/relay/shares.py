"""What all containers share in the relay, its descriptors above all, and how much of it one may have."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable

    from izba.network.relay.listeners import Connecting
    from izba.network.relay.stream import Stream

ALL, ONE = 3 / 8, 1 / 8
"""Connections for each descriptor: with two of them each they leave a quarter for the relay's own work, and one
container's leave three quarters."""


class Connections:
    """The connections that are carried at the moment, by whom they belong to.

    `descriptors` is how many this process may have.
    """

    def __init__(self, descriptors: int) -> None:
        self._all = max(1, int(descriptors * ALL))
        self._one = max(1, int(descriptors * ONE))
        self._sets: dict[Hashable, set[Stream | Connecting]] = {}

    def of(self, owner: Hashable, *, shares: bool) -> set[Stream | Connecting] | None:
        """Where to put another of `owner`; None where there is no room for it.

        One that `shares` is held to its own part: a container that connects to the world. Who connects to a published
        port is not the container's doing.
        """
        found = self._sets.get(owner)
        if found is None:
            self._sets = {each: held for each, held in self._sets.items() if held}
            found = self._sets[owner] = set()
        if (shares and len(found) >= self._one) or sum(map(len, self._sets.values())) >= self._all:
            return None
        return found

    def close(self, owner: Hashable) -> None:
        """End all of `owner`."""
        for each in list(self._sets.pop(owner, ())):
            each.close()
