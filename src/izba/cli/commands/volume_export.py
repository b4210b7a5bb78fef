"""`izba volume export`."""

from __future__ import annotations

from izba.cli.binary import Output
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="volume export",
    usage="[OPTIONS] VOLUME",
    summary="Export a volume's content as a tar archive",
    flags=(Flag(name="output", short="o", kind="string", help="Write to a file, instead of STDOUT"),),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Write the archive."""
    flags = COMMAND.parse(argv)
    from izba.engine.volumes import export, volumes

    engine = context.engine()
    engine.enter_user_namespace()
    volumes(engine).get(flags.arguments[0])
    with Output(flags.text("output"), what="export") as out:
        export(engine, flags.arguments[0], out)
    return 0
