"""`izba stop`: stop running containers."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.containers.model import Container

COMMAND = Command(
    name="stop",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Stop one or more running containers",
    aliases=("container stop",),
    flags=(
        Flag(name="signal", short="s", kind="string", help="Signal to send to the container"),
        Flag(name="timeout", short="t", kind="int", help="Seconds to wait before killing the container"),
        Flag(name="time", kind="int", help="Seconds to wait before killing the container", hidden=True),
    ),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Stop each and wait for its end."""
    flags = COMMAND.parse(argv)
    from izba.cli.each import each
    from izba.engine.containers.stop import AlreadyStopped, stop
    from izba.signals import number

    signal = number(text) if (text := flags.text("signal")) else None
    timeout = flags.number("timeout") if flags.given("timeout") else flags.number("time")
    engine = context.engine()

    def end(container: Container) -> None:
        try:
            stop(container, timeout=timeout, signal=signal)
        except AlreadyStopped:
            return

    return each(engine, flags.arguments, end)
