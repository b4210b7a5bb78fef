"""`izba rmi`: remove images."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag
from izba.errors import IzbaError, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="rmi",
    usage="[OPTIONS] IMAGE [IMAGE...]",
    summary="Remove one or more images",
    aliases=("image rm", "image remove"),
    flags=(
        Flag(name="force", short="f", help="Force removal of the image"),
        Flag(name="no-prune", help="Do not delete untagged parents (izba's images have none)"),
    ),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Remove each, telling what was untagged and deleted; those that cannot be are told at the end."""
    flags = COMMAND.parse(argv)
    from izba.cli.main import report

    force = flags.on("force")
    failed = False
    with context.engine() as engine:
        engine.enter_user_namespace()
        for name in flags.arguments:
            try:
                for removed in engine.images.remove(name, force=force):
                    print(f"{removed.kind.capitalize()}: {removed.what}")
            except IzbaError as error:
                report(error, 1)
                # Who forces the removal of what is not there has what he wants.
                failed = failed or not (force and isinstance(error, NotFound))
    return 1 if failed else 0
