"""`izba compose create`: as `up`, but nothing is started."""

from __future__ import annotations

from izba.cli.commands.compose.session import Session
from izba.cli.commands.compose.upflags import CREATE_FLAGS, up_options
from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose create",
    usage="[OPTIONS] [SERVICE...]",
    summary="Create containers for services",
    flags=CREATE_FLAGS,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Create them."""
    from izba.cli.commands.compose.bringing import bring_up

    flags = COMMAND.parse(argv)
    with Session(compose, starts=True) as session:
        whole = compose.project(flags.arguments, keep=True)
        bring_up(session, whole, up_options(compose, flags).replace(start=False), quiet=flags)
    return 0
