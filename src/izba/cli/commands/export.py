"""`izba export`."""

from __future__ import annotations

from izba.cli.binary import Output
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="export",
    usage="[OPTIONS] CONTAINER",
    summary="Export a container's filesystem as a tar archive",
    flags=(Flag(name="output", short="o", kind="string", help="Write to a file, instead of STDOUT"),),
    minimum=1,
    maximum=1,
    aliases=("container export",),
)


def run(context: Context, argv: list[str]) -> int:
    """Run the command."""
    flags = COMMAND.parse(argv)
    from izba.engine import archives
    from izba.engine.containers.model import require

    with context.engine() as engine:
        engine.enter_user_namespace()
        require(engine, flags.arguments[0])
        with Output(flags.text("output"), what="export") as out:
            archives.export(engine, flags.arguments[0], out)
    return 0
