"""Who is called what: the names of running containers, as their networks know them."""

from __future__ import annotations

from izba import jsonio
from izba.network import ipv4
from izba.network.store import Networks
from izba.store.db import Database

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_LOOPBACK = 0x7F000001


class Names:
    """Read from `izba.db` whenever that has changed; `runs` tells of a container id whether it does.

    A name is asked for on behalf of a container: only the networks that it is connected to are looked in.
    """

    def __init__(self, database: str, runs: Callable[[str], bool]) -> None:
        self._db = Database(database, lasting=True)
        self._runs = runs
        self._version = -1
        self._networks: dict[str, set[str]] = {}  # container → networks that have names
        self._open: set[str] = set()  # containers that are connected to more than internal networks
        self._names: dict[tuple[str, str], list[tuple[str, int]]] = {}  # (network, name) → (container, address)
        self._addresses: dict[tuple[str, int], tuple[str, str]] = {}  # (network, address) → (container, name)
        self._subnets: dict[str, ipv4.Subnet] = {}
        self._titles: dict[str, str] = {}  # network → its name, in small letters

    def find(self, container: str, name: str) -> list[int] | None:
        """The addresses behind a name, None where nobody has it. In the networks' order, the first with any wins.

        What ends in a network's own name is looked for there first: in another, somebody may have chosen it as alias.
        """
        wanted = name.lower().rstrip(".")
        if wanted == "localhost" or wanted.endswith(".localhost"):
            return [_LOOPBACK]  # nobody's name (RFC 6761, 6.3)
        self._refresh()
        known = False
        for network in sorted(self._networks.get(container, ()), key=lambda id: (not self._is_of(wanted, id), id)):
            found = self._names.get((network, wanted), [])
            known = known or bool(found)
            if running := [address for holder, address in found if self._runs(holder)]:
                return running
        return [] if known else None

    def _is_of(self, name: str, network: str) -> bool:
        return name.endswith(f".{self._titles[network]}")

    def name_of(self, container: str, address: int) -> str | None:
        """`container.network` of an address; empty where it is one of a network but nobody's now; None elsewhere."""
        self._refresh()
        for network in self._networks.get(container, ()):
            if address in self._subnets[network]:
                holder, name = self._addresses.get((network, address), ("", ""))
                return name if holder and self._runs(holder) else ""
        return None

    def goes_out(self, container: str) -> bool:
        """Whether the container may ask the world: one on internal networks alone may not."""
        self._refresh()
        return container in self._open

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    def _refresh(self) -> None:
        row = self._db.row("PRAGMA data_version")
        version = row[0] if row else 0
        if version == self._version:
            return
        self._version = version
        networks = {network.id: network for network in Networks(self._db).all() if network.driver == "bridge"}
        rows = self._db.rows("SELECT id, name, config FROM containers WHERE id IN (SELECT container FROM endpoints)")
        containers = {id: (name, _hostname(config)) for id, name, config in rows}
        self._networks, self._names, self._addresses, self._open = {}, {}, {}, set()
        self._titles = {id: network.name.lower() for id, network in networks.items()}
        self._subnets = {id: ipv4.subnet(network.subnet) for id, network in networks.items()}
        for endpoint in Networks(self._db).everywhere():
            network = networks.get(endpoint.network)
            if network is None or endpoint.container not in containers:
                continue
            if not network.internal:
                self._open.add(endpoint.container)
            if not network.has_names:
                continue
            self._networks.setdefault(endpoint.container, set()).add(network.id)
            if endpoint.address is None:
                continue
            name, hostname = containers[endpoint.container]
            self._addresses[network.id, endpoint.address] = (endpoint.container, f"{name}.{network.name}")
            for each in {name, hostname, endpoint.container[:12], *endpoint.aliases} - {""}:
                for known in (each, f"{each}.{network.name}"):
                    holders = self._names.setdefault((network.id, known.lower()), [])
                    holders.append((endpoint.container, endpoint.address))


def _hostname(config: str) -> str:
    found: str = jsonio.loads(config)["Config"].get("Hostname") or ""
    return found
