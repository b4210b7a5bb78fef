"""`izba compose stats`: what services use of the machine."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose stats",
    usage="[OPTIONS] [SERVICE...]",
    summary="Display a live stream of container(s) resource usage statistics",
    flags=(
        Flag(name="all", short="a", help="Show all containers (default shows just running)"),
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="no-stream", help="Disable streaming stats and only pull the first result"),
        Flag(name="no-trunc", help="Do not truncate output"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """As `izba stats` of the project's containers."""
    flags = COMMAND.parse(argv)
    from izba.cli.commands.stats import run as stats
    from izba.compose.verbs.lifecycle import of_services
    from izba.engine.containers import lifecycle

    with compose.context.engine() as engine:
        names = [
            container.name
            for container in of_services(engine, compose.project(flags.arguments), flags.arguments)
            if flags.on("all") or lifecycle.state(container).is_running
        ]
    if not names:
        return 0
    options = [f"--{name}" for name in ("no-stream", "no-trunc") if flags.on(name)]
    if form := flags.text("format"):
        options += ["--format", form]
    return stats(compose.context, [*options, *names])
