"""`izba volume inspect`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="volume inspect",
    usage="[OPTIONS] VOLUME [VOLUME...]",
    summary="Display detailed information on one or more volumes",
    flags=(Flag(name="format", short="f", kind="string", help="Format output: 'json' or a Go template"),),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Print one JSON list, or a line of the template for each."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.inspection import print_found
    from izba.engine.volumes import inspect

    with context.engine() as engine:
        return print_found(flags.arguments, lambda name: inspect(engine, name), flags.text("format"))
