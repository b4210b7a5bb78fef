"""`izba builder du`: what build cache there is, and how much space it takes."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag
from izba.cli.output import humanise
from izba.cli.output.columns import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.build.prune import Kept
    from izba.cli.context import Context

COMMAND = Command(
    name="builder du",
    usage="[OPTIONS]",
    summary="Disk usage of the build cache",
    flags=(Flag(name="verbose", help="Show what each thing is"),),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """A line for each thing, the largest first, and the sums."""
    flags = COMMAND.parse(argv)
    with context.engine() as engine:
        engine.enter_user_namespace()
        from izba.build.prune import kept

        found = kept(engine.store)
    if flags.on("verbose"):
        print("\n\n".join(_description(each) for each in found) + "\n" if found else "")
    else:
        rows = [("ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED")]
        rows += [_row(each) for each in sorted(found, key=lambda each: -each.size)]
        print(align(rows), end="")
    print(f"Reclaimable:\t{humanise.size(sum(each.size for each in found if not each.in_use), digits=4)}")
    print(f"Total:\t\t{humanise.size(sum(each.size for each in found), digits=4)}")
    return 0


def _row(each: Kept) -> tuple[str, str, str, str]:
    ago = humanise.ago((time.time_ns() - each.used) / 1e9)
    return _short(each), "false" if each.in_use else "true", humanise.size(each.size), ago


def _description(each: Kept) -> str:
    lines = {
        "ID": each.id,
        "Type": each.kind,
        "Description": each.description,
        "Size": humanise.size(each.size),
        "Reclaimable": "false" if each.in_use else "true",
        "Created at": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(each.created / 1e9)),
        "Last used": humanise.ago((time.time_ns() - each.used) / 1e9),
        "Usage count": str(each.uses),
    }
    return "\n".join(f"{key + ':':<16}{value}" for key, value in lines.items())


def _short(each: Kept) -> str:
    kind, slash, name = each.id.rpartition("/")
    return f"{kind}{slash}{name[:12]}"
