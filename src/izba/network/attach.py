"""Connecting containers to their networks: one that waits for its start, and one that runs already."""

from __future__ import annotations

import os

from izba.linux.netlink import RouteSocket
from izba.network import bridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.network.plan import LinkPlan, NetworkPlan


def attach(plan: NetworkPlan, pid: int, reserved: Sequence[int] = ()) -> None:
    """Connect the container whose init is `pid` and waits for its start, and publish its ports.

    `reserved` are the sockets that hold its ports (`ports.reserve`).
    """
    del reserved
    netns = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with RouteSocket() as host:
            for link in plan.links:
                bridge.connect(host, netns, link, owner=plan.owner)
        with bridge.Visit(netns):
            bridge.configure(plan.links)
        bridge.publish(plan.links, plan.ports)
    finally:
        os.close(netns)


def detach(plan: NetworkPlan) -> None:
    """The container ended: what it published is published no longer. Its interfaces died with its namespace."""
    bridge.unpublish(plan.links, plan.ports)


def attach_running(plan: NetworkPlan, pid: int) -> None:
    """Connect a running container to one more network."""
    netns = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with bridge.Visit(netns):
            links = _with_free_names(plan.links)
        with RouteSocket() as host:
            for link in links:
                bridge.connect(host, netns, link, owner=plan.owner)
        with bridge.Visit(netns):
            bridge.configure(links)
        bridge.publish(links, ())
    finally:
        os.close(netns)


def detach_running(plan: NetworkPlan, pid: int, remaining: Sequence[LinkPlan]) -> None:
    """Take interfaces away from a running container; one of those that remain gets the default route if it is gone."""
    netns = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        with bridge.Visit(netns), RouteSocket() as container:
            leaving = {link.address for link in plan.links}
            for index in {each.index for each in container.addresses() if each.address in leaving}:
                container.delete_link(index)
            bridge.ensure_default_route(container, remaining)
    finally:
        os.close(netns)


def _with_free_names(links: Sequence[LinkPlan]) -> tuple[LinkPlan, ...]:
    """The links with names that no interface of this namespace has; with the default route if there is none yet."""
    with RouteSocket() as container:
        taken = {link.name for link in container.links()}
        has_default = any(route.prefix == 0 for route in container.routes())
    found = []
    for link in links:
        number = next(number for number in range(1 << 16) if f"eth{number}" not in taken)
        taken.add(f"eth{number}")
        is_default = not has_default and not link.internal
        has_default = has_default or is_default
        found.append(link.replace(interface=f"eth{number}", is_default=is_default))
    return tuple(found)
