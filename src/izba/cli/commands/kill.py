"""`izba kill`: send a signal to running containers."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.containers.model import Container

COMMAND = Command(
    name="kill",
    usage="[OPTIONS] CONTAINER [CONTAINER...]",
    summary="Kill one or more running containers",
    aliases=("container kill",),
    flags=(Flag(name="signal", short="s", kind="string", help="Signal to send to the container (default KILL)"),),
    minimum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Signal each."""
    flags = COMMAND.parse(argv)
    from signal import SIGKILL

    from izba.cli.each import each
    from izba.engine.containers.stop import kill, wait
    from izba.signals import number

    signal = number(flags.text("signal") or "KILL")
    engine = context.engine()

    def send(container: Container) -> None:
        kill(container, signal)
        if signal == SIGKILL:  # nothing can keep it from ending, so it is over when we are
            wait(container)

    return each(engine, flags.arguments, send)
