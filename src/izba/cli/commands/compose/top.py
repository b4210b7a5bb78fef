"""`izba compose top`: the processes of services."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command
from izba.cli.output.columns import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(name="compose top", usage="[SERVICE...]", summary="Display the running processes")


def run(compose: ComposeContext, argv: list[str]) -> int:
    """One table, with service and number before each row."""
    flags = COMMAND.parse(argv)
    from izba.compose.observe import number_of, service_of
    from izba.compose.verbs.lifecycle import of_services
    from izba.engine.containers import lifecycle
    from izba.engine.containers.top import top

    lines: list[list[str]] = []
    with compose.context.engine() as engine:
        for container in of_services(engine, compose.project(flags.arguments), flags.arguments):
            if not lifecycle.state(container).is_running:
                continue
            table = top(engine, container, [])
            lines = lines or [["SERVICE", "#", *table.titles]]
            lines += [[service_of(container), str(number_of(container)), *row] for row in table.rows]
    sys.stdout.write(align(lines) if lines else "")
    return 0
