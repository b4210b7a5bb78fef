"""`izba port`: where a container's ports are on the host."""

from __future__ import annotations

from izba.cli.options.flags import Command, UsageError
from izba.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="port",
    usage="CONTAINER [PRIVATE_PORT[/PROTO]]",
    summary="List port mappings or a specific mapping for the container",
    aliases=("container port",),
    minimum=1,
    maximum=2,
)


class NotPublished(NotFound):
    """The port is not published; Docker's sentence."""

    def __init__(self, port: str, container: str) -> None:
        super().__init__(f"no public port '{port}' published for {container}")
        self.port = port


def run(context: Context, argv: list[str]) -> int:
    """Print a line for each, or the places of one port."""
    flags = COMMAND.parse(argv)
    from izba.engine import upkeep
    from izba.engine.containers.model import require
    from izba.engine.containers.networking import port_map

    name = flags.arguments[0]
    with context.engine() as engine:
        upkeep.look(engine)
        places = {key: places for key, places in port_map(require(engine, name)).items() if places}
    if len(flags.arguments) == 1:
        for key, each in places.items():
            for place in each:
                print(f"{key} -> {_place(place)}")
        return 0
    wanted = flags.arguments[1]
    number, _, protocol = wanted.partition("/")
    if not number.isdecimal():
        raise UsageError(f"invalid port {wanted!r}", hint="write PORT or PORT/udp")
    key = f"{number}/{protocol or 'tcp'}"
    if key not in places:
        raise NotPublished(key, name)
    for place in places[key]:
        print(_place(place))
    return 0


def _place(place: dict[str, str]) -> str:
    address = place["HostIp"]
    return f"[{address}]:{place['HostPort']}" if ":" in address else f"{address}:{place['HostPort']}"
