"""`izba compose rm`: stopped containers go."""

from __future__ import annotations

import sys

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose rm",
    usage="[OPTIONS] [SERVICE...]",
    summary="Removes stopped service containers",
    flags=(
        Flag(name="force", short="f", help="Don't ask to confirm removal"),
        Flag(name="stop", short="s", help="Stop the containers, if required, before removing"),
        Flag(name="volumes", short="v", help="Remove any anonymous volumes attached to containers"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Remove each that does not run."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs.lifecycle import of_services, stop_all
    from izba.engine.containers import lifecycle
    from izba.engine.containers.remove import remove

    with Session(compose, writes=True) as session:
        project = compose.project(flags.arguments)
        if flags.on("stop"):
            stop_all(session.engine, project, flags.arguments, timeout=None, report=session.report(),
                     run_hook=session.hooks(project))  # fmt: skip
        going = [
            container
            for container in of_services(session.engine, project, flags.arguments, one_off=True)
            if not lifecycle.state(container).is_running
        ]
        if not going:
            sys.stderr.write("No stopped containers\n")
            return 0
        names = ", ".join(container.name for container in going)
        if not flags.on("force") and not _confirmed(f"Going to remove {names}\nAre you sure? [yN] "):
            return 0
        for container in going:
            remove(session.engine, container, volumes=flags.on("volumes"))
            sys.stderr.write(f" Container {container.name}  Removed\n")
    return 0


def _confirmed(question: str) -> bool:
    sys.stdout.write(question)
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
