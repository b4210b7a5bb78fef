"""`izba stats`: what containers use, once or again and again."""

from __future__ import annotations

import sys
import time

from izba._record import Record
from izba.cli.options.flags import Command, Flag
from izba.cli.output import humanise
from izba.cli.output.listing import Field, Listing
from izba.ids import short

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from izba.cli.context import Context
    from izba.engine.containers.model import Container
    from izba.engine.containers.stats import Sample, Usage
    from izba.engine.engine import Engine

COMMAND = Command(
    name="stats",
    usage="[OPTIONS] [CONTAINER...]",
    summary="Display a live stream of container(s) resource usage statistics",
    aliases=("container stats",),
    flags=(
        Flag(name="all", short="a", help="Show all containers (default shows just running)"),
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="no-stream", help="Disable streaming stats and only pull the first result"),
        Flag(name="no-trunc", help="Do not truncate output"),
    ),
)

PERIOD = 1.0
"""Seconds between two samples; the kernel counts the host's time in hundredths of one."""

_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\033[H", "\033[K", "\033[J"


class Line(Record):
    """One container and what it uses."""

    name: str
    container: Container
    usage: Usage


def run(context: Context, argv: list[str]) -> int:
    """Show it until interrupted, or once. Named containers that vanish end the stream, as nothing is left to show."""
    flags = COMMAND.parse(argv)
    listing = stats_listing(truncated=not flags.on("no-trunc"))
    names, everybody = flags.arguments, flags.on("all")
    with context.engine() as engine:
        before = _samples(engine, _chosen(engine, names, everybody=everybody))
        while True:
            time.sleep(PERIOD)
            containers = _chosen(engine, names, everybody=everybody)
            after = _samples(engine, containers)
            text = listing.show(_lines(engine, names, containers, before, after), flags.text("format"))
            if flags.on("no-stream"):
                sys.stdout.write(text)
                return 0
            _redraw(text)
            before = after


def stats_listing(*, truncated: bool) -> Listing:
    """The fields of a line."""
    fields = {
        "Container": Field(header="CONTAINER", value=lambda line: line.name),
        "ID": Field(
            header="CONTAINER ID", value=lambda line: short(line.container.id) if truncated else line.container.id
        ),
        "Name": Field(header="NAME", value=lambda line: line.container.name),
        "CPUPerc": Field(header="CPU %", value=lambda line: f"{line.usage.cpu:.2f}%"),
        "MemUsage": Field(
            header="MEM USAGE / LIMIT",
            value=lambda line: _pair(line.usage.memory, line.usage.memory_limit, humanise.binary_size),
        ),
        "MemPerc": Field(header="MEM %", value=lambda line: f"{line.usage.memory_share:.2f}%"),
        "NetIO": Field(header="NET I/O", value=lambda line: _pair(line.usage.received, line.usage.sent, humanise.size)),
        "BlockIO": Field(
            header="BLOCK I/O", value=lambda line: _pair(line.usage.block_read, line.usage.block_written, humanise.size)
        ),
        "PIDs": Field(header="PIDS", value=lambda line: str(line.usage.pids)),
    }
    table = ("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs")
    return Listing(kind="Stats", fields=fields, table=table)


def _pair(first: int, second: int, words: Callable[[float], str]) -> str:
    return f"{words(first)} / {words(second)}"


def _chosen(engine: Engine, names: Sequence[str], *, everybody: bool) -> list[Container]:
    from izba.engine.containers.listing import Query, list_containers
    from izba.engine.containers.model import require

    if names:
        return [require(engine, name) for name in names]
    return [summary.container for summary in list_containers(engine, Query(all=everybody))]


def _samples(engine: Engine, containers: Sequence[Container]) -> dict[str, Sample | None]:
    from izba.engine.containers.stats import sample

    return {container.id: sample(engine, container) for container in containers}


def _lines(
    engine: Engine,
    names: Sequence[str],
    containers: Sequence[Container],
    before: dict[str, Sample | None],
    after: dict[str, Sample | None],
) -> list[Line]:
    from izba.engine.containers.stats import usage

    shown = names or [short(container.id) for container in containers]
    return [
        Line(
            name=name,
            container=container,
            usage=usage(before.get(container.id), after[container.id], host_memory=engine.host.memory),
        )
        for name, container in zip(shown, containers, strict=True)
    ]


def _redraw(text: str) -> None:
    """Over the last one where a terminal shows it, one after the other elsewhere."""
    from izba.cli.output.tty import is_terminal

    if is_terminal(sys.stdout):
        lines = "".join(f"{line}{_CLEAR_LINE}\n" for line in text.splitlines())
        text = f"{_HOME}{lines}{_CLEAR_BELOW}"
    sys.stdout.write(text)
    sys.stdout.flush()
