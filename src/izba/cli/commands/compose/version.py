"""`izba compose version`."""

from __future__ import annotations

from izba import __version__
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose version",
    usage="[OPTIONS]",
    summary="Show the Compose version information",
    flags=(
        Flag(name="format", short="f", kind="string", help='Format the output: "pretty" or "json"'),
        Flag(name="short", help="Shows only the version number"),
    ),
    maximum=0,
)


def run(_compose: ComposeContext, argv: list[str]) -> int:
    """Print it."""
    flags = COMMAND.parse(argv)
    if flags.text("format") == "json":
        print(f'{{"version":"{__version__}"}}')
    else:
        print(__version__ if flags.on("short") else f"izba compose version {__version__}")
    return 0
