"""`izba volume create`."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="volume create",
    usage="[OPTIONS] [VOLUME]",
    summary="Create a volume",
    flags=(
        Flag(name="driver", short="d", kind="string", help="Specify volume driver name (only local)"),
        Flag(name="label", kind="list", help="Set metadata for a volume"),
        Flag(name="name", kind="string", help="Specify volume name", hidden=True),
        Flag(name="opt", short="o", kind="list", shown="map", help="Set driver specific options", hidden=True),
    ),
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Make it if it is not there; print its name."""
    flags = COMMAND.parse(argv)
    if (driver := flags.text("driver") or "local") != "local":
        raise UsageError(f"volume driver {driver} is not supported: volumes are local directories")
    if flags.given("opt"):
        raise UsageError("--opt is not supported: volumes are local directories", hint="bind what you mounted yourself")
    from izba.cli.options.environment import labels
    from izba.engine.volumes import volumes

    name = flags.arguments[0] if flags.arguments else flags.text("name")
    engine = context.engine()
    engine.enter_user_namespace()
    print(volumes(engine).ensure(name, tuple(labels(flags.all("label"), ()).items())).name)
    return 0
