"""Networks and endpoints: rows of `izba.db`.

An endpoint is a container's place in a network, running or not. Its address is its own until somebody else needs it
(`ipam`); aliases and what else was asked for stand in its `config`.
"""

from __future__ import annotations

import time

from izba import jsonio
from izba._record import Record
from izba.ids import is_id_prefix, new_id
from izba.network.errors import AlreadyConnected, NetworkExists, NetworkNotFound, NotConnected
from izba.store.db import IntegrityError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.store.db import Database

PREDEFINED = ("bridge", "host", "none")
DEFAULT = "bridge"
INTERFACE = "com.docker.network.endpoint.ifname"
"""The driver's option that names an endpoint's interface in the container."""
AUXILIARY = "com.docker.network.aux."
"""What begins like this among a network's options is an address that no container gets (`--aux-address`)."""


class Network(Record):
    """One network. `created` counts nanoseconds since the epoch; addresses are as people write them.

    ip_range  from where addresses are given out; empty: all of the subnet
    mtu       0: that of the interface the default route leaves by
    """

    id: str
    name: str
    driver: str = "bridge"
    created: int = 0
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    internal: bool = False
    attachable: bool = False
    mtu: int = 0
    options: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    chosen: bool = False

    @property
    def bridge(self) -> str:
        """The name of its bridge."""
        return dict(self.options).get("com.docker.network.bridge.name") or f"izba-{self.id[:10]}"

    @property
    def auxiliary(self) -> dict[str, str]:
        """The addresses that no container gets, by the names that the user gave them."""
        return {name.removeprefix(AUXILIARY): value for name, value in self.options if name.startswith(AUXILIARY)}

    @property
    def is_predefined(self) -> bool:
        """Whether it is always there."""
        return self.name in PREDEFINED

    @property
    def has_names(self) -> bool:
        """Whether its containers know each other by name; those of the default network do not (Docker)."""
        return self.driver == "bridge" and self.name != DEFAULT


class EndpointRequest(Record):
    """A container wants to be connected. `network` is a name or an id; `address` and `mac` are empty for any.

    interface         what it is to be called in the container; empty: the first of eth0, eth1 … that is free
    gateway_priority  the default route goes by the network with the highest, and by the first of several with the same
    """

    network: str
    aliases: tuple[str, ...] = ()
    address: str = ""
    mac: str = ""
    interface: str = ""
    gateway_priority: int = 0


class Endpoint(Record):
    """A container's place in a network. `address` is a number, None until the first start.

    `name` is what the network was called, should it be gone by now; empty in rows of an earlier izba.
    """

    container: str
    network: str
    position: int
    id: str
    address: int | None
    aliases: tuple[str, ...] = ()
    wanted: str = ""
    mac: str = ""
    name: str = ""
    interface: str = ""
    gateway_priority: int = 0


_KEPT = ("subnet", "gateway", "ip_range", "internal", "attachable", "mtu", "options", "labels", "chosen")


class Networks:
    """The tables `networks` and `endpoints`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def insert(self, network: Network) -> Network:
        """Add a network. Raises `NetworkExists`."""
        network = network.replace(created=network.created or time.time_ns())
        config = {name: getattr(network, name) for name in _KEPT}
        config |= {"options": dict(network.options), "labels": dict(network.labels)}
        try:
            self._db.execute(
                "INSERT INTO networks (id, name, driver, created, config) VALUES (?, ?, ?, ?, ?)",
                *(network.id, network.name, network.driver, network.created, jsonio.dumps_ordered(config)),
            )
        except IntegrityError:
            raise NetworkExists(network.name) from None
        return network

    def find(self, name: str) -> Network | None:
        """By name or full id."""
        found = self._select("WHERE name = ? OR id = ? ORDER BY id = ? DESC", name, name, name)
        return found[0] if found else None

    def require(self, name: str) -> Network:
        """By name, id or the unique beginning of an id. Raises `NetworkNotFound`."""
        if found := self.find(name):
            return found
        found_by_id = self._select("WHERE id >= ? AND id < ? LIMIT 2", name, f"{name}g") if is_id_prefix(name) else []
        if len(found_by_id) != 1:
            raise NetworkNotFound(name)
        return found_by_id[0]

    def all(self) -> list[Network]:
        """Every network that has a row, by name; the predefined ones get theirs when they are first used."""
        return self._select("ORDER BY name")

    def delete(self, id: str) -> None:
        """Nothing happens if there is none. Endpoints of containers that are stopped stay, and point to nothing."""
        self._db.execute("DELETE FROM networks WHERE id = ?", id)

    # -- endpoints

    def connect(self, container: str, network: Network, request: EndpointRequest) -> Endpoint:
        """Give the container an endpoint. Raises `AlreadyConnected`."""
        config: dict[str, Any] = {"aliases": list(request.aliases), "wanted": request.address, "mac": request.mac}
        config["name"] = network.name
        config |= {"interface": request.interface} if request.interface else {}
        config |= {"gateway_priority": request.gateway_priority} if request.gateway_priority else {}
        position = self._db.row("SELECT COALESCE(MAX(position) + 1, 0) FROM endpoints WHERE container = ?", container)
        try:
            self._db.execute(
                "INSERT INTO endpoints (container, network, position, id, config) VALUES (?, ?, ?, ?, ?)",
                *(container, network.id, position[0] if position else 0, new_id(), jsonio.dumps_ordered(config)),
            )
        except IntegrityError:
            raise AlreadyConnected(container[:12], network.name) from None
        return self._endpoints("WHERE container = ? AND network = ?", container, network.id)[0]

    def disconnect(self, container: str, network: Network) -> None:
        """Take the endpoint away. Raises `NotConnected`."""
        with self._db.transaction():
            if not self._endpoints("WHERE container = ? AND network = ?", container, network.id):
                raise NotConnected(container[:12], network.name)
            self._db.execute("DELETE FROM endpoints WHERE container = ? AND network = ?", container, network.id)

    def forget(self, endpoint: Endpoint) -> None:
        """Take away an endpoint whose network is gone."""
        self._db.execute("DELETE FROM endpoints WHERE id = ?", endpoint.id)

    def move(self, endpoint: Endpoint, network: Network) -> None:
        """Let an endpoint whose network is gone be one of another network; it gets an address of that."""
        self._db.execute("UPDATE endpoints SET network = ?, address = NULL WHERE id = ?", network.id, endpoint.id)

    def of_container(self, container: str) -> list[Endpoint]:
        """A container's endpoints, the first network first."""
        return self._endpoints("WHERE container = ? ORDER BY position", container)

    def of_network(self, network: str) -> list[Endpoint]:
        """The endpoints in a network, of containers that run and of those that do not."""
        return self._endpoints("WHERE network = ? ORDER BY address", network)

    def everywhere(self) -> list[Endpoint]:
        """All endpoints."""
        return self._endpoints("ORDER BY container, position")

    def addressed(self) -> list[tuple[str, str, int]]:
        """Container, network and address of the endpoints that have one, each container's first network first."""
        rows = self._db.rows(
            "SELECT container, network, address FROM endpoints WHERE address IS NOT NULL ORDER BY container, position"
        )
        return [(container, network, address) for container, network, address in rows]

    def set_address(self, endpoint: Endpoint, address: int | None) -> None:
        """Give an endpoint its address, or take it away."""
        self._db.execute(
            "UPDATE endpoints SET address = ? WHERE container = ? AND network = ?",
            *(address, endpoint.container, endpoint.network),
        )

    def _select(self, where: str, *values: Any) -> list[Network]:
        rows = self._db.rows(f"SELECT id, name, driver, created, config FROM networks {where}", *values)  # noqa: S608
        return [_network(row) for row in rows]

    def _endpoints(self, where: str, *values: Any) -> list[Endpoint]:
        rows = self._db.rows(
            f"SELECT container, network, position, id, address, config FROM endpoints {where}",  # noqa: S608
            *values,
        )
        return [_endpoint(row) for row in rows]


def _network(row: Sequence[Any]) -> Network:
    id, name, driver, created, text = row
    config: dict[str, Any] = jsonio.loads(text)
    config["options"] = tuple(config["options"].items())
    config["labels"] = tuple(config["labels"].items())
    return Network(id=id, name=name, driver=driver, created=created, **config)


def _endpoint(row: Sequence[Any]) -> Endpoint:
    container, network, position, id, address, text = row
    config = jsonio.loads(text)
    return Endpoint(
        container=container,
        network=network,
        position=position,
        id=id,
        address=address,
        aliases=tuple(config["aliases"]),
        wanted=config["wanted"],
        mac=config["mac"],
        name=config.get("name", ""),
        interface=config.get("interface", ""),
        gateway_priority=config.get("gateway_priority", 0),
    )
