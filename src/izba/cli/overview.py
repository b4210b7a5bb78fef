"""The help of `izba` and of its groups: which commands there are."""

from __future__ import annotations

from izba.cli.options.flags import Command, columns
from izba.cli.table import COMMANDS, COMMON, GROUPS, members


def overview(izba: Command) -> str:
    """What `izba` and `izba --help` print."""
    rest = sorted(name for name in COMMANDS if " " not in name and name not in COMMON)
    parts = [
        f"Usage:  izba {izba.usage}",
        izba.summary,
        "Common Commands:\n" + columns([(name, COMMANDS[name].summary) for name in COMMON]),
        "Management Commands:\n" + columns(sorted(GROUPS.items())),
        "Commands:\n" + columns([(name, COMMANDS[name].summary) for name in rest]),
        "Global Options:\n" + izba.options(),
        "Run 'izba COMMAND --help' for more information on a command.",
    ]
    return "\n\n".join(parts) + "\n"


def group_command(group: str) -> Command:
    """A group as a command that can only tell its help."""
    rows = [(name, entry.summary) for name, entry in members(group).items()]
    return Command(name=group, usage="COMMAND", summary=f"{GROUPS[group]}\n\nCommands:\n{columns(rows)}")
