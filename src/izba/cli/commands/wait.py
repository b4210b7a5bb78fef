"""`izba wait`: wait for containers to end, and print their exit codes."""

from __future__ import annotations

from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="wait",
    usage="CONTAINER [CONTAINER...]",
    summary="Block until one or more containers stop, then print their exit codes",
    aliases=("container wait",),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Wait for each in turn."""
    flags = COMMAND.parse(argv)
    from izba.cli.each import each
    from izba.engine.containers.stop import wait

    return each(context.engine(), flags.arguments, wait)
