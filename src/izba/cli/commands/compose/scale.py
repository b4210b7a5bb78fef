"""`izba compose scale`: so many containers of a service."""

from __future__ import annotations

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose scale",
    usage="[OPTIONS] SERVICE=NUM [SERVICE=NUM...]",
    summary="Scale services",
    flags=(Flag(name="no-deps", help="Don't start linked services"),),
    minimum=1,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Scale them; what runs and is wanted is left as it is."""
    from izba.cli.commands.compose.bringing import bring_up
    from izba.cli.commands.compose.upflags import scales
    from izba.compose.verbs.up import UpOptions

    flags = COMMAND.parse(argv)
    with Session(compose, starts=True) as session:
        wanted = scales(flags.arguments)
        whole = compose.project(tuple(wanted))
        options = UpOptions(
            services=tuple(wanted),
            scale=wanted,
            dependencies=not flags.on("no-deps"),
            recreate="never",
            parallel=compose.parallel,
        )
        bring_up(session, whole, options, quiet=flags)
    return 0
