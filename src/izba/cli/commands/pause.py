"""`izba pause`: freeze all processes of containers."""

from __future__ import annotations

from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="pause",
    usage="CONTAINER [CONTAINER...]",
    summary="Pause all processes within one or more containers",
    aliases=("container pause",),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Freeze each."""
    flags = COMMAND.parse(argv)
    from izba.cli.each import each
    from izba.engine.containers.pause import pause

    return each(context.engine(), flags.arguments, pause)
