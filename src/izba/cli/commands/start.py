"""`izba start`: start stopped containers."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.containers.model import Container

COMMAND = Command(
    name="start",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Start one or more stopped containers",
    aliases=("container start",),
    flags=(
        Flag(name="attach", short="a", help="Attach STDOUT/STDERR and forward signals"),
        Flag(name="detach-keys", kind="string", help="Override the key sequence for detaching a container"),
        Flag(name="interactive", short="i", help="Attach container's STDIN"),
        Flag(name="sig-proxy", help="Proxy received signals to the process (default true)", hidden=True),
    ),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Start them; with -a or -i the exit code of the one."""
    flags = COMMAND.parse(argv)
    attached = flags.on("attach") or flags.on("interactive")
    if attached and len(flags.arguments) > 1:
        raise UsageError("you cannot start and attach multiple containers at once")
    from izba.monitor.spawn import Monitor

    # One monitor for each, all forked before anything heavy is imported (see `izba.monitor`).
    monitors = [Monitor(attached=attached) for _ in flags.arguments]
    engine = context.engine()
    from izba.engine import upkeep

    upkeep.look(engine)
    engine.enter_user_namespace()
    from izba.engine.containers.start import AlreadyStarted, start

    if attached:
        from izba.cli import streams
        from izba.cli.foreground import attach, run_attached
        from izba.engine.containers.model import require

        container = require(engine, flags.arguments[0])
        keys, proxy = flags.text("detach-keys"), flags.on("sig-proxy", True)
        streams.detach_keys(keys)  # a mistake is told before anything starts
        stdin = flags.on("interactive") and container.config.get("OpenStdin", False)
        try:
            return run_attached(engine, container, monitors[0], keys=keys, proxy=proxy, stdin=stdin)
        except AlreadyStarted:
            monitors[0].close()
            return attach(container, stdin=stdin, keys=keys, proxy=proxy)
    from izba.cli.each import each

    def begin(container: Container) -> None:
        monitor = monitors.pop()
        try:
            start(engine, container, monitor)
        except AlreadyStarted:
            monitor.close()

    return each(engine, flags.arguments, begin)
