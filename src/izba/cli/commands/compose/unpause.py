"""`izba compose unpause`: the processes of services go on."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(name="compose unpause", usage="[SERVICE...]", summary="Unpause services")


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Unpause each."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs.lifecycle import of_services
    from izba.engine.containers import lifecycle
    from izba.engine.containers.pause import unpause

    with Session(compose) as session:
        for container in of_services(session.engine, compose.project(flags.arguments), flags.arguments):
            if lifecycle.state(container).status == "paused":
                unpause(container)
                sys.stderr.write(f" Container {container.name}  Unpaused\n")
    return 0
