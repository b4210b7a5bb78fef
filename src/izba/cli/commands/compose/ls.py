"""`izba compose ls`: the projects that have containers."""

from __future__ import annotations

import sys

from izba._record import Record
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.engine.engine import Engine

COMMAND = Command(
    name="compose ls",
    usage="[OPTIONS]",
    summary="List running compose projects",
    flags=(
        Flag(name="all", short="a", help="Show all stopped projects"),
        Flag(name="filter", kind="list", shown="name=PATTERN", help="Show projects whose name has this in it"),
        Flag(name="format", kind="string", help='Format the output: "table" or "json"'),
        Flag(name="quiet", short="q", help="Only display project names"),
    ),
    maximum=0,
)


class _Row(Record):
    """One project."""

    name: str
    status: str
    files: str


def run(compose: ComposeContext, argv: list[str]) -> int:
    """List them."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.listing import Field, Listing

    engine = compose.context.engine()
    patterns = [text.partition("=")[2] for text in flags.all("filter")]
    rows = [
        row
        for row in _projects(engine)
        if (flags.on("all") or "running" in row.status) and all(pattern in row.name for pattern in patterns)
    ]
    if flags.on("quiet"):
        sys.stdout.write("".join(f"{row.name}\n" for row in rows))
        return 0
    fields = {
        "Name": Field(header="NAME", value=lambda row: row.name),
        "Status": Field(header="STATUS", value=lambda row: row.status),
        "ConfigFiles": Field(header="CONFIG FILES", value=lambda row: row.files),
    }
    sys.stdout.write(Listing(kind="Project", fields=fields, table=tuple(fields)).show(rows, flags.text("format")))
    return 0


def _projects(engine: Engine) -> list[_Row]:
    from izba.compose import labels
    from izba.compose.observe import label, owner
    from izba.engine.containers import lifecycle
    from izba.engine.containers.model import Container

    states: dict[str, dict[str, int]] = {}
    files: dict[str, str] = {}
    for row in engine.store.containers.all():
        container = Container(engine, row)
        name = owner(container)
        if name:
            status = lifecycle.state(container).status
            counts = states.setdefault(name, {})
            counts[status] = counts.get(status, 0) + 1
            files[name] = label(container, labels.CONFIG_FILES)
    return [
        _Row(name=name, status=", ".join(f"{s}({n})" for s, n in sorted(states[name].items())), files=files[name])
        for name in sorted(states)
    ]
