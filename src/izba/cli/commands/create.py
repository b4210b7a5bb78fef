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
    from izba.cli.creation import create_with_image, write_cidfile
    from izba.cli.options.container import request
    from izba.engine.containers.start import make_spec

    engine = context.engine()
    engine.enter_user_namespace()
    container = create_with_image(engine, request(flags, detach=False), flags)
    try:
        make_spec(engine, container)  # what no container can have is refused now, not at its start
    except BaseException:
        from izba.engine.containers.remove import remove

        remove(engine, container, volumes=True)
        raise
    if path := flags.text("cidfile"):
        write_cidfile(path, container)
    print(container.id)
    return 0
