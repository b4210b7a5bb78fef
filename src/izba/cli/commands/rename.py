"""`izba rename`: give a container another name."""

from __future__ import annotations

from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="rename",
    usage="CONTAINER NEW_NAME",
    summary="Rename a container",
    aliases=("container rename",),
    minimum=2,
    maximum=2,
)


def run(context: Context, argv: list[str]) -> int:
    """Rename it."""
    flags = COMMAND.parse(argv)
    from izba.engine.containers.model import require
    from izba.engine.containers.rename import rename

    engine = context.engine()
    rename(engine, require(engine, flags.arguments[0]), flags.arguments[1])
    return 0
