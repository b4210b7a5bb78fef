"""`izba volume prune`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag
from izba.cli.output import humanise
from izba.cli.output.filters import Filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.volume.store import Volume

COMMAND = Command(
    name="volume prune",
    usage="[OPTIONS]",
    summary="Remove unused local volumes",
    flags=(
        Flag(name="all", short="a", help="Remove all unused volumes, not just anonymous ones"),
        Flag(name="filter", kind="list", shown="filter", help='Provide filter values (e.g. "label=<label>")'),
        Flag(name="force", short="f", help="Do not prompt for confirmation"),
    ),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Remove them; print what was gained."""
    flags = COMMAND.parse(argv)
    filters = Filters(flags.all("filter"), {"all", "label", "label!"})
    everything = flags.on("all") or filters.flag("all") is True
    from izba.cli.output.confirm import confirmed
    from izba.engine.volumes import prune

    unwanted = [Filters([f"label={text}"], ("label",)) for text in filters.all("label!")]

    def accepts(volume: Volume) -> bool:
        labels = dict(volume.labels)
        return filters.labels(labels) and not any(each.labels(labels) for each in unwanted)

    what = "all local volumes" if everything else "anonymous local volumes"
    if not flags.on("force") and not confirmed(f"WARNING! This will remove {what} not used by at least one container."):
        return 0
    with context.engine() as engine:
        engine.enter_user_namespace()
        pruned = prune(engine, all=everything, accepts=accepts)
    if pruned.names:
        print("Deleted Volumes:", *pruned.names, sep="\n", end="\n\n")
    print(f"Total reclaimed space: {humanise.size(pruned.size)}")
    return 0
