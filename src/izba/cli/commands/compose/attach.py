"""`izba compose attach`: a service's container joined to this terminal."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose attach",
    usage="[OPTIONS] SERVICE",
    summary="Attach local standard input, output, and error streams to a service's running container",
    flags=(
        Flag(name="detach-keys", kind="string", help="Override the key sequence for detaching from a container"),
        Flag(name="index", kind="int", help="Index of the container if service has multiple replicas"),
        Flag(name="no-stdin", help="Do not attach STDIN"),
        Flag(name="sig-proxy", help="Proxy all received signals to the process (default true)"),
    ),
    minimum=1,
    maximum=1,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Join it; its exit code."""
    flags = COMMAND.parse(argv)
    from izba.cli.foreground import attach
    from izba.compose.verbs.lifecycle import one

    service = flags.arguments[0]
    engine = compose.context.engine()
    container = one(engine, compose.project([service]), service, flags.number("index"))
    stdin = container.config.get("OpenStdin", False) and not flags.on("no-stdin")
    return attach(container, stdin=stdin, keys=flags.text("detach-keys"), proxy=flags.on("sig-proxy", True))
