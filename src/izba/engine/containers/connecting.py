"""Connecting containers to networks and disconnecting them, while they run or not."""

from __future__ import annotations

import fcntl
import os

from izba.engine import eventlog
from izba.engine import networks as networks_of
from izba.engine.containers import lifecycle, networking
from izba.engine.containers.networkfiles import host_names, resolv_conf
from izba.engine.inside import inside
from izba.errors import Conflict
from izba.network import ipv4, ports
from izba.network.errors import NetworkNotFound
from izba.network.intents import Intent
from izba.network.plan import links_to_json, published_by
from izba.network.uses import Uses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.network.plan import LinkPlan
    from izba.network.store import Endpoint, EndpointRequest, Network


class SharesNetwork(Conflict):
    """The container has no network namespace of its own."""

    def __init__(self, container: Container, mode: str) -> None:
        super().__init__(f"container {container.name} has the network {mode}: it cannot be connected to others")


def connect(engine: Engine, network: Network, container: Container, request: EndpointRequest) -> None:
    """Connect it; if it runs, now. Raises `AlreadyConnected`, `SharesNetwork`, and what `networking.check` raises."""
    mode = container.host_config.get("NetworkMode", "host")
    if not networking.has_endpoints(mode):
        raise SharesNetwork(container, mode)
    networking.check(network, request)
    if lifecycle.state(container).monitor is None:
        with engine.store.db.transaction():
            _add(engine, network, container, request)
        _tell(engine, "connect", network, container)
        return
    run = networks_of.run_directory(engine)
    with Uses(run) as uses, Intent(run, kind="connect", network=network.id, container=container.id):
        uses.take([network.id])
        with _Turn(container):
            _connect_running(engine, network, container, request)


def _connect_running(engine: Engine, network: Network, container: Container, request: EndpointRequest) -> None:
    rows = networks_of.networks(engine)
    with engine.store.db.transaction():
        endpoint = _add(engine, network, container, request)
        network = networks_of.settled(engine, network)
        link = networking.link(engine, network, endpoint)
    try:
        pid = _tell_monitor(engine, container)
        if pid:
            _attach(engine, container, link, pid)
    except BaseException:
        rows.disconnect(container.id, network)
        _detach(engine, container, link.address, link.mac)
        raise
    _tell(engine, "connect", network, container)
    _rewrite_hosts(container, added=link.address)
    if network.has_names:
        _ask_izba(container)


def _tell_monitor(engine: Engine, container: Container) -> int:
    """Let its monitor know of its networks as they are now, for this run and the next; the pid of this run, or 0.

    That run began without knowing, so what changed is to be done in it.
    """
    rows = networks_of.networks(engine)
    found = (rows.find(each.network) for each in rows.of_container(container.id))
    names = any(network.has_names for network in found if network)
    links = links_to_json(networking.links_of(engine, container))
    try:
        answer = lifecycle.ask(container, {"verb": "networks", "links": links, "names": names})
    except lifecycle.NotRunning:
        return 0
    pid: int = answer.get("pid", lifecycle.state(container).pid)  # none from a monitor that is older than this izba
    return pid


def _attach(engine: Engine, container: Container, link: LinkPlan, pid: int) -> None:
    from izba.network.attach import attach_running
    from izba.network.bridge import forget_ports

    links = networking.links_of(engine, container)
    leading = published_by(links)
    is_leading = leading is not None and leading.network == link.network
    plan = networking.plan_of(engine, container, (link.replace(is_default=is_leading),))
    if is_leading and not plan.rootless:
        plan = plan.replace(ports=ports.recorded(container.directory))
    inside(engine, lambda: attach_running(plan, pid))
    if plan.ports and (before := published_by([each for each in links if each.network != link.network])):
        forget_ports(plan.ports, before.address)


def _add(engine: Engine, network: Network, container: Container, request: EndpointRequest) -> Endpoint:
    """The new endpoint. Within a transaction: the network may have been removed since somebody found it."""
    rows = networks_of.networks(engine)
    if rows.find(network.id) is None:
        raise NetworkNotFound(network.name)
    return rows.connect(container.id, network, request)


def disconnect(engine: Engine, network: Network, container: Container) -> None:
    """Take it out of the network; if it runs, its interface goes at once. Raises `NotConnected`."""
    rows = networks_of.networks(engine)
    endpoint = next((each for each in rows.of_container(container.id) if each.network == network.id), None)
    if endpoint is None or endpoint.address is None or lifecycle.state(container).monitor is None:
        rows.disconnect(container.id, network)
        _tell(engine, "disconnect", network, container)
        return
    address, mac = ipv4.text(endpoint.address), networking.mac_of(endpoint)
    told = {"network": network.id, "container": container.id, "address": address, "mac": mac.hex()}
    with Intent(networks_of.run_directory(engine), kind="disconnect", **told):
        with _Turn(container):
            rows.disconnect(container.id, network)
            _detach(engine, container, address, mac)
        _tell(engine, "disconnect", network, container)


def forget(engine: Engine, name: str, container: Container) -> bool:
    """Take the container out of a network that is gone, known by what it was called or by its id. Whether it was in."""
    rows = networks_of.networks(engine)
    found = [
        each
        for each in rows.of_container(container.id)
        if (name == each.name or each.network.startswith(name)) and rows.find(each.network) is None
    ]
    for endpoint in found:
        rows.forget(endpoint)
    return bool(found)


def _tell(engine: Engine, action: str, network: Network, container: Container) -> None:
    eventlog.emit(engine, "network", action, network.id, container=container.id, name=network.name, type=network.driver)


def detach(engine: Engine, container: Container, address: str, mac: bytes) -> None:
    """Take the interface away from the container, if it runs and has it; its ports lead to another one that it has."""
    with _Turn(container):
        _detach(engine, container, address, mac)


class _Turn:
    """`with _Turn(container):` nobody else changes its networks: what its monitor, its interfaces and its files are
    told comes in the order in which it was decided.
    """

    def __init__(self, container: Container) -> None:
        # No file that is bound into the container, which could hold the lock of it.
        self._path = f"{container.directory}/networks.lock"

    def __enter__(self) -> None:
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _detach(engine: Engine, container: Container, address: str, mac: bytes) -> None:
    from izba.network.attach import detach_running, publish_again

    if lifecycle.state(container).monitor is None:
        return
    remaining = networking.links_of(engine, container)
    if pid := _tell_monitor(engine, container):
        inside(engine, lambda: detach_running(pid, address, mac, remaining))
    if not engine.roots.rootless and (bindings := ports.recorded(container.directory)):
        publish_again(remaining, bindings, address)
    _rewrite_hosts(container, removed=address)


def _ask_izba(container: Container) -> None:
    """From its first network with names on, the container asks izba."""
    path = f"{container.directory}/resolv.conf"
    text = resolv_conf(container, servers=(), names=True)
    with open(path, encoding="utf-8") as file:
        if file.read() == text:
            return
    _rewrite(path, text)


def _rewrite_hosts(container: Container, *, added: str = "", removed: str = "") -> None:
    path = f"{container.directory}/hosts"
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    lines = [line for line in lines if not removed or line.partition("\t")[0] != removed]
    if added:
        lines.append(f"{added}\t{host_names(container, container.config.get('Hostname') or container.id[:12])}")
    _rewrite(path, "".join(f"{line}\n" for line in lines))


def _rewrite(path: str, text: str) -> None:
    """Change a file in place: it is bound into the container. Killed at any moment, one of the two texts is there."""
    data = text.encode()
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, data.ljust(os.fstat(fd).st_size, b"\n"))
        os.ftruncate(fd, len(data))
    finally:
        os.close(fd)
