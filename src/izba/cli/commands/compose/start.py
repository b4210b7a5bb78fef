"""`izba compose start`: containers that are there run again."""

from __future__ import annotations

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose start",
    usage="[OPTIONS] [SERVICE...]",
    summary="Start services",
    flags=(
        Flag(name="wait", help="Wait for services to be running|healthy"),
        Flag(name="wait-timeout", kind="int", help="Seconds to wait at most"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Start them."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs.lifecycle import start_all
    from izba.compose.verbs.up import wait_for_all

    with Session(compose, starts=True) as session:
        project = compose.project(flags.arguments)
        timeout = flags.number("wait-timeout")
        start_all(
            session.engine,
            project,
            flags.arguments,
            session.monitor,
            session.report(),
            wait_timeout=timeout,
            run_hook=session.hooks(project),
        )
        if flags.on("wait"):
            wait_for_all(session.engine, project, flags.arguments, timeout)
    return 0
