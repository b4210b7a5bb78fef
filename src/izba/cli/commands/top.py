"""`izba top`: display the running processes of a container."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command
from izba.cli.output.columns import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="top",
    usage="CONTAINER [ps OPTIONS]",
    summary="Display the running processes of a container",
    aliases=("container top",),
    minimum=1,
    interspersed=False,
)


def run(context: Context, argv: list[str]) -> int:
    """Print a table of them."""
    flags = COMMAND.parse(argv)
    from izba.engine.containers.model import require
    from izba.engine.containers.top import top

    name, *options = flags.arguments
    with context.engine() as engine:
        table = top(engine, require(engine, name), options)
    sys.stdout.write(align([table.titles, *table.rows], least=20))
    return 0
