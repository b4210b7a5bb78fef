"""`izba secret inspect`."""

from __future__ import annotations

from izba.cli.commands.kept import inspect_command, inspect_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = inspect_command("secret")


def run(context: Context, argv: list[str]) -> int:
    """Print one JSON list, or a line of the template for each."""
    return inspect_entries(context, "secrets", COMMAND.parse(argv))
