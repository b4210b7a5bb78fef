"""`izba unpause`: thaw all processes of containers."""

from __future__ import annotations

from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="unpause",
    usage="CONTAINER [CONTAINER...]",
    summary="Unpause all processes within one or more containers",
    aliases=("container unpause",),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Thaw each."""
    flags = COMMAND.parse(argv)
    from izba.cli.each import each
    from izba.engine.containers.pause import unpause

    return each(context.engine(), flags.arguments, unpause)
