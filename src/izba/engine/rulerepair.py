"""What root's rules should be, from the networks and the running containers; and made so."""

from __future__ import annotations

import os

from izba.engine import networks as networks_of
from izba.network import rulecheck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine
    from izba.network.plan import LinkPlan
    from izba.network.rulecheck import PortElements


def put_right(engine: Engine) -> bool:
    """See that every bridge that is up, and every running container's port, has its rules; whether one had not."""
    from izba.linux.nft import NftSocket
    from izba.network import nft
    from izba.network.bridge import Alone, ours

    found = {
        network.id: networks_of.bridge_side(network) for network in networks_of.networks(engine).all() if network.subnet
    }
    bridges = ours((link.bridge for link in found.values()), owner=engine.roots.data)
    links = {id: link for id, link in found.items() if link.bridge in bridges}
    if not links:
        return False
    leading = _leading(engine, links)
    runs = networks_of.running(engine)
    running = {id for id in leading if runs(id)}
    with Alone(), NftSocket() as socket:
        # Who is about to publish has written its ports down before, and waits for us here.
        wanted = _elements(engine, {id: address for id, address in leading.items() if id in running})
        allowed = _elements(
            engine, {id: address for id, address in leading.items() if id not in running and _is_starting(engine, id)}
        )
        messages = rulecheck.corrections(
            socket, links.values(), exists=networks_of.has_interface, wanted=wanted, allowed=allowed
        )
        if messages:
            socket.commit(messages)
        for link in links.values():
            nft.accept_through_docker(socket, link.bridge)
    return bool(messages)


def _leading(engine: Engine, links: dict[str, LinkPlan]) -> dict[str, int]:
    """The containers that have ports written down, each with the address that these lead to."""
    from izba.network import ports

    found: dict[str, int] = {}
    for container, network, address in networks_of.networks(engine).addressed():
        link = links.get(network)
        if container not in found and link is not None and not link.internal:
            found[container] = address
    return {id: address for id, address in found.items() if os.path.exists(f"{_directory(engine, id)}/{ports.FILE}")}


def _elements(engine: Engine, leading: dict[str, int]) -> PortElements:
    from izba.network import ipv4, nft, ports

    found: PortElements = {}
    for id, address in leading.items():
        for name, elements in nft.port_elements(ports.recorded(_directory(engine, id)), ipv4.text(address)).items():
            found.setdefault(name, {}).update(elements)
    return found


def _is_starting(engine: Engine, id: str) -> bool:
    """Whether a monitor has the container that does not run yet; one that was killed has no ports any more."""
    from izba.monitor import finish
    from izba.network import ports

    try:
        lock = finish.lock(_directory(engine, id))
    except FileNotFoundError:
        return False
    if lock is None:
        return True
    ports.forget(_directory(engine, id))
    os.close(lock)
    return False


def _directory(engine: Engine, id: str) -> str:
    return f"{engine.roots.data}/containers/{id}"
