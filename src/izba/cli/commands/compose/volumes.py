"""`izba compose volumes`: the project's volumes."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose volumes",
    usage="[OPTIONS] [SERVICE...]",
    summary="List volumes",
    flags=(
        Flag(name="format", kind="string", help="Format output: 'table', 'json' or a Go template"),
        Flag(name="quiet", short="q", help="Only display volume names"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """List those that are there."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.listing import Field, Listing
    from izba.compose.observe import observe

    engine = compose.context.engine()
    name, project = compose.named_project()
    names = list(observe(engine, name).own_volumes)
    if flags.arguments and project is not None:
        used = {
            mount["Source"]
            for service in flags.arguments
            for mount in project.service(service).host_config.get("Mounts") or ()
        }
        names = [each for each in names if each in used]
    if flags.on("quiet"):
        sys.stdout.write("".join(f"{each}\n" for each in names))
        return 0
    fields = {
        "Driver": Field(header="DRIVER", value=lambda _: "local"),
        "Name": Field(header="VOLUME NAME", value=lambda each: each),
    }
    sys.stdout.write(Listing(kind="Volume", fields=fields, table=tuple(fields)).show(names, flags.text("format")))
    return 0
