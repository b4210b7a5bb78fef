"""`izba compose kill`: a signal for all processes of services."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose kill",
    usage="[OPTIONS] [SERVICE...]",
    summary="Force stop service containers",
    flags=(
        Flag(name="remove-orphans", help="Kill containers of services not defined in the files, too"),
        Flag(name="signal", short="s", kind="string", help="Signal to send to the container (default SIGKILL)"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Signal each that runs."""
    flags = COMMAND.parse(argv)
    from signal import SIGKILL

    from izba.compose.observe import service_of
    from izba.compose.verbs.lifecycle import of_services
    from izba.engine.containers.lifecycle import NotRunning
    from izba.engine.containers.stop import kill, wait
    from izba.signals import number

    signal = number(flags.text("signal") or "KILL")
    with Session(compose) as session:
        project = compose.project(flags.arguments)
        for container in of_services(session.engine, project, flags.arguments):
            if not project.has(service_of(container)) and not flags.on("remove-orphans"):
                continue
            try:
                kill(container, signal)
            except NotRunning:
                continue
            if signal == SIGKILL:
                wait(container)
            sys.stderr.write(f" Container {container.name}  Killed\n")
    return 0
