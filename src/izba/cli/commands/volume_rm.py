"""`izba volume rm`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="volume rm",
    usage="[OPTIONS] VOLUME [VOLUME...]",
    summary="Remove one or more volumes",
    aliases=("volume remove",),
    flags=(Flag(name="force", short="f", help="Do not fail for volumes that are not there"),),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Remove each, if nobody uses it."""
    flags = COMMAND.parse(argv)
    from izba.cli.main import report
    from izba.engine.volumes import remove
    from izba.errors import IzbaError

    code = 0
    with context.engine() as engine:
        engine.enter_user_namespace()
        for name in flags.arguments:
            try:
                remove(engine, name, force=flags.on("force"))
            except IzbaError as error:
                code = report(error, 1)
            else:
                print(name)
    return code
