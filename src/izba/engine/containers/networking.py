"""A container's networks: endpoints at its creation, addresses and a plan for its monitor at each start."""

from __future__ import annotations

from izba.engine import networks as networks_of
from izba.engine import rules
from izba.engine.containers import lifecycle
from izba.errors import InvalidArgument
from izba.network import files, ipam, ipv4, ports
from izba.network.errors import InterfaceInUse, NetworkGone
from izba.network.plan import HELPERS, LinkPlan, NetworkPlan, PortBinding, published_by
from izba.network.store import DEFAULT, INTERFACE, EndpointRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.engine.containers.documents import ContainerConfig, HostConfig
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.network.store import Endpoint, Network, Networks
    from izba.network.uses import Uses


def has_endpoints(mode: str) -> bool:
    """Whether a container with this network mode is connected to networks of izba's."""
    return mode not in {"none", "host", *HELPERS} and not mode.startswith("container:")


def requested(
    engine: Engine, host: HostConfig, endpoints: Sequence[EndpointRequest]
) -> list[tuple[Network, EndpointRequest]]:
    """The networks a new container wants, each found. Settles `NetworkMode`. Raises `NetworkNotFound` …"""
    mode = host.get("NetworkMode") or "default"
    if mode == "default":
        mode = DEFAULT
    host["NetworkMode"] = mode
    if mode in HELPERS:
        from izba.network.external import check as check_helper

        check_helper(mode, bindings({}, host), rootless=engine.roots.rootless)
    if not has_endpoints(mode):
        return []
    wanted = list(endpoints) or [EndpointRequest(network=mode)]
    found: list[tuple[Network, EndpointRequest]] = []
    for request in wanted:
        network = networks_of.require(engine, DEFAULT if request.network == "default" else request.network)
        check(network, request)
        if any(network.id == other.id for other, _ in found):
            raise InvalidArgument(f"network {network.name} is specified multiple times")
        if request.interface and any(request.interface == other.interface for _, other in found):
            raise InterfaceInUse(request.interface)
        found.append((network, request))
    return found


def check(network: Network, request: EndpointRequest) -> None:
    """Raises `InvalidArgument` for what no endpoint of the network can have."""
    if network.driver != "bridge":
        raise InvalidArgument(f"container cannot be connected to {network.name} and to other networks")
    if not network.has_names and request.aliases:
        raise InvalidArgument(
            "network-scoped alias is supported only for containers in user defined networks",
            hint="`izba network create NAME`, and --network NAME",
        )
    if request.interface:
        networks_of.check_interface(request.interface)
        if request.interface == "lo":
            raise InterfaceInUse(request.interface)
    if request.address:
        if not network.has_names:
            raise InvalidArgument(
                "user specified IP address is supported on user defined networks only",
                hint="`izba network create --subnet 172.30.0.0/24 NAME`, and --network NAME",
            )
        ipam.check_address(request.address, network)


def plan(engine: Engine, container: Container, uses: Uses) -> NetworkPlan | None:
    """Its networks for the next run, each with an address; None for a container that has none of its own.

    They are held by `uses` from here on.
    """
    host = container.host_config
    mode = host.get("NetworkMode", "host")
    if mode in HELPERS:
        places = (each.replace(host_ip=each.host_ip or ports.ANY) for each in bindings(container.config, host))
        return plan_of(engine, container, ()).replace(ports=tuple(places), helper=mode)
    if not has_endpoints(mode):
        return None
    rules.look(engine)
    rows = networks_of.networks(engine)
    links: list[LinkPlan] = []
    names, is_covered = False, False
    while not is_covered:  # one that it is connected to meanwhile has to be held as well
        _find_again(rows, container)
        uses.take(each.network for each in rows.of_container(container.id))
        with engine.store.db.transaction():
            endpoints = rows.of_container(container.id)
            is_covered = uses.cover(each.network for each in endpoints)
            for endpoint in endpoints if is_covered else ():
                network = rows.find(endpoint.network)
                if network is None:
                    raise NetworkGone(endpoint.name or endpoint.network[:12], container.name)
                before, network = network, networks_of.settled(engine, network)
                if network.subnet != before.subnet:  # it moved, and left the addresses of the old one behind
                    endpoint = endpoint.replace(address=None)  # noqa: PLW2901
                names = names or network.has_names
                links.append(link(engine, network, endpoint))
    wanted = bindings(container.config, host)
    is_published = published_by(links) is not None
    if wanted and not is_published:
        from izba import log

        log.warning(f"published ports of {container.name} are discarded: nothing gets into an internal network")
    return plan_of(engine, container, _in_order(links)).replace(
        ports=wanted if is_published else (),
        names=names or engine.roots.rootless or _has_local_resolver(host),
    )


def links_of(engine: Engine, container: Container) -> tuple[LinkPlan, ...]:
    """The links of a container that runs, as they would be had it started with all of them."""
    rows = networks_of.networks(engine)
    return _in_order(
        [
            link_of(network, each)
            for each in rows.of_container(container.id)
            if each.address is not None and (network := rows.find(each.network))
        ]
    )


def _in_order(links: Sequence[LinkPlan]) -> tuple[LinkPlan, ...]:
    """Interfaces without a name get the first of eth0, eth1 … that is free; the one that ports are published by has the
    default route.
    """
    default = published_by(links)
    taken = {each.interface for each in links}
    free = (name for name in map("eth{}".format, range(1 << 16)) if name not in taken)
    return tuple(each.replace(interface=each.interface or next(free), is_default=each is default) for each in links)


def _find_again(rows: Networks, container: Container) -> None:
    """A network that was removed and made again is the container's as it was before."""
    for endpoint in rows.of_container(container.id):
        if endpoint.name and rows.find(endpoint.network) is None and (network := rows.find(endpoint.name)):
            others = {each.network for each in rows.of_container(container.id)}
            if network.driver == "bridge" and network.id not in others:
                check(network, EndpointRequest(network=network.id, aliases=endpoint.aliases, address=endpoint.wanted))
                rows.move(endpoint, network)


def plan_of(engine: Engine, container: Container, links: tuple[LinkPlan, ...]) -> NetworkPlan:
    """A plan for these links alone."""
    return NetworkPlan(
        container=container.id,
        owner=engine.roots.data,
        run=networks_of.run_directory(engine),
        links=links,
        servers=tuple(container.host_config.get("Dns") or ()),
        rootless=engine.roots.rootless,
    )


def _has_local_resolver(host: HostConfig) -> bool:
    """The host's name servers are on its own loopback, or on IPv6, where a container cannot reach them."""
    return not host.get("Dns") and not any(map(files.is_reachable, files.name_servers()))


def link(engine: Engine, network: Network, endpoint: Endpoint) -> LinkPlan:
    """One interface, with an address of its own from now on. Within a transaction."""
    address = ipam.lease(networks_of.networks(engine), network, endpoint, networks_of.running(engine))
    return link_of(network, endpoint.replace(address=address))


def link_of(network: Network, endpoint: Endpoint) -> LinkPlan:
    """The interface of an endpoint that has its address; without a name, unless one was asked for."""
    assert endpoint.address is not None
    return networks_of.bridge_side(network).replace(
        interface=endpoint.interface,
        address=ipv4.text(endpoint.address),
        mac=mac_of(endpoint),
        priority=endpoint.gateway_priority,
    )


def mac_of(endpoint: Endpoint) -> bytes:
    """The hardware address of an endpoint that has its address."""
    assert endpoint.address is not None
    return bytes.fromhex(endpoint.mac.replace(":", "")) if endpoint.mac else ipam.mac_of(endpoint.address)


def bindings(config: ContainerConfig, host: HostConfig) -> tuple[PortBinding, ...]:
    """The ports to publish: those asked for and, with PublishAllPorts, all that are exposed."""
    found = []
    asked = host.get("PortBindings") or {}
    for key, places in asked.items():
        number, _, protocol = key.partition("/")
        for place in places or [{"HostIp": "", "HostPort": ""}]:
            host_ip = place.get("HostIp") or ""
            first, _, last = (place.get("HostPort") or "0").partition("-")
            found.append(
                PortBinding(
                    container_port=int(number),
                    protocol=protocol or "tcp",
                    host_ip="" if host_ip in {ports.ANY, ports.ANY_6} else host_ip,
                    host_port=int(first),
                    host_last=int(last or 0),
                )
            )
    if host.get("PublishAllPorts"):
        for key in config.get("ExposedPorts") or {}:
            number, _, protocol = key.partition("/")
            if key not in asked:
                found.append(PortBinding(container_port=int(number), protocol=protocol or "tcp"))
    return tuple(found)


def published(container: Container) -> tuple[PortBinding, ...]:
    """The ports that a running container has on the host."""
    if not container.host_config.get("PortBindings") and not container.host_config.get("PublishAllPorts"):
        return ()
    return ports.recorded(container.directory) if lifecycle.state(container).is_running else ()


def network_names(engine: Engine, container: Container) -> list[str]:
    """The names of its networks."""
    mode = container.host_config.get("NetworkMode", "host")
    if not has_endpoints(mode):
        return [mode]
    rows = networks_of.networks(engine)
    found = (rows.find(endpoint.network) for endpoint in rows.of_container(container.id))
    return sorted(network.name for network in found if network)


def settings(engine: Engine, container: Container) -> dict[str, object]:
    """`NetworkSettings` of Docker's inspect; addresses are those of a running container."""
    mode = container.host_config.get("NetworkMode", "host")
    state = lifecycle.state(container)
    rows = networks_of.networks(engine)
    shown: dict[str, dict[str, object]] = {}
    if not has_endpoints(mode) and not mode.startswith("container:"):
        shown[mode] = _endpoint(rows.find(mode), None, running=False, names=())
    for endpoint in rows.of_container(container.id):
        network = rows.find(endpoint.network)
        name = network.name if network else endpoint.name or endpoint.network
        names = names_of(container, endpoint) if network and network.has_names else ()
        shown[name] = _endpoint(network, endpoint, running=state.is_running, names=names)
    first = shown.get(DEFAULT) or _endpoint(None, None, running=False, names=())
    return {
        "Bridge": "",
        "SandboxID": container.id if state.pid else "",
        "SandboxKey": f"/proc/{state.pid}/ns/net" if state.pid else "",
        "Ports": port_map(container) if state.is_running else {},
        **{name: first[name] for name in ("EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "MacAddress")},
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPv6Gateway": "",
        "Networks": shown,
    }


def names_of(container: Container, endpoint: Endpoint) -> tuple[str, ...]:
    """What the others on a network with names find a container by."""
    hostname = container.config.get("Hostname") or container.id[:12]
    return tuple(dict.fromkeys((container.name, *endpoint.aliases, container.id[:12], hostname)))


def _endpoint(
    network: Network | None, endpoint: Endpoint | None, *, running: bool, names: tuple[str, ...]
) -> dict[str, object]:
    result: dict[str, object] = {
        "IPAMConfig": {"IPv4Address": endpoint.wanted} if endpoint and endpoint.wanted else None,
        "Links": None,
        "Aliases": list(endpoint.aliases) or None if endpoint else None,
        "MacAddress": "",
        "DriverOpts": {INTERFACE: endpoint.interface} if endpoint and endpoint.interface else None,
        "GwPriority": endpoint.gateway_priority if endpoint else 0,
        "NetworkID": network.id if network else "",
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "DNSNames": list(names) or None,
    }
    if running and network and endpoint and endpoint.address is not None:
        mac = endpoint.mac or ipam.mac_of(endpoint.address).hex(":")
        result |= {
            "MacAddress": mac,
            "EndpointID": endpoint.id,
            "Gateway": network.gateway,
            "IPAddress": ipv4.text(endpoint.address),
            "IPPrefixLen": ipv4.subnet(network.subnet).prefix,
        }
    return result


def port_map(container: Container) -> dict[str, list[dict[str, str]] | None]:
    """Docker's `Ports`: exposed ones, and where those that are published are."""
    result: dict[str, list[dict[str, str]] | None] = dict.fromkeys(container.config.get("ExposedPorts") or {})
    for each in published(container):
        places = result.get(key := f"{each.container_port}/{each.protocol}") or []
        for address in (each.host_ip,) if each.host_ip else ports.every_address():
            places.append({"HostIp": address, "HostPort": str(each.host_port)})
        result[key] = places
    return dict(sorted(result.items(), key=lambda item: (int(item[0].partition("/")[0]), item[0])))
