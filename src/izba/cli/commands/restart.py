"""`izba restart`: stop containers and start them again."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.containers.model import Container

COMMAND = Command(
    name="restart",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Restart one or more containers",
    aliases=("container restart",),
    flags=(
        Flag(name="signal", short="s", kind="string", help="Signal to send to the container"),
        Flag(name="timeout", short="t", kind="int", help="Seconds to wait before killing the container"),
        Flag(name="time", kind="int", help="Seconds to wait before killing the container", hidden=True),
    ),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Stop and start each, with a monitor of its own again."""
    flags = COMMAND.parse(argv)
    from izba.monitor.spawn import Monitor

    monitors = [Monitor() for _ in flags.arguments]
    engine = context.engine()
    engine.enter_user_namespace()
    from izba.cli.each import each
    from izba.engine.containers.restart import restart
    from izba.signals import number

    signal = number(text) if (text := flags.text("signal")) else None
    timeout = flags.number("timeout") if flags.given("timeout") else flags.number("time")

    def again(container: Container) -> None:
        restart(engine, container, monitors.pop(), timeout=timeout, signal=signal)

    return each(engine, flags.arguments, again)
