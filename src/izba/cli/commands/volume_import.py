"""`izba volume import`."""

from __future__ import annotations

from izba.cli.binary import open_input
from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="volume import",
    usage="VOLUME [FILE|-]",
    summary="Import a tar archive into a volume, which is made if it is not there",
    flags=(),
    minimum=1,
    maximum=2,
)


def run(context: Context, argv: list[str]) -> int:
    """Unpack the archive over what the volume has."""
    flags = COMMAND.parse(argv)
    from izba.engine.volumes import import_

    name, *source = flags.arguments
    engine = context.engine()
    engine.enter_user_namespace()
    with open_input(None if source in ([], ["-"]) else source[0], what="import") as stream:
        import_(engine, name, stream)
    return 0
