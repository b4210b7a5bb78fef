"""`izba compose logs`: what services wrote, in the order of time."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.commands.compose.lines import LinePrinter
    from izba.compose.project import Project
    from izba.engine.engine import Engine

COMMAND = Command(
    name="compose logs",
    usage="[OPTIONS] [SERVICE...]",
    summary="View output from containers",
    flags=(
        Flag(name="follow", short="f", help="Follow log output"),
        Flag(name="index", kind="int", help="Index of the container if service has multiple replicas"),
        Flag(name="no-color", help="Produce monochrome output"),
        Flag(name="no-log-prefix", help="Don't print prefix in logs"),
        Flag(name="since", kind="string", help="Show logs since timestamp (2013-01-02T13:23:37Z) or relative (42m)"),
        Flag(name="tail", short="n", kind="string", help="Number of lines to show from the end for each container"),
        Flag(name="timestamps", short="t", help="Show timestamps"),
        Flag(name="until", kind="string", help="Show logs before a timestamp (2013-01-02T13:23:37Z) or relative (42m)"),
    ),
)

_LOOK = 0.5
"""Seconds between two looks for containers that came since."""


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Print them, and with --follow those to come."""
    flags = COMMAND.parse(argv)
    from izba.cli.commands.compose.lines import LinePrinter, wants_colour
    from izba.cli.commands.logs import tail
    from izba.cli.options.moments import moment
    from izba.compose.observe import number_of
    from izba.compose.verbs.lifecycle import of_services
    from izba.compose.verbs.logs import recorded
    from izba.engine.containers.logs import LogQuery

    engine = compose.context.engine()
    project = compose.project(flags.arguments)
    now = time.time_ns()
    query = LogQuery(
        tail=tail(flags.text("tail") or "all"),
        since=moment(text, now) if (text := flags.text("since")) else 0,
        until=moment(text, now) if (text := flags.text("until")) else 0,
    )
    index = flags.number("index")
    containers = [
        container
        for container in of_services(engine, project, flags.arguments)
        if index is None or number_of(container) == index
    ]
    printer = LinePrinter(
        containers,
        project.name,
        colour=wants_colour(compose.ansi, never=flags.on("no-color")),
        prefix=not flags.on("no-log-prefix"),
        times=flags.on("timestamps"),
    )
    if not flags.on("follow"):
        for line in recorded(containers, query):
            printer.print(line)
        return 0
    last: dict[str, str] = {}
    for line in recorded(containers, query):
        printer.print(line)
        last[line.container.id] = line.entry.time
    _follow(engine, project, flags.arguments, last, printer)
    return 0


def _follow(
    engine: Engine, project: Project, names: tuple[str, ...], last: dict[str, str], printer: LinePrinter
) -> None:
    """What is written from now on, by those that run and by those that come, until none runs."""
    from threading import Thread

    from izba.compose.verbs.lifecycle import of_services
    from izba.compose.verbs.logs import Follower
    from izba.engine.containers import lifecycle
    from izba.engine.containers.logs import LogQuery
    from izba.timestamps import parse_time

    follower = Follower()
    known: set[str] = set()

    def look() -> None:
        for container in of_services(engine, project, names):
            if container.id not in known and lifecycle.state(container).is_running:
                known.add(container.id)
                shown = last.get(container.id)
                follower.add(container, LogQuery(follow=True, since=parse_time(shown) + 1 if shown else 0))

    def keep_looking() -> None:
        while True:
            time.sleep(_LOOK)
            look()

    look()
    Thread(target=keep_looking, daemon=True).start()
    for line in follower.lines():
        printer.print(line)
