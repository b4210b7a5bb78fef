"""`izba compose exec`: another command in a running container of a service."""

from __future__ import annotations

import os

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose exec",
    usage="[OPTIONS] SERVICE COMMAND [ARG...]",
    summary="Execute a command in a running container",
    flags=(
        Flag(name="detach", short="d", help="Detached mode: run command in the background"),
        Flag(name="env", short="e", kind="list", help="Set environment variables"),
        Flag(name="index", kind="int", help="Index of the container if service has multiple replicas"),
        Flag(name="interactive", short="i", help="Keep STDIN open even if not attached (default true)", hidden=True),
        Flag(name="no-TTY", short="T", help="Disable pseudo-TTY allocation"),
        Flag(name="no-tty", help="Disable pseudo-TTY allocation", hidden=True),
        Flag(name="privileged", help="Give extended privileges to the process"),
        Flag(name="tty", short="t", help="Allocate a pseudo-TTY", hidden=True),
        Flag(name="user", short="u", kind="string", help="Run the command as this user"),
        Flag(name="workdir", short="w", kind="string", help="Path to workdir directory for this command"),
    ),
    minimum=2,
    interspersed=False,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Execute it; its exit code. On a terminal it has one, too."""
    flags = COMMAND.parse(argv)
    from izba.cli import execution
    from izba.cli.options.environment import environment
    from izba.compose.verbs.lifecycle import one
    from izba.engine.containers.exec import ExecRequest

    service, *command = flags.arguments
    tty = not (flags.on("no-TTY") or flags.on("no-tty")) and os.isatty(0) and os.isatty(1)
    engine = compose.context.engine()
    container = one(engine, compose.project([service]), service, flags.number("index"))
    request = ExecRequest(
        args=tuple(command),
        env=tuple(environment(flags.all("env"), ())) if flags.given("env") else (),
        user=flags.text("user") or "",
        cwd=flags.text("workdir") or "",
        tty=tty and not flags.on("detach"),
        privileged=flags.on("privileged"),
    )
    if flags.on("detach"):
        return execution.in_background(engine, container, request)
    return execution.in_foreground(engine, container, request, interactive=flags.on("interactive", True), keys=None)
