"""`izba logs`: what a container wrote."""

from __future__ import annotations

import time
from itertools import groupby
from operator import itemgetter

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

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
    from izba.engine.containers.logs import LogQuery, blocks
    from izba.engine.containers.model import require

    now = time.time_ns()
    query = LogQuery(
        tail=tail(flags.text("tail") or "all"),
        since=moment(text, now) if (text := flags.text("since")) else 0,
        until=moment(text, now) if (text := flags.text("until")) else 0,
        follow=flags.on("follow"),
    )
    container = require(context.engine(), flags.arguments[0])
    show = _Shown(stamped=flags.on("timestamps"), detailed=flags.on("details"))
    for block in blocks(container, query):
        for stream, records in groupby(block, itemgetter("stream")):
            write_all(2 if stream == "stderr" else 1, show(stream, records).encode())
    return 0


class _Shown:
    """Records as text. A line that was cut into several records has its time before the first."""

    def __init__(self, *, stamped: bool, detailed: bool) -> None:
        self._stamped = stamped
        self._detailed = detailed
        self._within: set[str] = set()

    def __call__(self, stream: str, records: Iterable[dict[str, Any]]) -> str:
        if not self._stamped and not self._detailed:
            return "".join([record["log"] for record in records])
        return "".join([self._prefix(stream, record) + record["log"] for record in records])

    def _prefix(self, stream: str, record: dict[str, Any]) -> str:
        goes_on = stream in self._within
        (self._within.discard if record["log"].endswith("\n") else self._within.add)(stream)
        if goes_on:
            return ""
        stamp = f"{record['time']} " if self._stamped else ""
        return stamp + (f"{_details(record.get('attrs', {}))} " if self._detailed else "")


def _details(attributes: dict[str, str]) -> str:
    from urllib.parse import quote_plus

    return ",".join(f"{quote_plus(name)}={quote_plus(attributes[name])}" for name in sorted(attributes))


def tail(text: str) -> int:
    """How many lines `--tail` means; -1 is all. Raises `UsageError`."""
    if text == "all" or (text.startswith("-") and text[1:].isdecimal()):
        return -1
    if not text.isdecimal():
        raise UsageError(f'invalid argument "{text}" for "--tail" flag: a number or "all"')
    return int(text)
