"""Connecting containers to their networks: one that waits for its start, and one that runs already."""

from __future__ import annotations

import os

from izba.linux.netlink import RouteSocket
from izba.network import bridge
from izba.network.errors import InterfaceInUse, NetworksUnavailable
from izba.network.plan import published_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.network.external import Helper
    from izba.network.plan import LinkPlan, NetworkPlan, PortBinding
    from izba.network.relay.client import Connection


class Attached:
    """What keeps a container attached: descriptors that its monitor holds as long as the container lives.

    relay       the connection that registers it there, if it needs the relay
    helper      the connection that keeps its pasta or slirp4netns, if that was asked for
    namespaces  rootless: the user's own user and network namespace, so that a new relay finds them again
    """

    def __init__(self) -> None:
        self.relay: Connection | None = None
        self.helper: Helper | None = None
        self.namespaces: tuple[int, ...] = ()

    @property
    def fds(self) -> tuple[int, ...]:
        """All of them, first the one that ends when it has to be attached anew."""
        return tuple(each.fileno() for each in (self.relay, self.helper) if each is not None) + self.namespaces

    def close(self) -> None:
        """Let go of them here."""
        for each in (self.relay, self.helper):
            if each is not None:
                each.close()
        for fd in self.namespaces:
            os.close(fd)


def enter(plan: NetworkPlan, namespaces: Sequence[int] = ()) -> Attached:
    """Connect to the relay, if the plan needs it; rootless, then become root in the user's own namespaces.

    A relay that has to be started anew takes over `namespaces`. The process has a single thread.
    """
    attached = Attached()
    if plan.helper:
        from izba.linux import idmaps
        from izba.linux.namespaces import enter_user_namespace

        enter_user_namespace(idmaps.plan_of_this_user())
    elif plan.rootless or plan.names or any(":" in place.host_ip for place in plan.places):
        from izba.network.relay.client import connect

        attached.relay = connect(plan, namespaces)
        if plan.rootless:
            from izba.network.relay.inside import join

            attached.namespaces = attached.relay.namespaces()
            join(*attached.namespaces)
    return attached


def attach(plan: NetworkPlan, attached: Attached, reserved: Sequence[int] = ()) -> int:
    """Make a network namespace for a container and connect it, with its ports published; its descriptor.

    `attached` is of `enter`; `reserved` are the sockets that hold its ports (`ports.reserve`), in the places' order.
    Should the container not come up, everything goes with the descriptor.
    """
    netns = -1
    try:
        if plan.helper:
            from izba.network import external

            attached.helper, netns = external.start(plan)
            return netns
        netns = bridge.new_namespace()
        with RouteSocket() as host:
            for link in plan.links:
                bridge.connect(host, netns, link, owner=plan.owner)
        with bridge.Visit(netns):
            bridge.configure(plan.links)
        bridge.publish(plan.links, () if plan.rootless else plan.ports)
        if attached.relay is not None:
            register(plan, attached.relay, netns, reserved)
    except BaseException as error:
        if netns >= 0:
            os.close(netns)
        if isinstance(error, OSError):
            raise NetworksUnavailable(error.strerror or str(error)) from error
        raise
    return netns


def renew(plan: NetworkPlan, pid: int, reserved: Sequence[int], namespaces: Sequence[int]) -> Attached:
    """Attach a running container anew, after the relay or its helper was killed; as `enter` and `attach` did."""
    if not plan.helper:
        attached = enter(plan, namespaces)
        assert attached.relay is not None
        register(plan, attached.relay, _netns(pid), reserved)
        return attached
    from izba.linux.namespaces import join_user_namespace
    from izba.network import external

    netns = _netns(pid)
    join_user_namespace(os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC))
    attached = Attached()
    attached.helper, _ = external.start(plan, netns)
    return attached


def _netns(pid: int) -> int:
    return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def register(plan: NetworkPlan, relay: Connection, netns: int, reserved: Sequence[int]) -> None:
    """Let the relay answer the container's questions and carry what the kernel does not."""
    if plan.names:
        from izba.network.dns.inside import make_sockets

        with bridge.Visit(netns):
            sockets = make_sockets()
        relay.names(plan.container, plan.servers, sockets)
        for each in sockets:
            each.close()
    carried = [
        (place, fd) for place, fd in zip(plan.places, reserved, strict=True) if plan.rootless or ":" in place.host_ip
    ]
    if carried and (target := published_by(plan.links)):
        relay.ports(target, [place for place, _ in carried], [fd for _, fd in carried])


def detach(plan: NetworkPlan) -> None:
    """The container ended: what it published is published no longer. Its interfaces died with its namespace."""
    if not plan.rootless:
        bridge.unpublish(plan.links, plan.ports)


def attach_running(plan: NetworkPlan, pid: int) -> None:
    """Connect a running container to one more network, and send the plan's ports there.

    One that has ended meanwhile has the network in its next run.
    """
    try:
        netns = _netns(pid)
    except FileNotFoundError:
        return
    try:
        with bridge.Visit(netns):
            links = _with_free_names(plan.links)
        with RouteSocket() as host:
            for link in links:
                bridge.connect(host, netns, link, owner=plan.owner)
        with bridge.Visit(netns):
            bridge.configure(links)
        bridge.publish(links, plan.ports)
    finally:
        os.close(netns)


def publish_again(links: Sequence[LinkPlan], ports: Sequence[PortBinding], before: str) -> None:
    """As root: the ports led to the address `before`, which the container has no more."""
    bridge.publish(links, ports)
    bridge.forget_ports(ports, before)


def detach_running(pid: int, address: str, mac: bytes, remaining: Sequence[LinkPlan]) -> None:
    """Take an interface away from a running container; one of those that remain gets the default route if it is gone.

    One that has no address yet, of a connection that was killed in the middle, is known by its hardware address.
    """
    try:
        netns = _netns(pid)
    except FileNotFoundError:  # it has ended, and its next run does without
        return
    try:
        with bridge.Visit(netns), RouteSocket() as container:
            addresses = container.addresses()
            indexes = {each.index for each in addresses if each.address == address}
            addressed = {each.index for each in addresses}
            indexes |= {each.index for each in container.links() if each.mac == mac and each.index not in addressed}
            for index in indexes:
                container.delete_link(index)
            bridge.ensure_default_route(container, remaining)
    finally:
        os.close(netns)


def _with_free_names(links: Sequence[LinkPlan]) -> tuple[LinkPlan, ...]:
    """The links with names that no interface of this namespace has: the one asked for, or `eth` and a number.

    One that leads out gets the default route if there is none yet. Raises `InterfaceInUse`.
    """
    with RouteSocket() as container:
        taken = {link.name for link in container.links()}
        has_default = any(route.prefix == 0 for route in container.routes())
    found = []
    for link in links:
        name = link.interface or next(name for name in map("eth{}".format, range(1 << 16)) if name not in taken)
        if name in taken:
            raise InterfaceInUse(name)
        taken.add(name)
        is_default = link.is_default or (not has_default and not link.internal)
        has_default = has_default or is_default
        found.append(link.replace(interface=name, is_default=is_default))
    return tuple(found)
