"""Networks of an izba: making, finding, removing them, and who is connected."""

from __future__ import annotations

import os

from izba import errors, jsonio
from izba._record import Record
from izba.engine import eventlog
from izba.errors import InvalidArgument
from izba.ids import new_id
from izba.network import ipam, ipv4
from izba.network.errors import (
    BadAddress,
    BadSubnet,
    InterfaceTaken,
    NetworkExists,
    NetworkInUse,
    PredefinedNetwork,
    ReservedName,
    SubnetOverlaps,
)
from izba.network.plan import HELPERS
from izba.network.store import AUXILIARY, DEFAULT, PREDEFINED, Network, Networks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.engine.engine import Engine
    from izba.network.ipv4 import Subnet
    from izba.network.plan import LinkPlan
    from izba.network.store import Endpoint

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_OTHERS = _FIRST | frozenset("_.-")
_NOBODYS = ("0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3")
"""Addresses that no interface has for others to reach: this network, loopback, multicast and what is reserved."""


class NetworkRequest(Record):
    """A network to make; what is empty is chosen."""

    name: str
    driver: str = "bridge"
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    internal: bool = False
    attachable: bool = False
    options: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


def networks(engine: Engine) -> Networks:
    """The rows."""
    return Networks(engine.store.db)


def run_directory(engine: Engine) -> str:
    """Where what lasts as long as the machine is up is kept of networks."""
    return f"{engine.roots.run}/network"


def has_interface(name: str) -> bool:
    """Whether this network namespace has it: its sysctls tell, without a netlink socket."""
    return os.path.exists(f"/proc/sys/net/ipv4/conf/{name}")


def require(engine: Engine, name: str) -> Network:
    """By name, id or its beginning; a predefined one is made at its first use. Raises `NetworkNotFound`."""
    rows = networks(engine)
    if name in PREDEFINED and rows.find(name) is None:
        ensure_predefined(engine)
    return rows.require(name)


def everything(engine: Engine) -> list[Network]:
    """All networks, by name."""
    ensure_predefined(engine)
    return networks(engine).all()


def ensure_predefined(engine: Engine) -> None:
    """See that bridge, host and none are there, each with an id of its own for good."""
    rows = networks(engine)
    for name in PREDEFINED:
        if rows.find(name) is not None:
            continue
        network = Network(id=new_id(), name=name, driver="null" if name == "none" else name)
        try:
            with engine.store.db.transaction():
                rows.insert(_with_addresses(engine, network) if name == DEFAULT else network)
        except NetworkExists:  # another command did it meanwhile
            continue


def create(engine: Engine, request: NetworkRequest) -> Network:
    """Make a network. Raises `NetworkExists`, `ReservedName`, `SubnetOverlaps`, `InterfaceTaken` …"""
    _check_name(request.name)
    if request.driver != "bridge":
        raise errors.NotImplemented(
            f"network driver {request.driver} is not supported", hint="izba's networks are bridges, host and none"
        )
    network = Network(
        id=new_id(),
        name=request.name,
        subnet=request.subnet,
        gateway=request.gateway,
        ip_range=request.ip_range,
        internal=request.internal,
        attachable=request.attachable,
        mtu=_mtu(request),
        options=request.options,
        labels=request.labels,
    )
    _check_bridge(engine, network)
    ensure_predefined(engine)
    with engine.store.db.transaction():
        network = networks(engine).insert(_with_addresses(engine, network))
    eventlog.emit(engine, "network", "create", network.id, name=network.name, type=network.driver)
    return network


def _check_name(name: str) -> None:
    if not name or name[0] not in _FIRST or not _OTHERS.issuperset(name):
        raise InvalidArgument(f"invalid network name: {name}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    if name in {*PREDEFINED, "default"}:
        raise ReservedName(name)
    if name in HELPERS:
        raise InvalidArgument(f"invalid network name: {name}: it stands for the program of that name")


def _check_bridge(engine: Engine, network: Network) -> None:
    """The name that the user chose for its bridge must be a possible one, and free."""
    name = network.bridge
    check_interface(name)
    for other in networks(engine).all():
        if name == other.bridge:
            raise InterfaceTaken(name, other.name)
    if not engine.roots.rootless and has_interface(name):
        raise InterfaceTaken(name)


def check_interface(name: str) -> None:
    """Raises `InvalidArgument` for a name that the kernel gives no interface."""
    if not name or len(name.encode()) > 15 or set(name) & set("/ \t\n:%") or name in {".", "..", "all", "default"}:
        raise InvalidArgument(f"{name} cannot be the name of an interface", hint="at most 15 letters and digits")


def _mtu(request: NetworkRequest) -> int:
    text = dict(request.options).get("com.docker.network.driver.mtu") or "0"
    if not text.isdecimal() or (int(text) and not 68 <= int(text) <= 65535):
        raise InvalidArgument(f"invalid value for com.docker.network.driver.mtu: {text}")
    return int(text)


def _with_addresses(engine: Engine, network: Network) -> Network:
    """The network with its subnet chosen, or checked, and its gateway. Within a transaction."""
    others = [each for each in networks(engine).all() if each.id != network.id]
    if not network.subnet:
        if network.gateway or network.ip_range or network.auxiliary:
            raise InvalidArgument("--gateway, --ip-range and --aux-address need a --subnet to be in")
        taken = [ipv4.subnet(each.subnet) for each in others if each.subnet]
        chosen = ipam.choose([*taken, *used_by_host()])
        return network.replace(subnet=str(chosen), gateway=ipv4.text(chosen.first + 1), chosen=True)
    subnet = ipv4.subnet(network.subnet)
    if subnet.prefix > 30:
        raise InvalidArgument(f"subnet {network.subnet} has no room for containers")
    if any(subnet.overlaps(ipv4.subnet(each)) for each in _NOBODYS):
        raise BadSubnet(network.subnet, "no host has an address of it")
    ipam.check_free(subnet, others)
    if any(subnet.overlaps(each) for each in used_by_host()):
        raise SubnetOverlaps(network.subnet, "a route of this host")
    if network.ip_range:
        pool = ipv4.subnet(network.ip_range)
        if not subnet.first <= pool.first <= pool.last <= subnet.last:
            raise InvalidArgument(f"no matching subnet for range {network.ip_range}")
    gateway = ipv4.number(network.gateway) if network.gateway else subnet.first + 1
    if gateway not in subnet:
        raise InvalidArgument(f"no matching subnet for gateway {network.gateway}")
    if gateway in {subnet.first, subnet.last}:
        raise BadAddress(network.gateway, network.subnet, "the first and the last address are the network's own")
    for address in network.auxiliary.values():
        if ipv4.number(address) not in subnet:
            raise InvalidArgument(f"no matching subnet for aux-address {address}")
    return network.replace(subnet=str(subnet), gateway=ipv4.text(gateway))


def used_by_host() -> list[Subnet]:
    """What this host's routes and name servers are reached by, its own addresses included."""
    from izba.linux.netlink import RouteSocket

    with RouteSocket() as host:
        written = [f"{each.destination}/{each.prefix}" for each in host.routes() if each.prefix]
        written += [f"{each.address}/{each.prefix}" for each in host.addresses()]
    found = [ipv4.subnet(each) for each in written]
    from izba.network.files import name_servers

    return found + [ipv4.subnet(f"{server}/32") for server in name_servers() if ":" not in server]


def settled(engine: Engine, network: Network) -> Network:
    """The network, before its bridge is made, with another subnet if the host uses the chosen one by now.

    A VPN may have come since. Within a transaction.
    """
    if engine.roots.rootless:
        return _with_free_subnet(engine, network)
    from izba.linux.interfaces import is_up

    if is_up(network.bridge):
        return network
    from izba.linux.netlink import NetlinkError
    from izba.network.bridge import Alone, is_reserved, reserve

    prefix = ipv4.subnet(network.subnet).prefix
    # Another izba of this machine may be choosing at this moment; it sees the bridge.
    with Alone():
        try:
            if not is_reserved(network.bridge, network.gateway, prefix, owner=engine.roots.data):
                network = _with_free_subnet(engine, network)
                prefix = ipv4.subnet(network.subnet).prefix
                reserve(network.bridge, network.gateway, prefix, network.mtu, owner=engine.roots.data)
        except NetlinkError:  # whoever connects the container says what is wrong
            pass
    return network


def _with_free_subnet(engine: Engine, network: Network) -> Network:
    subnet = ipv4.subnet(network.subnet)
    if not any(subnet.overlaps(each) for each in used_by_host()):
        return network
    if engine.roots.rootless and (not network.chosen or users(engine, network)):
        return network  # its bridge is not among the host's interfaces: only what the host's route leads to is hidden
    if not network.chosen:
        raise SubnetOverlaps(network.subnet, "a route of this host")
    rows = networks(engine)
    for endpoint in rows.of_network(network.id):
        rows.set_address(endpoint, None)
    rows.delete(network.id)
    return rows.insert(_with_addresses(engine, network.replace(subnet="", gateway="")))


def running(engine: Engine) -> Callable[[str], bool]:
    """Tells of a container id whether it runs."""
    from izba.engine.losses import settle
    from izba.monitor import state

    def runs(id: str) -> bool:
        return state.read(f"{engine.roots.data}/containers/{id}", lambda ended: settle(engine, id, ended)).is_running

    return runs


def users(engine: Engine, network: Network) -> list[Endpoint]:
    """The endpoints of running containers."""
    runs = running(engine)
    return [each for each in networks(engine).of_network(network.id) if runs(each.container)]


def remove(engine: Engine, network: Network) -> None:
    """Remove a network with its bridge. Raises `PredefinedNetwork`, `NetworkInUse`."""
    if network.is_predefined:
        raise PredefinedNetwork(network.name)
    _require_unused(engine, network)
    from izba.network.intents import Intent
    from izba.network.uses import PATIENCE, StillUsed, Unused

    run = run_directory(engine)
    try:
        with Unused(run, network.id, patience=PATIENCE) as unused:
            _require_unused(engine, network)  # those that were being started run by now
            with Intent(run, kind="remove", network=network.id, bridge=network.bridge):
                networks(engine).delete(network.id)
                unused.forget()
                remove_bridge_of(engine, network.bridge)
    except StillUsed:
        raise NetworkInUse(network.name, network.id, ("a container that is being started",)) from None
    eventlog.emit(engine, "network", "destroy", network.id, name=network.name, type=network.driver)


def _require_unused(engine: Engine, network: Network) -> None:
    if active := users(engine, network):
        names = tuple(engine.store.containers.require(each.container).name for each in active)
        raise NetworkInUse(network.name, network.id, names)


def prune(engine: Engine, accepts: Callable[[Network], bool], *, until: int | None = None) -> list[str]:
    """Remove the networks that no running container uses; their names. Of those that stay, unused bridges go."""
    removed = []
    for network in networks(engine).all():
        if network.is_predefined or not accepts(network) or (until is not None and network.created > until):
            _remove_unused_bridge(engine, network)
            continue
        try:
            remove(engine, network)
        except NetworkInUse:
            continue
        removed.append(network.name)
    eventlog.emit(engine, "network", "prune", "", reclaimed="0")
    return removed


def _remove_unused_bridge(engine: Engine, network: Network) -> None:
    from izba.network.uses import StillUsed, Unused

    if network.driver != "bridge":
        return
    try:
        with Unused(run_directory(engine), network.id):
            if not users(engine, network):
                remove_bridge_of(engine, network.bridge)
    except StillUsed:  # and so it is no unused one
        return


def remove_bridge_of(engine: Engine, name: str) -> None:
    """Remove a bridge of this name, wherever the engine's bridges are."""
    from izba.engine.inside import inside
    from izba.network.bridge import remove_bridge

    inside(engine, lambda: remove_bridge(name, owner=engine.roots.data))


def bridge_side(network: Network) -> LinkPlan:
    """What of a plan concerns the network's bridge alone."""
    from izba.network.plan import LinkPlan

    options = dict(network.options)
    return LinkPlan(
        network=network.id,
        name=network.name,
        bridge=network.bridge,
        gateway=network.gateway,
        prefix=ipv4.subnet(network.subnet).prefix,
        interface="",
        address="",
        mac=b"",
        mtu=network.mtu,
        internal=network.internal,
        masquerade=options.get("com.docker.network.bridge.enable_ip_masquerade", "true") != "false",
    )


def inspect(engine: Engine, network: Network) -> dict[str, object]:
    """A network in the form of Docker's API."""
    from izba.timestamps import format_time

    config: dict[str, object] = {"Subnet": network.subnet}
    config |= {"IPRange": network.ip_range} if network.ip_range else {}
    config |= {"Gateway": network.gateway} if network.gateway else {}
    config |= {"AuxiliaryAddresses": network.auxiliary} if network.auxiliary else {}
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": format_time(network.created),
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv4": True,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": None if network.is_predefined else {},
            "Config": [config] if network.subnet else None,
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": _containers(engine, network),
        "Options": _options(network),
        "Labels": dict(network.labels),
    }


def _options(network: Network) -> dict[str, str]:
    """Those that were given; of the default network, which nobody made, what a script asks for to find its bridge."""
    if network.name == DEFAULT:
        from izba.network.ports import ANY

        bridge = "com.docker.network.bridge."
        return {
            f"{bridge}default_bridge": "true",
            f"{bridge}enable_icc": "true",
            f"{bridge}enable_ip_masquerade": "true",
            f"{bridge}host_binding_ipv4": ANY,
            f"{bridge}name": network.bridge,
            "com.docker.network.driver.mtu": str(network.mtu or 1500),
        }
    return {name: value for name, value in network.options if not name.startswith(AUXILIARY)}


def _containers(engine: Engine, network: Network) -> dict[str, dict[str, str]]:
    """Who runs in it, by id; in host and none those who have that mode."""
    if network.driver == "bridge":
        return {each.container: _connected(engine, network, each) for each in users(engine, network)}
    runs = running(engine)
    nothing = dict.fromkeys(("EndpointID", "MacAddress", "IPv4Address", "IPv6Address"), "")
    return {
        row.id: {"Name": row.name} | nothing
        for row in engine.store.containers.all()
        if jsonio.loads(row.config)["HostConfig"].get("NetworkMode") == network.name and runs(row.id)
    }


def _connected(engine: Engine, network: Network, endpoint: Endpoint) -> dict[str, str]:
    assert endpoint.address is not None
    return {
        "Name": engine.store.containers.require(endpoint.container).name,
        "EndpointID": endpoint.id,
        "MacAddress": endpoint.mac or ipam.mac_of(endpoint.address).hex(":"),
        "IPv4Address": f"{ipv4.text(endpoint.address)}/{ipv4.subnet(network.subnet).prefix}",
        "IPv6Address": "",
    }
