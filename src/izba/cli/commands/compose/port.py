"""`izba compose port`: where a service's port is published."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag, UsageError
from izba.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose port",
    usage="[OPTIONS] SERVICE PRIVATE_PORT",
    summary="Print the public port for a port binding",
    flags=(
        Flag(name="index", kind="int", help="Index of the container if service has multiple replicas"),
        Flag(name="protocol", kind="string", help='"tcp" or "udp" (default "tcp")'),
    ),
    minimum=2,
    maximum=2,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Print ADDRESS:PORT."""
    flags = COMMAND.parse(argv)
    from izba.compose.verbs.lifecycle import one
    from izba.engine.containers.networking import port_map

    service, text = flags.arguments
    number, _, protocol = text.partition("/")
    if not number.isdecimal():
        raise UsageError(f"invalid port {text!r}", hint="it is a number")
    wanted = f"{number}/{flags.text('protocol') or protocol or 'tcp'}"
    engine = compose.context.engine()
    container = one(engine, compose.project([service]), service, flags.number("index"))
    places = port_map(container).get(wanted)
    if not places:
        raise NotFound(f"no port {wanted} for container {container.name}")
    host = places[0]["HostIp"]
    print(f"[{host}]:{places[0]['HostPort']}" if ":" in host else f"{host}:{places[0]['HostPort']}")
    return 0
