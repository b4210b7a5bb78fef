"""`izba attach`: join this terminal to a running container."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="attach",
    usage="[OPTIONS] CONTAINER",
    summary="Attach local standard streams to a running container",
    aliases=("container attach",),
    flags=(
        Flag(name="detach-keys", kind="string", help="Override the key sequence for detaching a container"),
        Flag(name="no-stdin", help="Do not attach STDIN"),
        Flag(name="sig-proxy", help="Proxy all received signals to the process (default true)"),
    ),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Stay until the container ends; its exit code."""
    flags = COMMAND.parse(argv)
    from izba.cli.foreground import attach
    from izba.engine.containers.model import require

    container = require(context.engine(), flags.arguments[0])
    return attach(
        container,
        stdin=not flags.on("no-stdin") and container.config.get("OpenStdin", False),
        keys=flags.text("detach-keys"),
        proxy=flags.on("sig-proxy", True),
    )
