"""`izba exec`: another command in a running container."""

from __future__ import annotations

import os

from izba.cli.options.flags import Command, Flag
from izba.errors import Conflict, IzbaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

CANNOT_START = 126

COMMAND = Command(
    name="exec",
    usage="[OPTIONS] CONTAINER COMMAND [ARG...]",
    summary="Execute a command in a running container",
    aliases=("container exec",),
    flags=(
        Flag(name="detach", short="d", help="Detached mode: run command in the background"),
        Flag(name="detach-keys", kind="string", help="Override the key sequence for detaching a container"),
        Flag(name="env", short="e", kind="list", help="Set environment variables"),
        Flag(name="env-file", kind="list", help="Read in a file of environment variables"),
        Flag(name="interactive", short="i", help="Keep STDIN open even if not attached"),
        Flag(name="privileged", help="Give extended privileges to the command"),
        Flag(name="tty", short="t", help="Allocate a pseudo-TTY"),
        Flag(name="user", short="u", kind="string", help="Username or UID (format: <name|uid>[:<group|gid>])"),
        Flag(name="workdir", short="w", kind="string", help="Working directory inside the container"),
    ),
    minimum=2,
    interspersed=False,
)


def run(context: Context, argv: list[str]) -> int:
    """Execute it; its exit code."""
    flags = COMMAND.parse(argv)
    from izba.cli import execution
    from izba.engine.containers.exec import ExecRequest
    from izba.engine.containers.model import require

    env: tuple[str, ...] = ()
    if flags.given("env") or flags.given("env-file"):
        from izba.cli.options.environment import environment

        env = tuple(environment(flags.all("env"), flags.all("env-file")))
    tty, interactive, detach = flags.on("tty"), flags.on("interactive"), flags.on("detach")
    if interactive and tty and not detach and not os.isatty(0):
        from izba.cli.options.flags import UsageError

        raise UsageError("the input device is not a TTY", hint="leave out -t where input comes from a pipe")
    request = ExecRequest(
        args=flags.arguments[1:],
        env=env,
        user=flags.text("user") or "",
        cwd=flags.text("workdir") or "",
        tty=tty,
        privileged=flags.on("privileged"),
    )
    engine = context.engine()
    container = require(engine, flags.arguments[0])
    try:
        if detach:
            return execution.in_background(engine, container, request)
        keys = flags.text("detach-keys")
        return execution.in_foreground(engine, container, request, interactive=interactive, keys=keys)
    except IzbaError as error:
        # As of the container's own command: 127 and 126 say that this one could not be started.
        if not isinstance(error, Conflict) and not hasattr(error, "exit_code"):
            error.exit_code = CANNOT_START
        raise
