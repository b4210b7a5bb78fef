"""`izba diff`: what a container changed over its image."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command
from izba.cli.printable import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="diff",
    usage="CONTAINER",
    summary="Inspect changes to files or directories on a container's filesystem",
    aliases=("container diff",),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Print a line for each change: (A)dded, (C)hanged or (D)eleted."""
    flags = COMMAND.parse(argv)
    from izba.engine.containers.diff import diff
    from izba.engine.containers.model import require

    with context.engine() as engine:
        engine.enter_user_namespace()
        for change in diff(engine, require(engine, flags.arguments[0])):
            sys.stdout.write(f"{change.kind} {printable(change.path)}\n")
    return 0
