"""`izba events`: what is done to containers, images, networks and volumes, as it is done."""

from __future__ import annotations

import time

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.cli.context import Context
    from izba.cli.output.filters import Filters
    from izba.events import Event

COMMAND = Command(
    name="events",
    usage="[OPTIONS]",
    summary="Get real time events",
    aliases=("system events",),
    flags=(
        Flag(name="filter", short="f", kind="list", shown="filter", help="Filter output based on conditions provided"),
        Flag(name="format", kind="string", help="Format output: 'json' or a Go template"),
        Flag(name="since", kind="string", help="Show all events created since timestamp, or how long ago (42m)"),
        Flag(name="until", kind="string", help="Stream events until this timestamp, or how long ago (42m)"),
    ),
    maximum=0,
)

_EVER = 1
_OBJECTS = ("container", "image", "network", "volume")


def run(context: Context, argv: list[str]) -> int:
    """Print each as it comes, until `--until` or the reader's end."""
    flags = COMMAND.parse(argv)
    from izba.cli.options.moments import moment
    from izba.cli.output.filters import Filters
    from izba.cli.streams import write_all
    from izba.engine.eventlog import Period, read

    filters = Filters(flags.all("filter"), {*_OBJECTS, "daemon", "event", "label", "scope", "type"})
    show = _formatter(flags.text("format"))
    now = time.time_ns()
    until = moment(text, now) if (text := flags.text("until")) else 0
    # Who says an end and no beginning means all that is kept, who says neither what comes from now on.
    since = moment(text, now) if (text := flags.text("since")) else _EVER if until else 0
    period = Period(since=since, until=until)
    try:
        for event in read(context.engine(), period, lambda event: _passes(filters, event)):
            write_all(1, f"{show(event)}\n".encode())
    except KeyboardInterrupt:
        return 130
    return 0


def _passes(filters: Filters, event: Event) -> bool:
    attributes = dict(event.attributes)
    if not filters.exactly("type", event.type) or not filters.exactly("scope", "local"):
        return False
    if "event" in filters and not any(_is_action(event.action, asked) for asked in filters.all("event")):
        return False
    for kind in _OBJECTS:
        if kind in filters and not any(_is_about(event, attributes, kind, asked) for asked in filters.all(kind)):
            return False
    return filters.labels(attributes)


def _is_action(action: str, asked: str) -> bool:
    """`health_status` is also `health_status: healthy`, and `exec_start` whatever was executed."""
    return action == asked or action.startswith(f"{asked}:")


def _is_about(event: Event, attributes: dict[str, str], kind: str, asked: str) -> bool:
    """By id, a beginning of it, or name; a container's events are about its image too."""
    if kind == "image" and event.type == "container":
        image = attributes.get("image", "")
        return image == asked or image.partition(":")[0] == asked
    if event.type != kind:
        return kind == "container" and attributes.get("container", "") == asked
    name = attributes.get("name", "")
    return asked in {event.id, name, name.partition(":")[0]} or (len(asked) > 3 and event.id.startswith(asked))


def _formatter(format_: str | None) -> Callable[[Event], str]:
    if not format_:
        return _line
    from izba.cli.output.gotemplate import Template
    from izba.engine.eventlog import document

    template = Template("{{json .}}" if format_ == "json" else format_)
    return lambda event: template.execute(_Message(document(event)))


class _Message:
    """An event as a template sees it: its fields' names are Go's, which JSON has in small letters in part."""

    go_type = "*events.Message"

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def go_field(self, name: str, arguments: tuple[object, ...]) -> object:
        """The field's value. Raises `KeyError` if there is none, `TypeError` for arguments."""
        if arguments:
            raise TypeError(name)
        if name in {"Action", "Actor", "Type"}:
            return self._document[name]
        written = _WRITTEN[name]
        return self._document.get(written, "")

    def go_json(self) -> dict[str, Any]:
        """As the API has it."""
        return self._document


_WRITTEN = {"Status": "status", "ID": "id", "From": "from", "Scope": "scope", "Time": "time", "TimeNano": "timeNano"}


def _line(event: Event) -> str:
    from izba.cli.printable import printable

    moment = time.localtime(event.time // 1_000_000_000)
    zone = time.strftime("%z", moment)
    zone = f"{zone[:3]}:{zone[3:]}" if moment.tm_gmtoff else "Z"
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', moment)}.{event.time % 1_000_000_000:09d}{zone}"
    attributes = ", ".join(f"{name}={value}" for name, value in sorted(event.attributes))
    return printable(f"{stamp} {event.type} {event.action} {event.id}" + (f" ({attributes})" if attributes else ""))
