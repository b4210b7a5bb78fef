"""docs/cli.md: every command with its usage and flags, from the tables that the commands are made from."""

from __future__ import annotations

from izba.cli.completion.model import command_of
from izba.cli.main import IZBA
from izba.cli.table import ALIASES, COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Command, Flag

_HEAD = """\
# izba's commands

The names, flags and columns are Docker's; a command that Docker has not is marked. This page is made from the tables
that the commands are made from: `IZBA_UPDATE_GOLDEN=1 .venv/bin/pytest tests/cli/test_reference.py` writes it.

`izba COMMAND --help` prints the same; `izba completion bash|zsh|fish` prints a completion script.
"""

_OWN = frozenset({"doctor", "image bootstrap", "registry serve", "system check"})
"""Commands that Docker has not."""


def markdown() -> str:
    """The whole page."""
    sections = [_HEAD, _global()]
    sections += [_section(name, command_of(name)) for name in sorted(COMMANDS, key=_order)]
    return "\n".join(sections)


def _order(name: str) -> tuple[str, str]:
    group, _, verb = name.rpartition(" ")
    return group, verb


def _global() -> str:
    return "\n".join(["## izba", "", f"    izba {IZBA.usage}", "", *_flags(IZBA.flags)])


def _section(name: str, command: Command) -> str:
    lines = [f"## izba {name}", ""]
    own = " (izba's own)" if name in _OWN else ""
    lines += [f"{COMMANDS[name].summary}{own}.", "", f"    izba {name} {command.usage}".rstrip(), ""]
    aliases = sorted(alias for alias, target in ALIASES.items() if target == name)
    if aliases:
        lines += ["Also " + ", ".join(f"`izba {alias}`" for alias in aliases) + ".", ""]
    return "\n".join([*lines, *_flags(command.flags)])


def _flags(every: tuple[Flag, ...]) -> list[str]:
    flags = [flag for flag in every if not flag.hidden]
    if not flags:
        return []
    rows = [f"| {_spelled(flag)} | {_cell(flag.help)} |" for flag in sorted(flags, key=lambda flag: flag.name)]
    return ["| flag | what it does |", "|---|---|", *rows, ""]


def _spelled(flag: Flag) -> str:
    value = f" {flag.shown or flag.kind}" if flag.kind != "bool" else ""
    short = f"`-{flag.short}`, " if flag.short else ""
    return _cell(f"{short}`--{flag.name}{value}`")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
