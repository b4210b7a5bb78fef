"""`izba run`: create a container and start it, joined to this terminal unless detached."""

from __future__ import annotations

import os
import sys

from izba.cli.options.containerflags import ALL
from izba.cli.options.flags import Command, Flag, UsageError
from izba.monitor.spawn import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.cli.options.flags import Flags
    from izba.engine.containers.model import Container, ContainerRequest
    from izba.engine.engine import Engine

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
    from izba.cli.options.container import request

    asked = request(flags, detach=detach)
    engine = context.engine()
    engine.enter_user_namespace()
    container = create_with_image(engine, asked, flags)
    if path := flags.text("cidfile"):
        write_cidfile(path, container)
    from izba.cli.foreground import run_attached
    from izba.engine.containers.start import start

    if detach:
        start(engine, container, monitor)
        print(container.id)
        return 0
    return run_attached(engine, container, monitor, keys=flags.text("detach-keys"), proxy=flags.on("sig-proxy", True))


def create_with_image(engine: Engine, asked: ContainerRequest, flags: Flags) -> Container:
    """Create it, the image made first where that is wanted and needed. A cidfile must not be there yet."""
    from izba.engine.containers.create import create
    from izba.engine.containers.errors import ImageMissing

    path = flags.text("cidfile")
    if path and os.path.lexists(path):
        raise UsageError(f"container ID file found, make sure the other container isn't running or delete {path}")
    try:
        return create(engine, asked)
    except ImageMissing:
        if asked.pull == "never" or not (flags.on("bootstrap") or os.environ.get("IZBA_BOOTSTRAP") == "1"):
            raise
        bootstrap(engine, asked.image, quiet=flags.on("quiet"))
    return create(engine, asked.replace(pull="missing"))


def bootstrap(engine: Engine, image: str, *, quiet: bool) -> None:
    """Make a base image from distribution packages. Raises what `izba image bootstrap` does."""
    from izba.bootstrap.catalog import bootstrap as make
    from izba.cli.output.steps import steps
    from izba.oci.reference import Reference

    with steps(sys.stderr, "none" if quiet else "auto") as progress:
        make(engine, Reference.parse(image), progress)


def write_cidfile(path: str, container: Container) -> None:
    """Write the id where `--cidfile` says."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, container.id.encode())
    finally:
        os.close(fd)


def check_terminal(interactive: bool, *, tty: bool) -> None:
    """With -it, the input must be a terminal; Docker's sentence."""
    if interactive and tty and not os.isatty(0):
        raise UsageError("the input device is not a TTY", hint="leave out -t where input comes from a pipe")
