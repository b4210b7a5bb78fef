"""Published ports on the host's side: reserving them, so that nobody else gets them, and naming who has one already.

Whoever watches the container holds a socket for each port as long as it lives, as Docker's proxy does. As root nothing
comes in by it: the kernel sends what arrives straight to the container (`nft`). Where nft cannot, on IPv6 and for an
ordinary user, the networks' own process listens on it (`service`).
"""

from __future__ import annotations

import errno
import os
from _socket import (
    AF_INET,
    AF_INET6,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    SO_REUSEADDR,
    SOCK_CLOEXEC,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)

from izba import jsonio
from izba.network.errors import AddressNotLocal, PortForbidden, PortTaken
from izba.network.plan import PortBinding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

FILE = "network.json"
"""In a container's directory while it runs: the ports it has, those included that the kernel chose."""

_TRIES = 64
ANY, ANY_6 = "0.0.0.0", "::"  # noqa: S104 - every address of the host is what Docker's users expect of -p


class Reserved:
    """The ports of one container, held. `bindings` have every port number; `sockets` are in the order of `places`."""

    def __init__(self) -> None:
        self.bindings: tuple[PortBinding, ...] = ()
        self.places: list[PortBinding] = []
        self.sockets: list[socket] = []

    def close(self) -> None:
        """Let go of them."""
        for each in self.sockets:
            each.close()
        self.sockets = []


def reserve(bindings: Sequence[PortBinding], *, containers: str) -> Reserved:
    """Reserve all or none. `containers` is where containers' directories are, to name the holder of a taken port.

    Raises `PortTaken`, `PortForbidden`, `AddressNotLocal`.
    """
    reserved = Reserved()
    try:
        reserved.bindings = tuple(_reserve_any(reserved, binding, containers) for binding in bindings)
    except BaseException:
        reserved.close()
        raise
    return reserved


def _reserve_any(reserved: Reserved, binding: PortBinding, containers: str) -> PortBinding:
    for port in range(binding.host_port, binding.host_last):
        try:
            return _reserve(reserved, binding.replace(host_port=port, host_last=0), containers)
        except PortTaken:
            continue
    return _reserve(
        reserved, binding.replace(host_port=binding.host_last or binding.host_port, host_last=0), containers
    )


def _reserve(reserved: Reserved, binding: PortBinding, containers: str) -> PortBinding:
    addresses = (binding.host_ip,) if binding.host_ip else every_address()
    for _ in range(_TRIES if binding.host_port == 0 else 1):
        held: list[socket] = []
        port = binding.host_port
        try:
            for address in addresses:
                held.append(_bind(address, port, binding.protocol))
                port = held[0].getsockname()[1]
        except OSError as error:
            for each in held:
                each.close()
            if error.errno == errno.EADDRINUSE and binding.host_port == 0:
                continue  # the kernel's choice is free on IPv4 only
            twice = next((each for each in reserved.places if _is_same_port(each, binding)), None)
            who = f"its own port {twice.container_port}" if twice else ""
            raise _explained(error, binding, containers, who) from None
        chosen = binding.replace(host_port=port)
        reserved.sockets += held
        reserved.places += [chosen.replace(host_ip=address) for address in addresses]
        return chosen
    raise PortTaken(binding.host_ip or ANY, 0, binding.protocol, "")


def every_address() -> tuple[str, ...]:
    """What "every address of this host" is."""
    return (ANY, ANY_6) if os.path.exists("/proc/net/if_inet6") else (ANY,)


def _bind(address: str, port: int, protocol: str) -> socket:
    family = AF_INET6 if ":" in address else AF_INET
    made = socket(family, (SOCK_STREAM if protocol == "tcp" else SOCK_DGRAM) | SOCK_CLOEXEC, 0)
    try:
        if family == AF_INET6:
            made.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
        if protocol == "tcp":  # old connections of a container before it are no hindrance
            made.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        made.bind((address, port))
        if protocol == "tcp":
            # A port that is only bound can be bound once more by whoever asks for SO_REUSEADDR; one in use cannot.
            made.listen(1024)
    except BaseException:
        made.close()
        raise
    return made


def _is_same_port(one: PortBinding, other: PortBinding) -> bool:
    return (one.host_port, one.protocol) == (other.host_port, other.protocol)


def _explained(error: OSError, binding: PortBinding, containers: str, who: str) -> Exception:
    if error.errno == errno.EADDRINUSE:
        who = who or holder(binding, containers)
        return PortTaken(binding.host_ip or ANY, binding.host_port, binding.protocol, who)
    if error.errno == errno.EACCES:
        return PortForbidden(binding.host_port, _first_free())
    if error.errno == errno.EADDRNOTAVAIL:
        return AddressNotLocal(binding.host_ip)
    return error


def _first_free() -> int:
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="utf-8") as file:
        return int(file.read())


# -- which ports running containers have


def record(directory: str, bindings: Sequence[PortBinding]) -> None:
    """Write down the ports of the container whose directory it is."""
    jsonio.write(
        f"{directory}/{FILE}",
        [[each.host_ip, each.host_port, each.container_port, each.protocol] for each in bindings],
        durable=False,
    )


def recorded(directory: str) -> tuple[PortBinding, ...]:
    """The ports of the container, if it runs: the file of one that was killed is as wrong as it."""
    try:
        rows = jsonio.read(f"{directory}/{FILE}")
    except FileNotFoundError:
        return ()
    return tuple(
        PortBinding(host_ip=host_ip, host_port=host_port, container_port=container_port, protocol=protocol)
        for host_ip, host_port, container_port, protocol in rows
    )


def forget(directory: str) -> None:
    """The container ended."""
    try:
        os.unlink(f"{directory}/{FILE}")
    except FileNotFoundError:
        return


# -- who has a port


def holder(binding: PortBinding, containers: str) -> str:
    """A container of this izba, a process of this machine, or empty where that cannot be seen."""
    for id in os.listdir(containers) if os.path.isdir(containers) else ():
        for other in recorded(f"{containers}/{id}"):
            if _is_same_port(other, binding):
                return f"container {id[:12]}"
    inodes = _inodes(binding.host_port, binding.protocol)
    for pid in filter(str.isdigit, os.listdir("/proc")) if inodes else ():
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                if os.readlink(f"/proc/{pid}/fd/{fd}") in inodes:
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                        return f"{file.read().strip()} (pid {pid})"
        except OSError:  # ended meanwhile, or another user's
            continue
    return ""


def _inodes(port: int, protocol: str) -> set[str]:
    """What `/proc/<pid>/fd` calls the sockets that are bound to the port."""
    found = set()
    for name in (protocol, f"{protocol}6"):
        try:
            with open(f"/proc/net/{name}", encoding="utf-8") as file:
                rows = [line.split() for line in file][1:]
        except FileNotFoundError:
            continue
        bound = "0A" if protocol == "tcp" else "07"  # LISTEN, and what UDP sockets are in
        found |= {
            f"socket:[{row[9]}]" for row in rows if row[3] == bound and int(row[1].rpartition(":")[2], 16) == port
        }
    return found
