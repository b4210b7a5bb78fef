"""`izba network inspect`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="network inspect",
    usage="[OPTIONS] NETWORK [NETWORK...]",
    summary="Display detailed information on one or more networks",
    flags=(
        Flag(name="format", short="f", kind="string", help="Format output: 'json' or a Go template"),
        Flag(name="verbose", short="v", help="Verbose output for diagnostics"),
    ),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Print one JSON list, or a line of the template for each."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.inspection import print_found
    from izba.engine import upkeep
    from izba.engine.networks import inspect, require

    with context.engine() as engine:
        upkeep.look(engine)
        return print_found(flags.arguments, lambda name: inspect(engine, require(engine, name)), flags.text("format"))
