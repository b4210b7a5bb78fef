"""The bridge of a network, and what connects a container to it.

    container              host (as root), or the user's own network namespace (rootless)
    eth0 ──────────── veth1f3c… ── izba-0a1b2c3d4e  172.17.0.1 ── routing, nft ── uplink

Only what is missing is made, so a second container costs two messages. Nothing is undone when a container ends: a veth
dies with the container's namespace (deleting one takes 20 ms), hence the fresh name for each. A bridge stays until its
network is removed, or its izba is gone from the disk.
"""

from __future__ import annotations

import errno
import os
from _thread import allocate_lock, start_new_thread

from izba.linux import flags as f
from izba.linux import interfaces, namespaces
from izba.linux.netlink import NetlinkError, RouteSocket
from izba.linux.nft import NftSocket
from izba.network import ipam, ipv4, nft
from izba.network.errors import InterfaceTaken
from izba.network.plan import published_by
from izba.network.sysctl import write_sysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from izba.linux.netlink import Link
    from izba.network.plan import LinkPlan, PortBinding

_MARK = "izba of "
PREFIX = "izba-"


def connect(host: RouteSocket, netns: int, link: LinkPlan, *, owner: str) -> None:
    """Give the namespace open as `netns` an interface whose other end is on the link's bridge; `host` is that side."""
    bridge = ensure_bridge(host, link, owner=owner)
    name = f"veth{os.urandom(4).hex()}"
    host.add_veth(
        name,
        peer=link.interface,
        peer_netns=netns,
        master=bridge.index,
        mtu=link.mtu or bridge.mtu,
        peer_mac=link.mac,
    )
    if port := host.link(name):
        host.set_hairpin(port.index)


def configure(links: Sequence[LinkPlan]) -> None:
    """Give the interfaces of the current namespace, just made, their addresses and routes."""
    with RouteSocket() as container:
        for link in links:
            interface = container.link(link.interface)
            assert interface is not None
            _without_ipv6(link.interface)
            container.add_address(interface.index, link.address, link.prefix)
            container.set_link(interface.index)
            if link.is_default:
                container.add_route(link.gateway, index=interface.index, replace=True)


def ensure_default_route(container: RouteSocket, links: Sequence[LinkPlan]) -> None:
    """Where the current namespace has no default route, the link that comes first for it (`published_by`) gets it."""
    if any(route.prefix == 0 for route in container.routes()):
        return
    indexes = {each.address: each.index for each in container.addresses()}
    if link := published_by([link for link in links if link.address in indexes]):
        container.add_route(link.gateway, index=indexes[link.address])


class Alone:
    """`with Alone():` nobody else in this network namespace, of whatever izba, chooses a subnet, makes a bridge or
    publishes ports."""

    def __enter__(self) -> None:
        import fcntl

        self._fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)


def reserve(name: str, gateway: str, prefix: int, mtu: int, *, owner: str) -> None:
    """Let everybody see from now on whose the subnet is: by a bridge that has its address and is not up yet.

    Raises `NetlinkError`.
    """
    with RouteSocket() as host:
        bridge = _make(host, name, gateway, mtu, owner=owner)
        _add_address(host, bridge, gateway, prefix)


def is_reserved(name: str, gateway: str, prefix: int, *, owner: str) -> bool:
    """Whether a bridge that is not up is as `reserve` makes it. One that was left with another address is removed.

    Only for who is `Alone`. Raises `InterfaceTaken`.
    """
    with RouteSocket() as host:
        found = _find(host, name, owner)
        if found is None:
            return False
        addresses = {(each.address, each.prefix) for each in host.addresses() if each.index == found.index}
        if addresses <= {(gateway, prefix)}:
            return bool(addresses)
        _remove(host, found)
        return False


def ensure_bridge(host: RouteSocket, link: LinkPlan, *, owner: str) -> Link:
    """The bridge, made if it is not there; it is brought up last, so one that is up is whole.

    Raises `InterfaceTaken`.
    """
    found = host.link(link.bridge)
    if found is not None and _is_whole(host, found, link, owner):
        _prepare_rules(host, link, is_new=False)
        return found
    with Alone():  # somebody may be making it at this moment, and what is half made has no owner
        found = _find(host, link.bridge, owner)
        if found is not None and found.is_up and not _has_address(host, found, link.gateway):
            found = _move(host, found, link)
        if found is None:
            found = _make(host, link.bridge, link.gateway, link.mtu, owner=owner)
        _prepare_rules(host, link, is_new=not found.is_up)
        if not found.is_up:
            _configure_bridge(host, found, link)
        return found


def _is_whole(host: RouteSocket, found: Link, link: LinkPlan, owner: str) -> bool:
    return found.is_up and _is_ours(host, found, owner) and _has_address(host, found, link.gateway)


def _has_address(host: RouteSocket, bridge: Link, address: str) -> bool:
    return any(each.index == bridge.index and each.address == address for each in host.addresses())


def _move(host: RouteSocket, bridge: Link, link: LinkPlan) -> Link | None:
    """The network got another subnet, and the user's namespace had not ended yet: the bridge with its address.

    None: it is removed, to be made anew. One that a container is still on gets the address as well.
    """
    if not any(each.master == bridge.index for each in host.links()):
        _remove(host, bridge)
        return None
    _add_address(host, bridge, link.gateway, link.prefix)
    _prepare_rules(host, link, is_new=True)
    return bridge


def _find(host: RouteSocket, name: str, owner: str) -> Link | None:
    """The bridge of this name. Raises `InterfaceTaken`: the name may be one that the user chose.

    Only for who is `Alone`.
    """
    found = host.link(name)
    if found is not None and not _is_ours(host, found, owner):
        raise InterfaceTaken(name)
    return found


def _is_ours(host: RouteSocket, found: Link, owner: str) -> bool:
    if found.kind != "bridge":
        return False
    if not found.alias:  # of a command that was killed before it could write its mark
        return not found.is_up and not any(link.master == found.index for link in host.links())
    # A data root may have been moved; then the name, which izba chose, tells the network.
    return found.alias == _MARK + owner or (found.name.startswith(PREFIX) and found.alias.startswith(_MARK))


def ours(names: Iterable[str], *, owner: str) -> set[str]:
    """Those of the names that are bridges of this izba, and up."""
    with RouteSocket() as host:
        links = {link.name: link for link in host.links()}
        return {name for name in names if name in links and links[name].is_up and _is_ours(host, links[name], owner)}


def _make(host: RouteSocket, name: str, gateway: str, mtu: int, *, owner: str) -> Link:
    remove_orphans(host)
    try:
        host.add_bridge(name, mtu=mtu or uplink_mtu(host), mac=ipam.mac_of(ipv4.number(gateway)), up=False)
    except NetlinkError as error:  # of a command that was killed before it had an owner
        if error.errno != errno.EEXIST:
            raise
    found = _find(host, name, owner)
    assert found is not None
    host.set_alias(found.index, _MARK + owner)
    return found


def _prepare_rules(host: RouteSocket, link: LinkPlan, *, is_new: bool) -> None:
    with NftSocket() as rules:
        try:
            nft.prepare(rules, link, is_new=is_new)
        except NetlinkError as error:
            if error.errno != errno.EEXIST:
                raise
            nft.renew_subnets(rules, _addresses_of_bridges(host))
            nft.prepare(rules, link, is_new=True)
        if warning := nft.accept_through_docker(rules, link.bridge):
            from izba import log

            log.warning(warning)


def _addresses_of_bridges(host: RouteSocket) -> list[tuple[str, int]]:
    ours = {each.index for each in host.links() if each.kind == "bridge" and each.alias.startswith(_MARK)}
    return [(each.address, each.prefix) for each in host.addresses() if each.index in ours]


def _configure_bridge(host: RouteSocket, bridge: Link, link: LinkPlan) -> None:
    _add_address(host, bridge, link.gateway, link.prefix)
    _without_ipv6(bridge.name)
    write_sysctl(f"ipv4/conf/{bridge.name}/route_localnet", "1")  # published ports on 127.0.0.1
    write_sysctl("ipv4/ip_forward", "1")
    host.set_link(bridge.index)


def _add_address(host: RouteSocket, bridge: Link, gateway: str, prefix: int) -> None:
    try:
        host.add_address(bridge.index, gateway, prefix)
    except NetlinkError as error:
        if error.errno != errno.EEXIST:
            raise


def remove_bridge(name: str, *, owner: str) -> None:
    """Remove a network's bridge with all that is made for it. Nothing happens if there is none, or another's."""
    with RouteSocket() as host:
        if (found := host.link(name)) and _is_ours(host, found, owner):
            _remove(host, found)


def _remove(host: RouteSocket, bridge: Link) -> None:
    host.set_link(bridge.index, up=False)  # from here on it is not whole: who is killed before the end has it made anew
    rules = NftSocket()
    try:
        for each in host.addresses():
            if each.index == bridge.index:
                nft.forget_bridge(rules, bridge.name, each.address, each.prefix)
    except BaseException:
        rules.close()
        raise
    # Both wait for all processors to have forgotten what is removed, some 30 ms: at the same time.
    closed = allocate_lock()
    closed.acquire()

    def close() -> None:
        rules.close()
        closed.release()

    start_new_thread(close, ())
    try:
        host.delete_link(bridge.index)
    finally:
        closed.acquire()


def remove_orphans(host: RouteSocket) -> None:
    """Remove bridges without containers whose izba's data root is gone."""
    links = host.links()
    used = {link.master for link in links}
    for link in links:
        if link.kind != "bridge" or not link.alias.startswith(_MARK) or link.index in used:
            continue
        if not os.path.exists(f"{link.alias.removeprefix(_MARK)}/izba.db"):
            _remove(host, link)


def uplink_mtu(host: RouteSocket) -> int:
    """The MTU of the interface that the default route leaves by; 1500 where there is none."""
    for route in host.routes():
        if route.prefix == 0:
            return next((link.mtu for link in host.links() if link.index == route.index), 1500)
    return 1500


def publish(links: Sequence[LinkPlan], ports: Sequence[PortBinding]) -> None:
    """Send published ports to the container, by way of its first network that is not internal.

    Rules that an earlier owner of one of its addresses could not take away go.
    """
    with Alone(), NftSocket() as rules:
        target = published_by(links)
        for link in links:
            nft.publish(rules, ports if link is target else (), link.address)


def unpublish(links: Sequence[LinkPlan], ports: Sequence[PortBinding]) -> None:
    """The inverse of `publish`."""
    if target := published_by(links):
        forget_ports(ports, target.address)


def forget_ports(ports: Sequence[PortBinding], address: str) -> None:
    """No port of these leads to the address any more."""
    with Alone(), NftSocket() as rules:
        nft.unpublish(rules, ports, address)


def new_namespace() -> int:
    """A new network namespace, its loopback up; its descriptor. This process stays where it is."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        namespaces.unshare(f.CLONE_NEWNET)
        try:
            interfaces.set_up("lo")
            return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            namespaces.setns(home, f.CLONE_NEWNET)
    finally:
        os.close(home)


class Visit:
    """`with Visit(fd):` this process, which has a single thread, is in another network namespace for a while."""

    def __init__(self, netns: int) -> None:
        self._netns = netns
        self._home = -1

    def __enter__(self) -> None:
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        namespaces.setns(self._netns, f.CLONE_NEWNET)

    def __exit__(self, *_: object) -> None:
        try:
            namespaces.setns(self._home, f.CLONE_NEWNET)
        finally:
            os.close(self._home)


def _without_ipv6(interface: str) -> None:
    """Networks have no IPv6: an interface's own link-local address would be a way round every rule."""
    write_sysctl(f"ipv6/conf/{interface}/disable_ipv6", "1")
