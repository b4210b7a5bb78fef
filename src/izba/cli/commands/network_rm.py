"""`izba network rm`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="network rm",
    usage="NETWORK [NETWORK...]",
    summary="Remove one or more networks",
    aliases=("network remove",),
    flags=(Flag(name="force", short="f", help="Do not fail for networks that are not there"),),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Remove each, if no running container is connected."""
    flags = COMMAND.parse(argv)
    from izba.cli.main import report
    from izba.engine import upkeep
    from izba.engine.networks import remove, require
    from izba.errors import IzbaError
    from izba.network.errors import NetworkNotFound

    code = 0
    with context.engine() as engine:
        upkeep.look(engine)
        for name in flags.arguments:
            try:
                remove(engine, require(engine, name))
            except NetworkNotFound as error:
                if not flags.on("force"):
                    code = report(error, 1)
            except IzbaError as error:
                code = report(error, 1)
            else:
                print(name)
    return code
