"""`izba builder prune`: remove build cache."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag, UsageError
from izba.cli.options.moments import moment
from izba.cli.options.units import size
from izba.cli.output import humanise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.build.prune import Kept
    from izba.cli.context import Context

COMMAND = Command(
    name="builder prune",
    usage="[OPTIONS]",
    summary="Remove build cache",
    flags=(
        Flag(name="all", short="a", help="Remove all build cache, also what images are made of"),
        Flag(name="filter", kind="list", shown="filter", help='Provide filter values (e.g. "until=24h", "type=step")'),
        Flag(name="force", short="f", help="Do not prompt for confirmation"),
        Flag(name="keep-storage", kind="string", shown="bytes", help="Amount of disk space to keep for cache"),
    ),
    maximum=0,
)

DANGLING = "WARNING! This will remove all dangling build cache."
EVERYTHING = "WARNING! This will remove all build cache."
_KINDS = {"exec.cachemount": "cache mount", "regular": "step", "source.local": "context index"}


def run(context: Context, argv: list[str]) -> int:
    """Ask, remove, and tell what was removed."""
    flags = COMMAND.parse(argv)
    before, kinds = _filters(flags.all("filter"))
    keep = flags.text("keep-storage")
    keep_bytes = size(keep, "keep-storage") if keep else 0
    if not flags.on("force"):
        from izba.cli.output.confirm import confirmed

        if not confirmed(EVERYTHING if flags.on("all") else DANGLING):
            return 0
    with context.engine() as engine:
        engine.enter_user_namespace()
        from izba.build.prune import prune

        def wanted(each: Kept) -> bool:
            return not kinds or each.kind in kinds

        pruned = prune(engine.store, all=flags.on("all"), before=before, keep_bytes=keep_bytes, wanted=wanted)
    if pruned.removed:
        print("Deleted build cache objects:")
        for each in pruned.removed:
            print(each.id)
        print()
    print(f"Total reclaimed space: {humanise.size(pruned.size, digits=4)}")
    return 0


def _filters(texts: tuple[str, ...]) -> tuple[int | None, frozenset[str]]:
    """`until=` and `type=`; BuildKit's words for types are taken too."""
    before: int | None = None
    kinds: set[str] = set()
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key not in {"until", "type", "unused-for"}:
            raise UsageError(f"invalid filter '{text}'", hint="until=24h, or type=step, cache mount, download")
        if key == "type":
            kinds.add(_KINDS.get(value, value))
        else:
            before = moment(value, time.time_ns())
    return before, frozenset(kinds)
