"""`izba compose restart`: stop, and start again."""

from __future__ import annotations

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose restart",
    usage="[OPTIONS] [SERVICE...]",
    summary="Restart service containers",
    flags=(
        Flag(name="no-deps", help="Don't restart dependent services"),
        Flag(name="timeout", short="t", kind="int", help="Seconds to wait before killing containers"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Restart them."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs.lifecycle import restart_all

    with Session(compose, starts=True) as session:
        project = compose.project(flags.arguments)
        restart_all(
            session.engine,
            project,
            flags.arguments,
            session.monitor,
            session.report(),
            timeout=flags.number("timeout"),
            dependents_too=not flags.on("no-deps"),
            run_hook=session.hooks(project),
        )
    return 0
