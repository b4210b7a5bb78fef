"""`izba image prune`: remove unused images."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag
from izba.cli.options.moments import moment
from izba.cli.output import humanise
from izba.cli.output.filters import Filters
from izba.engine.images.filters import PRUNING, image_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="image prune",
    usage="[OPTIONS]",
    summary="Remove unused images",
    flags=(
        Flag(name="all", short="a", help="Remove all unused images, not just dangling ones"),
        Flag(name="filter", kind="list", shown="filter", help='Provide filter values (e.g. "until=24h")'),
        Flag(name="force", short="f", help="Do not prompt for confirmation"),
    ),
    maximum=0,
)

DANGLING = "WARNING! This will remove all dangling images."
UNUSED = "WARNING! This will remove all images without at least one container associated to them."


def run(context: Context, argv: list[str]) -> int:
    """Ask, remove, and tell what was removed."""
    flags = COMMAND.parse(argv)
    given = Filters(flags.all("filter"), PRUNING)
    until = [moment(text, time.time_ns()) for text in given.all("until")]
    if not flags.on("force"):
        from izba.cli.output.confirm import confirmed

        if not confirmed(UNUSED if flags.on("all") else DANGLING):
            return 0
    with context.engine() as engine:
        engine.enter_user_namespace()
        values = {name: given.all(name) for name in PRUNING if name in given}
        wanted = image_filter(engine.store, values, until=until)
        pruned = engine.images.prune(wanted, all=flags.on("all"))
    if pruned.removed:
        print("Deleted Images:")
        for removed in pruned.removed:
            print(f"{removed.kind}: {removed.what}")
        print()
    print(f"Total reclaimed space: {humanise.size(pruned.size, digits=4)}")
    return 0
