"""`izba save`."""

from __future__ import annotations

from izba.cli.binary import Output
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="save",
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Save one or more images to a tar archive (streamed to STDOUT by default)",
    flags=(Flag(name="output", short="o", kind="string", help="Write to a file, instead of STDOUT"),),
    minimum=1,
    aliases=("image save",),
)


def run(context: Context, argv: list[str]) -> int:
    """Run the command."""
    flags = COMMAND.parse(argv)
    from izba.engine import archives

    with context.engine() as engine:
        engine.enter_user_namespace()
        selection = archives.select(engine, flags.arguments)  # before a file is begun
        with Output(flags.text("output"), what="save") as out:
            archives.save(engine, selection, out)
    return 0
