"""The verbs: name → module and summary, and the flags that come before one."""

from __future__ import annotations

from izba._record import Record
from izba.cli.options.flags import Command, Flag, columns

GLOBAL = Command(
    name="compose",
    usage="[OPTIONS] COMMAND",
    summary="Define and run multi-container applications",
    flags=(
        Flag(name="all-resources", help="Include all resources, even those not used by services"),
        Flag(name="ansi", kind="string", help='When to print colours: "never", "always" or "auto"'),
        Flag(name="compatibility", hidden=True),
        Flag(name="dry-run", help="Print what would be done, and do nothing"),
        Flag(name="env-file", kind="list", help="Specify an alternate environment file"),
        Flag(name="file", short="f", kind="list", help="Compose configuration files"),
        Flag(name="parallel", kind="int", help="How many things are done at once at most"),
        Flag(name="profile", kind="list", help="Specify a profile to enable"),
        Flag(name="progress", kind="string", help='How progress is shown: "auto", "tty", "plain" or "quiet"'),
        Flag(name="project-directory", kind="string", help="Directory that relative paths are relative to"),
        Flag(name="project-name", short="p", kind="string", help="Project name"),
        Flag(name="verbose", hidden=True),
        Flag(name="version", short="v", help="Show the version"),
    ),
    interspersed=False,
)


class Verb(Record):
    """A verb's module in `izba.cli.commands.compose`, and what it does."""

    module: str
    summary: str


def _read(text: str) -> dict[str, Verb]:
    rows = (line.split("|") for line in text.strip().splitlines())
    return {name.strip(): Verb(module=module.strip(), summary=summary.strip()) for name, module, summary in rows}


VERBS = _read("""
    config  | config  | Print the project's files as one, complete and in canonical form
""")

ALIASES = {"convert": "config"}
VERBS |= {alias: VERBS[name] for alias, name in ALIASES.items()}


class Overview(Command):
    """The help of `izba compose`, with the verbs."""

    def help(self) -> str:
        """What `--help` prints."""
        rows = [(name, verb.summary) for name, verb in VERBS.items() if name not in ALIASES]
        return f"{super().help()}\nCommands:\n{columns(rows)}\n"


def overview() -> Overview:
    """The command as its help shows it."""
    return Overview(name=GLOBAL.name, usage=GLOBAL.usage, summary=GLOBAL.summary, flags=GLOBAL.flags)
