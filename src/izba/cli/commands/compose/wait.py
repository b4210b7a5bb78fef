"""`izba compose wait`: until containers of services ended."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose wait",
    usage="[OPTIONS] SERVICE [SERVICE...]",
    summary="Block until containers of all (or specified) services stop",
    flags=(Flag(name="down-project", help="Drops project when the first container stops"),),
    minimum=1,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Print each one's exit code; the last that is not 0 is ours."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs.lifecycle import NoContainer, of_services
    from izba.engine.containers.stop import wait

    engine = compose.context.engine()
    project = compose.project(flags.arguments)
    containers = of_services(engine, project, flags.arguments)
    if not containers:
        raise NoContainer(flags.arguments[0])
    code = 0
    for container in containers:
        ended = wait(container)
        print(f"container {container.name} exited with status code {ended}", flush=True)
        code = ended or code
        if flags.on("down-project"):
            break
    if flags.on("down-project"):
        from izba.cli.commands.compose.down import run as down

        down(compose, [])
    return code
