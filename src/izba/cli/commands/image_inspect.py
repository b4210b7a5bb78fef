"""`izba image inspect`: all about images."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag
from izba.cli.output.inspection import print_found

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="image inspect",
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Display detailed information on one or more images",
    flags=(Flag(name="format", short="f", kind="string", help="Format output: 'json' or a Go template"),),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Print one JSON list, or a line of the template for each."""
    flags = COMMAND.parse(argv)
    with context.engine() as engine:
        return print_found(flags.arguments, engine.images.inspect, flags.text("format"))
