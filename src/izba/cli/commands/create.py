"""`izba create`: create a container without starting it."""

from __future__ import annotations

from izba.cli.options.containerflags import ALL
from izba.cli.options.flags import Command
from izba.errors import InvalidArgument

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

    try:
        asked = request(flags, detach=False)
    except (
        InvalidArgument
    ) as error:  # what flags ask for is judged before anything is done, as by Docker's command line
        error.exit_code = 125
        raise
    engine = context.engine()
    engine.enter_user_namespace()
    container = create_with_image(engine, asked, flags)
    print(container.id)
    return 0
