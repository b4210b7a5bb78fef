"""`izba logs`: what a container wrote."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="logs",
    usage="[OPTIONS] CONTAINER",
    summary="Fetch the logs of a container",
    aliases=("container logs",),
    flags=(
        Flag(name="details", help="Show extra details provided to logs"),
        Flag(name="follow", short="f", help="Follow log output"),
        Flag(name="since", kind="string", help="Show logs since timestamp (2013-01-02T13:23:37Z) or relative (42m)"),
        Flag(name="tail", short="n", kind="string", help="Number of lines to show from the end (default all)"),
        Flag(name="timestamps", short="t", help="Show timestamps"),
        Flag(name="until", kind="string", help="Show logs before a timestamp (2013-01-02T13:23:37Z) or relative (42m)"),
    ),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Write them where the container did: to stdout and stderr."""
    flags = COMMAND.parse(argv)
    from izba.cli.options.moments import moment
    from izba.cli.streams import write_all
    from izba.engine.containers.logs import LogQuery, read
    from izba.engine.containers.model import require

    now = time.time_ns()
    query = LogQuery(
        tail=tail(flags.text("tail") or "all"),
        since=moment(text, now) if (text := flags.text("since")) else 0,
        until=moment(text, now) if (text := flags.text("until")) else 0,
        follow=flags.on("follow"),
    )
    container = require(context.engine(), flags.arguments[0])
    stamped = flags.on("timestamps")
    for entry in read(container, query):
        text = f"{entry.time} {entry.text}" if stamped else entry.text
        write_all(2 if entry.stream == "stderr" else 1, text.encode())
    return 0


def tail(text: str) -> int:
    """How many lines `--tail` means; -1 is all. Raises `UsageError`."""
    if text == "all" or (text.startswith("-") and text[1:].isdecimal()):
        return -1
    if not text.isdecimal():
        raise UsageError(f'invalid argument "{text}" for "--tail" flag: a number or "all"')
    return int(text)
