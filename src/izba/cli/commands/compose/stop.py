"""`izba compose stop`: containers end, and stay."""

from __future__ import annotations

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose stop",
    usage="[OPTIONS] [SERVICE...]",
    summary="Stop services",
    flags=(Flag(name="timeout", short="t", kind="int", help="Seconds to wait before killing containers"),),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Stop them, those that depend on others first."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs.lifecycle import stop_all

    with Session(compose) as session:
        project = compose.project(flags.arguments)
        stop_all(
            session.engine,
            project,
            flags.arguments,
            timeout=flags.number("timeout"),
            report=session.report(),
            run_hook=session.hooks(project),
        )
    return 0
