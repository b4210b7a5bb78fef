"""hosts, hostname and resolv.conf of a container, written at each start into its directory."""

from __future__ import annotations

import os

from izba.errors import InvalidArgument
from izba.network import files
from izba.network.plan import HELPER_ADDRESS, HELPER_RESOLVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.engine.containers.model import Container
    from izba.network.plan import NetworkPlan


NAMES = ("resolv.conf", "hostname", "hosts")


def write_network_files(container: Container, plan: NetworkPlan | None) -> None:
    """Write them. `plan` has the addresses of a container with networks of izba's.

    Who has another container's network has its files bound over its own, which stay copies for whoever has its.
    """
    if (other := sharing(container)) is not None:
        texts = {name: _read(f"{other.directory}/{name}") for name in NAMES}
    else:
        hostname = _hostname(container)
        servers, names = _servers(container, plan), plan is not None and plan.names
        texts = {
            "hosts": _hosts(container, plan, hostname),
            "hostname": f"{hostname}\n",
            "resolv.conf": resolv_conf(container, servers=servers, names=names),
        }
    for name, text in texts.items():
        fd = os.open(f"{container.directory}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, text.encode())
            os.fchmod(fd, 0o644)
        finally:
            os.close(fd)


def sharing(container: Container) -> Container | None:
    """The container whose network it has, with `--network container:NAME`. Raises `ContainerNotFound`."""
    mode = container.host_config.get("NetworkMode", "host")
    if not mode.startswith("container:"):
        return None
    from izba.engine.containers.model import require

    return require(container.engine, mode.removeprefix("container:"))


def hostname_of(container: Container) -> str:
    """The name that a container was started with."""
    return _read(f"{container.directory}/hostname").strip()


def extra_host(text: str) -> tuple[str, str]:
    """`--add-host NAME:ADDRESS` or `NAME=ADDRESS`. Raises `InvalidArgument`."""
    name, separator, address = text.partition("=" if "=" in text else ":")
    if not separator or not name or not address:
        raise InvalidArgument(f'bad format for add-host: "{text}"', hint="write NAME:ADDRESS")
    return name, address.strip("[]")


def _hosts(container: Container, plan: NetworkPlan | None, hostname: str) -> str:
    host = container.host_config
    on_host = host.get("NetworkMode", "host") == "host"
    lines = []
    for text in host.get("ExtraHosts") or ():
        name, address = extra_host(text)
        lines.append((name, _gateway(plan) if address == "host-gateway" else address))
    if plan is not None:
        names = host_names(container, hostname)
        lines += [(names, link.address) for link in plan.links]
        if plan.helper:
            lines.append((names, HELPER_ADDRESS))
    elif not on_host:
        lines.append((hostname, "127.0.0.1"))
    return files.hosts(lines, base=_read("/etc/hosts") if on_host else files.LOOPBACK)


def host_names(container: Container, hostname: str) -> str:
    """What a container finds itself by: with its domain, then up to the first dot."""
    domain = container.config.get("Domainname")
    full = f"{hostname}.{domain}" if domain else hostname
    return " ".join(dict.fromkeys((full, full.partition(".")[0], hostname)))


def _gateway(plan: NetworkPlan | None) -> str:
    """Where the container finds the host: the bridge, or for an ordinary user, whose bridge the host does not see,
    the host's own address.
    """
    if plan is not None and plan.rootless:
        return files.host_address()
    if plan is None or not plan.links:
        return "127.0.0.1"
    return next((link.gateway for link in plan.links if link.is_default), plan.links[0].gateway)


def resolv_conf(container: Container, *, servers: Sequence[str], names: bool) -> str:
    """The container's: with `names` izba answers it, which asks others in turn; without, `servers` do."""
    host = container.host_config
    options = list(host.get("DnsOptions") or ())
    if names:
        servers = (files.RESOLVER,)
        if not any(option.startswith("ndots:") for option in options):
            options.append("ndots:0")
    return files.resolv_conf(
        _read("/etc/resolv.conf"), servers=servers, search=host.get("DnsSearch") or (), options=options
    )


def _servers(container: Container, plan: NetworkPlan | None) -> Sequence[str]:
    """Those asked for; on a network, those of the host's that can be reached from there."""
    servers = container.host_config.get("Dns") or ()
    if servers or plan is None:
        return servers
    if plan.helper:
        return (HELPER_RESOLVER,)
    return [server for server in files.name_servers() if files.is_reachable(server)]


def _hostname(container: Container) -> str:
    if hostname := container.config.get("Hostname"):
        return hostname
    host = container.host_config
    if "host" in {host.get("NetworkMode", "host"), host.get("UTSMode", "")}:
        return os.uname().nodename
    return container.id[:12]


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1 << 20)
    except FileNotFoundError:
        return ""
