"""What there is to complete: groups, commands, their flags, and what their arguments are."""

from __future__ import annotations

from izba._record import Record
from izba.cli.main import IZBA
from izba.cli.options.flags import Command, Flag
from izba.cli.table import ALIASES, COMMANDS, GROUPS, members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["container", "image", "volume", "file", ""]

NAMES = {
    "container": "izba ps --all --format '{{.Names}}'",
    "image": "izba images --format '{{.Repository}}:{{.Tag}}'",
    "volume": "izba volume ls --quiet",
}
"""The commands that list what an argument may be."""

_HELP = Flag(name="help", short="h", help="Print usage")


class Completed(Record):
    """A command under all its names. `names_one`: only its first argument is of `kind`, what follows is a command."""

    paths: tuple[str, ...]
    summary: str
    flags: tuple[Flag, ...]
    kind: Kind
    names_one: bool


def commands() -> tuple[Completed, ...]:
    """All commands, each once."""
    return tuple(_completed(name) for name in COMMANDS)


def top() -> dict[str, str]:
    """The words that may follow `izba`, with their summaries."""
    words = {name: entry.summary for name, entry in COMMANDS.items() if " " not in name}
    return dict(sorted((words | GROUPS).items()))


def groups() -> dict[str, dict[str, str]]:
    """The words that may follow each group."""
    return {group: {name: entry.summary for name, entry in members(group).items()} for group in GROUPS}


def global_flags() -> tuple[Flag, ...]:
    """The flags that may stand before a command."""
    return (*(flag for flag in IZBA.flags if not flag.hidden), _HELP)


def valued(flags: tuple[Flag, ...]) -> list[str]:
    """The spellings of the flags that take the next word."""
    return [spelling for flag in flags if flag.kind != "bool" for spelling in spellings(flag)]


def spellings(flag: Flag) -> list[str]:
    """`--all` and `-a`."""
    return [f"--{flag.name}", *([f"-{flag.short}"] if flag.short else [])]


def command_of(name: str) -> Command:
    """The declaration of the command in the table under `name`."""
    module = __import__(f"izba.cli.commands.{COMMANDS[name].module}", fromlist=("COMMAND",))
    command: Command = module.COMMAND
    return command


def _completed(name: str) -> Completed:
    command = command_of(name)
    aliases = (alias for alias, target in ALIASES.items() if target == name)
    return Completed(
        paths=(name, *aliases),
        summary=COMMANDS[name].summary,
        flags=(*(flag for flag in command.flags if not flag.hidden), _HELP),
        kind=_kind(command.usage),
        names_one=not command.interspersed,
    )


def _kind(usage: str) -> Kind:
    words = usage.upper()
    # The first argument decides: of `commit CONTAINER [REPOSITORY[:TAG]]` the container.
    kinds: tuple[tuple[str, Kind], ...] = (
        ("CONTAINER", "container"),
        ("IMAGE", "image"),
        ("VOLUME", "volume"),
        ("PATH", "file"),
        ("FILE", "file"),
    )
    found = [(words.index(word), kind) for word, kind in kinds if word in words]
    return min(found)[1] if found else ""
