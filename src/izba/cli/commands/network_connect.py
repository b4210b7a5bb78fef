"""`izba network connect`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

_REFUSED = ("ip6", "link", "link-local-ip")

COMMAND = Command(
    name="network connect",
    usage="[OPTIONS] NETWORK CONTAINER",
    summary="Connect a container to a network",
    flags=(
        Flag(name="alias", kind="list", shown="strings", help="Add network-scoped alias for the container"),
        Flag(name="driver-opt", kind="list", shown="strings", help="Option of the endpoint: its interface's name"),
        Flag(name="gw-priority", kind="int", help="The network with the highest has the default route"),
        Flag(name="ip", kind="string", help="IPv4 address (e.g., 172.30.100.104)"),
        *(Flag(name=name, kind="list", hidden=True) for name in _REFUSED),
    ),
    minimum=2,
    maximum=2,
)


def run(context: Context, argv: list[str]) -> int:
    """Connect it, running or not."""
    flags = COMMAND.parse(argv)
    for name in _REFUSED:
        if flags.given(name):
            raise UsageError(f"--{name} is not supported")
    from izba.cli.options.network import interface_of
    from izba.engine import upkeep
    from izba.engine.containers.connecting import connect
    from izba.engine.containers.model import require as require_container
    from izba.engine.networks import require
    from izba.network.store import EndpointRequest

    name, container = flags.arguments
    with context.engine() as engine:
        upkeep.look(engine)
        network = require(engine, name)
        request = EndpointRequest(
            network=name,
            aliases=flags.all("alias"),
            address=flags.text("ip") or "",
            interface=interface_of(flags.all("driver-opt")),
            gateway_priority=flags.number("gw-priority") or 0,
        )
        connect(engine, network, require_container(engine, container), request)
    return 0
