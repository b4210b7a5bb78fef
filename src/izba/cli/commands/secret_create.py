"""`izba secret create`."""

from __future__ import annotations

from izba.cli.commands.kept import create_command, create_entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = create_command("secret")


def run(context: Context, argv: list[str]) -> int:
    """Keep a file, or what standard input holds; print its name."""
    return create_entry(context, "secrets", COMMAND.parse(argv))
