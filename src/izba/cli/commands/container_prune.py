"""`izba container prune`."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag
from izba.cli.output import humanise
from izba.cli.output.filters import Filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="container prune",
    usage="[OPTIONS]",
    summary="Remove all stopped containers",
    flags=(
        Flag(name="filter", kind="list", shown="filter", help='Provide filter values (e.g. "until=<timestamp>")'),
        Flag(name="force", short="f", help="Do not prompt for confirmation"),
    ),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Remove them; print what was gained."""
    flags = COMMAND.parse(argv)
    filters = Filters(flags.all("filter"), {"label", "label!", "until"})
    from izba.cli.options.moments import moment
    from izba.cli.output.confirm import confirmed
    from izba.engine.containers.prune import prune

    now = time.time_ns()
    until = min((moment(text, now) for text in filters.all("until")), default=None)
    if not flags.on("force") and not confirmed("WARNING! This will remove all stopped containers."):
        return 0
    with context.engine() as engine:
        engine.enter_user_namespace()
        pruned = prune(engine, lambda container: _accepts(filters, container.config.get("Labels") or {}), until=until)
    if pruned.ids:
        print("Deleted Containers:", *pruned.ids, sep="\n", end="\n\n")
    print(f"Total reclaimed space: {humanise.size(pruned.size)}")
    return 0


def _accepts(filters: Filters, labels: dict[str, str]) -> bool:
    unwanted = any(
        name in labels and (not equals or labels[name] == value)
        for name, equals, value in (text.partition("=") for text in filters.all("label!"))
    )
    return filters.labels(labels) and not unwanted
