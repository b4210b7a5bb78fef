"""`izba volume create`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag, UsageError
from izba.ids import new_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="volume create",
    usage="[OPTIONS] [VOLUME]",
    summary="Create a volume",
    flags=(
        Flag(name="driver", short="d", kind="string", help="Specify volume driver name (only local)"),
        Flag(name="gid", kind="int", help="The group that the volume belongs to"),
        Flag(name="label", kind="list", help="Set metadata for a volume"),
        Flag(name="name", kind="string", help="Specify volume name", hidden=True),
        Flag(name="opt", short="o", kind="list", shown="map", help="Set driver specific options"),
        Flag(name="uid", kind="int", help="The user that the volume belongs to"),
    ),
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Make it if it is not there; print its name."""
    flags = COMMAND.parse(argv)
    if (driver := flags.text("driver") or "local") != "local":
        raise UsageError(f"volume driver {driver} is not supported: volumes are local directories")
    options = []
    for text in flags.all("opt"):
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UsageError(f'invalid argument "{text}" for "--opt" flag: write it as KEY=VALUE')
        options.append((key, value))
    from izba.cli.options.environment import labels
    from izba.engine.volumes import volumes

    if flags.arguments and flags.text("name"):
        raise UsageError("conflicting options: either specify --name or provide positional arg, not both")
    name = flags.arguments[0] if flags.arguments else flags.text("name")
    engine = context.engine()
    engine.enter_user_namespace()
    kept = tuple(labels(flags.all("label"), ()).items())
    uid, gid = flags.number("uid"), flags.number("gid")
    made = volumes(engine).ensure(name or new_id(), kept, tuple(options), uid=uid, gid=gid, anonymous=not name)
    print(made.name)
    return 0
