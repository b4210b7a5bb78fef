"""`izba compose pause`: the processes of services freeze."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(name="compose pause", usage="[SERVICE...]", summary="Pause services")


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Pause each."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs.lifecycle import of_services
    from izba.engine.containers import lifecycle
    from izba.engine.containers.pause import pause

    with Session(compose) as session:
        for container in of_services(session.engine, compose.project(flags.arguments), flags.arguments):
            if lifecycle.state(container).status == "running":
                pause(container)
                sys.stderr.write(f" Container {container.name}  Paused\n")
    return 0
