"""`izba config rm`."""

from __future__ import annotations

from izba.cli.commands.kept import remove_command, remove_entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = remove_command("config")


def run(context: Context, argv: list[str]) -> int:
    """Remove each."""
    return remove_entries(context, "configs", COMMAND.parse(argv))
