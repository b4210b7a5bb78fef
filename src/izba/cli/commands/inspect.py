"""`izba inspect`: all about whatever has the name: a container, else an image, else a volume."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag, UsageError
from izba.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.cli.context import Context
    from izba.engine.engine import Engine

COMMAND = Command(
    name="inspect",
    usage="[OPTIONS] NAME|ID [NAME|ID...]",
    summary="Return low-level information on containers, images, networks and volumes",
    flags=(
        Flag(name="format", short="f", kind="string", help="Format output: 'json' or a Go template"),
        Flag(name="size", short="s", help="Display total file sizes if the type is container"),
        Flag(name="type", kind="string", help="Only inspect objects of this type: container, image, network or volume"),
    ),
    minimum=1,
)


class NothingFound(NotFound):
    """Nothing has this name; Docker's sentence."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No such object: {name}")
        self.name = name


def run(context: Context, argv: list[str]) -> int:
    """Print one JSON list, or a line of the template for each."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.inspection import print_found

    with context.engine() as engine:
        finders = _finders(engine, size=flags.on("size"))
        if (kind := flags.text("type")) is None:
            return print_found(flags.arguments, lambda name: _first(finders, name), flags.text("format"))
        if kind not in finders:
            raise UsageError(f'"{kind}" is not a valid value for --type', hint=f"one of {', '.join(finders)}")
        return print_found(flags.arguments, finders[kind], flags.text("format"))


def _finders(engine: Engine, *, size: bool) -> dict[str, Callable[[str], dict[str, Any]]]:
    from izba.engine.containers.inspect import inspect
    from izba.engine.containers.model import require
    from izba.engine.networks import inspect as inspect_network
    from izba.engine.networks import require as require_network
    from izba.engine.volumes import inspect as inspect_volume

    return {
        "container": lambda name: inspect(engine, require(engine, name), size=size),
        "image": engine.images.inspect,
        "network": lambda name: inspect_network(engine, require_network(engine, name)),
        "volume": lambda name: inspect_volume(engine, name),
    }


def _first(finders: dict[str, Callable[[str], dict[str, Any]]], name: str) -> dict[str, Any]:
    for find in finders.values():
        try:
            return find(name)
        except NotFound:
            continue
    raise NothingFound(name)
