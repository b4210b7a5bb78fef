"""`izba secret ls`."""

from __future__ import annotations

from izba.cli.commands.kept import list_command, list_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = list_command("secret")


def run(context: Context, argv: list[str]) -> int:
    """List those that pass the filters."""
    return list_entries(context, "secrets", COMMAND.parse(argv))
