"""`izba compose viz`: the services and what they depend on, as a graph in Graphviz's language."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags
    from izba.compose.project import Project, Service

COMMAND = Command(
    name="compose viz",
    usage="[OPTIONS]",
    summary="Print the services and what they depend on as a graph, for Graphviz's dot",
    flags=(
        Flag(name="image", help="Include each service's image"),
        Flag(name="indentation-size", kind="int", help="Number of tabs or spaces to use for indentation"),
        Flag(name="networks", help="Include each service's networks"),
        Flag(name="ports", help="Include each service's published ports"),
        Flag(name="spaces", help="Use spaces for indentation instead of tabs"),
    ),
    maximum=0,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Print it; nothing is asked of the engine."""
    flags = COMMAND.parse(argv)
    project = compose.project()
    size = flags.number("indentation-size")
    indent = (" " if flags.on("spaces") else "\t") * (1 if size is None else size)
    lines = [f'digraph "{project.name}" {{', f"{indent}layout=dot;"]
    lines += [
        f'{indent}"{each.name}" [style="filled" label=<{_label(project, each, flags)}>];' for each in project.services
    ]
    lines.append("")
    lines += [
        f'{indent}"{service.name}" -> "{needed.service}";'
        for service in project.services
        for needed in service.depends_on
        if project.has(needed.service)
    ]
    sys.stdout.write("\n".join([*lines, "}"]) + "\n")
    return 0


def _label(project: Project, service: Service, flags: Flags) -> str:
    details = "".join(
        f'<font point-size="10"><br/><br/><b>{title}:</b>{text}</font>'
        for title, text in _details(project, service, flags)
    )
    return f'<font point-size="15">{service.name}</font>{details}'


def _details(project: Project, service: Service, flags: Flags) -> Iterator[tuple[str, str]]:
    if flags.on("networks"):
        keys = {network.name: network.key for network in project.networks}
        yield "Networks", _lines(sorted(keys[each.network] for each in service.endpoints))
    if flags.on("ports") and service.ports:
        yield "Ports", _lines([f"{port.published}:{port.target} ({port.protocol}, ingress)" for port in service.ports])
    if flags.on("image"):
        yield "Image", _lines([project.image(service)])


def _lines(texts: list[str]) -> str:
    from html import escape

    return "".join(f"<br/>{escape(text)}" for text in texts)
