"""What is wrong with a network, or with what is asked of it. Docker's sentences where clients match on them."""

from __future__ import annotations

from izba.errors import AlreadyExists, Conflict, Forbidden, InvalidArgument, NotFound, Unavailable


class NetworkNotFound(NotFound):
    """No network has this name, id or beginning of an id."""

    def __init__(self, name: str) -> None:
        super().__init__(f"network {name} not found", hint=f"`izba network create {name}` makes it")
        self.name = name


class NetworkGone(NotFound):
    """A container that is to be started has an endpoint in a network that was removed."""

    def __init__(self, name: str, container: str) -> None:
        super().__init__(
            f"network {name} not found",
            hint=f"`izba network create {name}` makes it again, or `izba network disconnect {name} {container}` "
            "does without it; then start the container",
        )
        self.name = name


class NetworkExists(AlreadyExists):
    """The name is taken."""

    def __init__(self, name: str) -> None:
        super().__init__(f"network with name {name} already exists")
        self.name = name


class NetworkInUse(Conflict):
    """Running containers are connected to the network."""

    def __init__(self, name: str, id: str, containers: tuple[str, ...]) -> None:
        super().__init__(
            f"error while removing network: network {name} id {id} has active endpoints ({', '.join(containers)})",
            hint=f"stop them, or `izba network disconnect {name} CONTAINER`",
        )
        self.name = name
        self.containers = containers


class PredefinedNetwork(Forbidden):
    """bridge, host and none are always there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is a pre-defined network and cannot be removed")
        self.name = name


class ReservedName(Forbidden):
    """The name stands for a network that is always there."""

    def __init__(self, name: str) -> None:
        super().__init__(f"operation is not permitted on predefined {name} network", hint="choose another name")
        self.name = name


class SubnetOverlaps(Conflict):
    """The subnet is used by another network or by a route of the host."""

    def __init__(self, subnet: str, holder: str) -> None:
        super().__init__(f"invalid pool request: {subnet} overlaps with {holder}", hint="choose another --subnet")
        self.subnet = subnet
        self.holder = holder


class BadSubnet(InvalidArgument):
    """No network can have these addresses."""

    def __init__(self, subnet: str, reason: str) -> None:
        super().__init__(f"invalid subnet {subnet}: {reason}", hint="private ones are in 10.0.0.0/8 and 172.16.0.0/12")
        self.subnet = subnet


class InterfaceInUse(Conflict):
    """The name that was asked for is another interface's of the same container."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the container has an interface {name} already", hint="choose another name for it")
        self.name = name


class InterfaceTaken(Conflict):
    """The name that a network's bridge was to have is another interface's, perhaps the bridge of `network`."""

    def __init__(self, name: str, network: str = "") -> None:
        super().__init__(
            f"the interface {name} is the bridge of network {network}"
            if network
            else f"the interface {name} is there already, and is no bridge of this izba's",
            hint="give another one with -o com.docker.network.bridge.name=NAME, or leave the choice to izba",
        )
        self.name = name


class PoolsExhausted(Unavailable):
    """Every subnet that izba would choose clashes with something."""

    def __init__(self) -> None:
        super().__init__(
            "could not find an available, non-overlapping IPv4 address pool for the network",
            hint="remove networks that are not used (`izba network prune`), or give one with --subnet",
        )


class AddressesExhausted(Unavailable):
    """Every address of the network is taken by a running container."""

    def __init__(self, name: str, subnet: str) -> None:
        super().__init__(f"no available IPv4 addresses on network {name} ({subnet})")
        self.name = name


class AddressInUse(Conflict):
    """Somebody else has the address."""

    def __init__(self, address: str, holder: str) -> None:
        super().__init__(f"Address already in use: {address} is container {holder}'s")
        self.address = address
        self.holder = holder


class BadAddress(InvalidArgument):
    """The address cannot be a container's of this network."""

    def __init__(self, address: str, subnet: str, reason: str) -> None:
        super().__init__(f"invalid address {address} for the network's subnet {subnet}: {reason}")
        self.address = address


class AlreadyConnected(Forbidden):
    """The container has an endpoint in the network."""

    def __init__(self, container: str, network: str) -> None:
        super().__init__(f"endpoint with name {container} already exists in network {network}")


class NotConnected(NotFound):
    """The container has no endpoint in the network."""

    def __init__(self, container: str, network: str) -> None:
        super().__init__(f"container {container} is not connected to network {network}")


class PortTaken(Conflict):
    """A port of the host that was to be published is taken; `holder` says by whom, where that can be seen."""

    def __init__(self, address: str, port: int, protocol: str, holder: str) -> None:
        place = f"{address}:{port}" if ":" not in address else f"[{address}]:{port}"
        super().__init__(
            f"cannot publish {place}/{protocol}: {holder or 'another program'} has the port",
            hint=f"publish another one, such as -p {port + 1 if port < 65535 else port - 1}:…, "
            "or leave the choice to the kernel with -p CONTAINER_PORT alone",
        )
        self.port = port
        self.holder = holder


class PortForbidden(Forbidden):
    """The port is below what this user may bind."""

    def __init__(self, port: int, first_free: int) -> None:
        super().__init__(
            f"cannot publish port {port}: ports below {first_free} need privileges that this user has not",
            hint=f"publish a port from {first_free} on, such as -p {port + 8000}:…, or let everybody have it with "
            f"`sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`",
        )
        self.port = port


class AddressNotLocal(InvalidArgument):
    """A port was to be published on an address that the host does not have."""

    def __init__(self, address: str) -> None:
        super().__init__(f"cannot publish on {address}: it is no address of this host")
        self.address = address


class NetworksUnavailable(Unavailable):
    """This machine, or what this process may do on it, has no bridges or no rules for them."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"networks cannot be made here: {reason}",
            hint="--network host shares the host's network; `izba doctor` says what this machine allows",
        )
        self.reason = reason
