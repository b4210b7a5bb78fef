"""`izba create`: create a container without starting it."""

from __future__ import annotations

from izba.cli.options.containerflags import ALL
from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="create",
    usage="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Create a new container",
    aliases=("container create",),
    flags=ALL,
    minimum=1,
    interspersed=False,
)


def run(context: Context, argv: list[str]) -> int:
    """Create it; print its id."""
    flags = COMMAND.parse(argv)
    from izba.cli.creation import create_with_image
    from izba.cli.options.container import request

    engine = context.engine()
    engine.enter_user_namespace()
    container = create_with_image(engine, request(flags, detach=False), flags)
    print(container.id)
    return 0
