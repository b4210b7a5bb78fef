"""What a container's monitor is told of its networks: everything decided, nothing to look up."""

from __future__ import annotations

from izba._record import Record

HELPERS = ("pasta", "slirp4netns")
"""What `--network` takes beside networks: programs that an ordinary user's container can have in place of a bridge."""
HELPER_ADDRESS, HELPER_GATEWAY, HELPER_RESOLVER = "10.0.2.100", "10.0.2.2", "10.0.2.3"
"""What slirp4netns gives out by itself, and pasta is told to."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class LinkPlan(Record):
    """One interface of the container, on one network.

    network, name            its id and name
    bridge, gateway, prefix  the network's bridge and the address that the host has on it
    interface                its name in the container: eth0, eth1 …, or what was asked for
    is_default               the container's default route goes by it
    priority                 of several that lead out, the highest has the default route and the ports
    mtu                      0: that of the bridge
    """

    network: str
    name: str
    bridge: str
    gateway: str
    prefix: int
    interface: str
    address: str
    mac: bytes
    mtu: int = 0
    internal: bool = False
    masquerade: bool = True
    is_default: bool = False
    priority: int = 0


class PortBinding(Record):
    """A port of the container published on the host. `host_port` 0 leaves the choice to the kernel.

    An empty `host_ip` is every address of the host. `host_last`, where it is not 0, ends a range that begins with
    `host_port`: the first of it that is free is taken.
    """

    container_port: int
    protocol: str = "tcp"
    host_ip: str = ""
    host_port: int = 0
    host_last: int = 0


class NetworkPlan(Record):
    """The networks of one container.

    owner   the data root of its izba, which is written on bridges
    run     the run directory of the networks' own process (`network.service`)
    ports   what is published; `places` is the same by address of the host, in the order of the sockets that hold them
    names   its names are answered for, and names it asks for are, by izba (127.0.0.11)
    helper  pasta or slirp4netns, which the container has in place of links (`network.external`)
    """

    container: str
    owner: str
    run: str
    links: tuple[LinkPlan, ...]
    ports: tuple[PortBinding, ...] = ()
    places: tuple[PortBinding, ...] = ()
    names: bool = False
    servers: tuple[str, ...] = ()
    rootless: bool = False
    helper: str = ""


def published_by(links: Sequence[LinkPlan]) -> LinkPlan | None:
    """The link that ports are published by and that has the default route: the first with the highest priority."""
    return max((link for link in links if not link.internal), key=lambda link: link.priority, default=None)


def to_json(plan: NetworkPlan) -> dict[str, Any]:
    """A JSON value that `from_json` reads."""
    value = {field: getattr(plan, field) for field in NetworkPlan.__fields__}
    value["links"] = links_to_json(plan.links)
    value["ports"] = [_fields(port) for port in plan.ports]
    value["places"] = [_fields(place) for place in plan.places]
    value["servers"] = list(plan.servers)
    return value


def from_json(value: dict[str, Any]) -> NetworkPlan:
    """The inverse of `to_json`."""
    return NetworkPlan(
        **value
        | {
            "links": links_from_json(value["links"]),
            "ports": tuple(PortBinding(**port) for port in value["ports"]),
            "places": tuple(PortBinding(**place) for place in value["places"]),
            "servers": tuple(value["servers"]),
        }
    )


def links_to_json(links: Sequence[LinkPlan]) -> list[dict[str, Any]]:
    """A JSON value that `links_from_json` reads."""
    return [_fields(link) | {"mac": link.mac.hex()} for link in links]


def links_from_json(value: list[dict[str, Any]]) -> tuple[LinkPlan, ...]:
    """The inverse of `links_to_json`."""
    return tuple(LinkPlan(**link | {"mac": bytes.fromhex(link["mac"])}) for link in value)


def _fields(record: Record) -> dict[str, Any]:
    return {field: getattr(record, field) for field in record.__fields__}
