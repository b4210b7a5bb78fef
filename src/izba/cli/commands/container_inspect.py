"""`izba container inspect`: all about containers."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="container inspect",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Display detailed information on one or more containers",
    flags=(
        Flag(name="format", short="f", kind="string", help="Format output: 'json' or a Go template"),
        Flag(name="size", short="s", help="Display total file sizes"),
    ),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Print one JSON list, or a line of the template for each."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.inspection import print_found
    from izba.engine.containers.inspect import inspect
    from izba.engine.containers.model import require

    size = flags.on("size")
    with context.engine() as engine:
        return print_found(
            flags.arguments, lambda name: inspect(engine, require(engine, name), size=size), flags.text("format")
        )
