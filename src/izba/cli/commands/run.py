"""`izba run`: create a container and start it, joined to this terminal unless detached."""

from __future__ import annotations

import os

from izba.cli.options.containerflags import ALL
from izba.cli.options.flags import Command, Flag, UsageError
from izba.monitor.spawn import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="run",
    usage="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Create and run a new container from an image",
    aliases=("container run",),
    flags=(
        *ALL,
        Flag(name="detach", short="d", help="Run container in background and print container ID"),
        Flag(name="detach-keys", kind="string", help="Override the key sequence for detaching a container"),
        Flag(name="sig-proxy", help="Proxy received signals to the process (default true)"),
    ),
    minimum=1,
    interspersed=False,
)


def run(context: Context, argv: list[str]) -> int:
    """Run it; the container's exit code."""
    flags = COMMAND.parse(argv)
    detach = flags.on("detach")
    check_terminal(flags.on("interactive") and not detach, tty=flags.on("tty"))
    # Before anything heavy is imported: the monitor has what this process has (see `izba.monitor`).
    monitor = Monitor(attached=not detach)
    if keys := flags.text("detach-keys"):
        from izba.cli import streams

        streams.detach_keys(keys)  # a mistake is told before there is a container
    from izba.cli.creation import create_with_image
    from izba.cli.options.container import request

    asked = request(flags, detach=detach)
    engine = context.engine()
    engine.enter_user_namespace()
    container = create_with_image(engine, asked, flags)
    from izba.cli.foreground import run_attached
    from izba.engine.containers.start import start

    if detach:
        start(engine, container, monitor)
        print(container.id)
        return 0
    config = container.config
    outputs = frozenset(fd for fd, name in ((1, "AttachStdout"), (2, "AttachStderr")) if config.get(name))
    if not outputs:  # `-a stdin` alone: the id is all that its caller gets, and can be read before the input ends
        print(container.id, flush=True)
    return run_attached(
        engine,
        container,
        monitor,
        keys=keys,
        proxy=flags.on("sig-proxy", True),
        stdin=config["AttachStdin"],
        outputs=outputs,
    )


def check_terminal(interactive: bool, *, tty: bool) -> None:
    """With -it, the input must be a terminal; Docker's sentence."""
    if interactive and tty and not os.isatty(0):
        raise UsageError("the input device is not a TTY", hint="leave out -t where input comes from a pipe")
