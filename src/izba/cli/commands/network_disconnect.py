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
    from izba.engine.containers.connecting import disconnect
    from izba.engine.containers.model import require as require_container
    from izba.engine.networks import require

    name, container = flags.arguments
    with context.engine() as engine:
        upkeep.look(engine)
        disconnect(engine, require(engine, name), require_container(engine, container))
    return 0
