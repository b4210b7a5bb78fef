"""`izba compose events`: what is done to the project's containers, as it is done."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from izba.cli.commands.compose.context import ComposeContext
    from izba.events import Event

COMMAND = Command(
    name="compose events",
    usage="[OPTIONS] [SERVICE...]",
    summary="Receive real time events from containers",
    flags=(
        Flag(name="json", help="Output events as a stream of json objects"),
        Flag(name="since", kind="string", help="Show all events created since timestamp, or how long ago (42m)"),
        Flag(name="until", kind="string", help="Stream events until this timestamp, or how long ago (42m)"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Print each as it comes, until `--until` or the reader's end."""
    flags = COMMAND.parse(argv)
    from izba.cli.options.moments import moment
    from izba.cli.streams import write_all
    from izba.engine.eventlog import Period, read

    name, project = compose.named_project()
    for service in flags.arguments:
        if project is not None:
            project.service(service)
    now = time.time_ns()
    period = Period(
        since=moment(text, now) if (text := flags.text("since")) else 0,
        until=moment(text, now) if (text := flags.text("until")) else 0,
    )
    show = _json if flags.on("json") else _line
    try:
        for event in read(compose.context.engine(), period, _of(name, flags.arguments)):
            write_all(1, f"{show(event)}\n".encode())
    except KeyboardInterrupt:
        return 130
    return 0


def _of(project: str, services: Collection[str]) -> Callable[[Event], bool]:
    """Whether an event is of a container of the project, and of one of the services if any were named."""
    from izba.compose import labels

    def accepts(event: Event) -> bool:
        attributes = dict(event.attributes)
        if event.type != "container" or attributes.get(labels.PROJECT) != project:
            return False
        return not services or attributes.get(labels.SERVICE) in services

    return accepts


def _own(event: Event) -> dict[str, str]:
    """What is told of a container besides Compose's own labels."""
    return {name: value for name, value in sorted(event.attributes) if not name.startswith("com.docker.compose.")}


def _line(event: Event) -> str:
    from izba.cli.printable import printable

    seconds, rest = divmod(event.time, 1_000_000_000)
    stamp = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(seconds))}.{rest // 1000:06d}"
    attributes = ", ".join(f"{name}={value}" for name, value in _own(event).items())
    return printable(f"{stamp} container {event.action} {event.id} ({attributes})")


def _json(event: Event) -> str:
    from izba import jsonio
    from izba.compose import labels
    from izba.timestamps import format_time

    document = {
        "action": event.action,
        "attributes": _own(event),
        "id": event.id,
        "service": dict(event.attributes).get(labels.SERVICE, ""),
        "time": format_time(event.time),
        "type": event.type,
    }
    return jsonio.dumps(document)
