"""`izba network disconnect`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="network disconnect",
    usage="[OPTIONS] NETWORK CONTAINER",
    summary="Disconnect a container from a network",
    flags=(Flag(name="force", short="f", help="Force the container to disconnect from a network"),),
    minimum=2,
    maximum=2,
)


def run(context: Context, argv: list[str]) -> int:
    """Disconnect it, running or not."""
    flags = COMMAND.parse(argv)
    from izba.engine import upkeep
    from izba.engine.containers.connecting import disconnect, forget
    from izba.engine.containers.model import require as require_container
    from izba.engine.networks import require
    from izba.network.errors import NetworkNotFound

    name, wanted = flags.arguments
    with context.engine() as engine:
        upkeep.look(engine)
        container = require_container(engine, wanted)
        try:
            network = require(engine, name)
        except NetworkNotFound:
            if not forget(engine, name, container):
                raise
        else:
            disconnect(engine, network, container)
    return 0
