"""`izba rm`: remove containers."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="rm",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Remove one or more containers",
    aliases=("container rm", "container remove"),
    flags=(
        Flag(name="force", short="f", help="Force the removal of a running container (uses SIGKILL)"),
        Flag(name="link", short="l", help="Remove the specified link", hidden=True),
        Flag(name="volumes", short="v", help="Remove anonymous volumes associated with the container"),
    ),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Remove each. With --force one that is not there is no error, as Docker has it."""
    flags = COMMAND.parse(argv)
    from izba.cli.each import each
    from izba.engine.containers.remove import remove

    if flags.on("link"):
        from izba.cli.options.flags import UsageError

        raise UsageError("--link is not supported: containers of this izba have no links")
    engine = context.engine()
    engine.enter_user_namespace()
    force = flags.on("force")
    return each(
        engine,
        flags.arguments,
        lambda container: remove(engine, container, force=force, volumes=flags.on("volumes")),
        missing_is_fine=force,
    )
