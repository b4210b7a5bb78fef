"""`izba system prune`: remove all that is not used."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag
from izba.cli.options.moments import moment
from izba.cli.output import humanise
from izba.cli.output.filters import Filters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.cli.context import Context
    from izba.engine.engine import Engine

COMMAND = Command(
    name="system prune",
    usage="[OPTIONS]",
    summary="Remove unused data",
    flags=(
        Flag(name="all", short="a", help="Remove all unused images and all build cache, not just dangling ones"),
        Flag(name="filter", kind="list", shown="filter", help='Provide filter values (e.g. "label=<key>=<value>")'),
        Flag(name="force", short="f", help="Do not prompt for confirmation"),
        Flag(name="volumes", help="Prune anonymous volumes"),
    ),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Ask, remove containers, networks, volumes, images and build cache, and tell in this order what was removed."""
    flags = COMMAND.parse(argv)
    filters = Filters(flags.all("filter"), ("label", "label!", "until"))
    until = [moment(text, time.time_ns()) for text in filters.all("until")]
    from izba.cli.output.confirm import confirmed

    if not flags.on("force") and not confirmed(_warning(all=flags.on("all"), volumes=flags.on("volumes"))):
        return 0
    with context.engine() as engine:
        networks = _networks(engine, filters, until)
        engine.enter_user_namespace()
        size = _containers(engine, filters, until)
        _tell("Deleted Networks:", networks)
        if flags.on("volumes"):
            size += _volumes(engine, filters)
        size += _images(engine, filters, until, all=flags.on("all"))
        size += _build_cache(engine, until, all=flags.on("all"))
    print(f"Total reclaimed space: {humanise.size(size, digits=4)}")
    return 0


def _warning(*, all: bool, volumes: bool) -> str:
    lines = ["all stopped containers", "all networks not used by at least one container"]
    if volumes:
        lines.append("all anonymous volumes not used by at least one container")
    lines.append("all images without at least one container associated to them" if all else "all dangling images")
    lines.append("all build cache" if all else "unused build cache")
    return "WARNING! This will remove:\n" + "".join(f"  - {line}\n" for line in lines)


def _containers(engine: Engine, filters: Filters, until: list[int]) -> int:
    from izba.engine.containers.prune import prune

    pruned = prune(
        engine,
        lambda container: _accepts(filters, container.config.get("Labels") or {}),
        until=min(until, default=None),
    )
    _tell("Deleted Containers:", pruned.ids)
    return pruned.size


def _networks(engine: Engine, filters: Filters, until: list[int]) -> list[str]:
    """Before all else, since an ordinary user's are changed from outside the user namespace.

    It makes no difference: stopped containers, which go next, do not keep a network.
    """
    from izba.engine.networks import prune

    return prune(engine, lambda network: _accepts(filters, dict(network.labels)), until=min(until, default=None))


def _volumes(engine: Engine, filters: Filters) -> int:
    from izba.engine.volumes import prune

    pruned = prune(engine, all=False, accepts=lambda volume: _accepts(filters, dict(volume.labels)))
    _tell("Deleted Volumes:", pruned.names)
    return pruned.size


def _images(engine: Engine, filters: Filters, until: list[int], *, all: bool) -> int:
    from izba.engine.images.filters import image_filter

    values = {name: filters.all(name) for name in ("label", "label!") if name in filters}
    pruned = engine.images.prune(image_filter(engine.store, values, until=until), all=all)
    _tell("Deleted Images:", [f"{removed.kind}: {removed.what}" for removed in pruned.removed])
    return pruned.size


def _build_cache(engine: Engine, until: list[int], *, all: bool) -> int:
    from izba.build.prune import prune

    pruned = prune(engine.store, all=all, before=min(until, default=None), wanted=lambda _: True)
    _tell("Deleted build cache objects:", [kept.id for kept in pruned.removed])
    return pruned.size


def _tell(title: str, lines: list[str] | tuple[str, ...]) -> None:
    if lines:
        print(title, *lines, sep="\n", end="\n\n")


def _accepts(filters: Filters, labels: Mapping[str, str]) -> bool:
    unwanted = [Filters([f"label={text}"], ("label",)) for text in filters.all("label!")]
    return filters.labels(labels) and not any(each.labels(labels) for each in unwanted)
