"""`izba network prune`."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag
from izba.cli.options.moments import moment
from izba.cli.output.filters import Filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.network.store import Network

COMMAND = Command(
    name="network prune",
    usage="[OPTIONS]",
    summary="Remove all unused networks",
    flags=(
        Flag(name="filter", kind="list", shown="filter", help='Provide filter values (e.g. "until=<timestamp>")'),
        Flag(name="force", short="f", help="Do not prompt for confirmation"),
    ),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Remove them; print their names."""
    flags = COMMAND.parse(argv)
    filters = Filters(flags.all("filter"), ("label", "label!", "until"))
    until = min((moment(text, time.time_ns()) for text in filters.all("until")), default=None)
    from izba.cli.output.confirm import confirmed
    from izba.engine import upkeep
    from izba.engine.networks import prune

    warning = "WARNING! This will remove all custom networks not used by at least one container."
    if not flags.on("force") and not confirmed(warning):
        return 0
    unwanted = [Filters([f"label={text}"], ("label",)) for text in filters.all("label!")]

    def accepts(network: Network) -> bool:
        labels = dict(network.labels)
        return filters.labels(labels) and not any(each.labels(labels) for each in unwanted)

    with context.engine() as engine:
        upkeep.look(engine)
        removed = prune(engine, accepts, until=until)
    if removed:
        print("Deleted Networks:", *removed, sep="\n", end="\n\n")
    return 0
