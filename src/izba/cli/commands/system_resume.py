"""`izba system resume`: after a reboot, what should run."""

from __future__ import annotations

from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="system resume",
    usage="",
    summary="Start the containers that should run, as after a reboot",
    flags=(),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Print the names of those that were started; 1 if one could not be, or not removed."""
    COMMAND.parse(argv)
    from izba.engine import upkeep
    from izba.monitor.nursery import Nursery

    with Nursery() as nursery, context.engine() as engine:
        upkeep.look(engine)
        engine.enter_user_namespace()
        from izba.engine.resume import resume

        resumed = resume(engine, nursery.monitor)
    for container in resumed.started:
        print(container.name)
    if resumed.failed:
        from izba.cli.main import report

        for container, error in resumed.failed:
            error.add_note(f"resuming {container.name}")
            report(error, 1)
    return 1 if resumed.failed else 0
