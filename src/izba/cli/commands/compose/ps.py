"""`izba compose ps`: the containers of the project."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags
    from izba.cli.output.listing import Listing
    from izba.engine.engine import Engine

COMMAND = Command(
    name="compose ps",
    usage="[OPTIONS] [SERVICE...]",
    summary="List containers",
    flags=(
        Flag(name="all", short="a", help="Show all stopped containers (including those created by the run command)"),
        Flag(name="filter", kind="list", shown="filter", help='Filter services by a property: "status=running"'),
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="no-trunc", help="Don't truncate output"),
        Flag(name="orphans", help="Include orphaned services (not declared by the files); true by default"),
        Flag(name="quiet", short="q", help="Only display IDs"),
        Flag(name="services", help="Display services"),
        Flag(name="status", kind="list", help="Filter services by status"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """List them."""
    flags = COMMAND.parse(argv)
    from izba.compose.observe import containers, is_one_off, service_of
    from izba.engine.containers import lifecycle
    from izba.engine.containers.listing import Summary

    engine = compose.context.engine()
    name, project = compose.named_project()
    statuses = _statuses(flags)
    if project is not None:
        for service in flags.arguments:
            project.service(service)
    summaries = []
    for container in containers(engine, name):
        state = lifecycle.state(container)
        if flags.arguments and service_of(container) not in flags.arguments:
            continue
        if not flags.on("orphans", True) and project is not None and not project.has(service_of(container)):
            continue
        if (
            state.status in statuses
            if statuses
            else flags.on("all") or (state.is_running and not is_one_off(container))
        ):
            summaries.append(Summary(container=container, state=state))
    if flags.on("services"):
        sys.stdout.write("".join(f"{each}\n" for each in dict.fromkeys(service_of(s.container) for s in summaries)))
        return 0
    listing = _listing(engine, name, truncated=not flags.on("no-trunc"))
    sys.stdout.write(listing.ids(summaries) if flags.on("quiet") else listing.show(summaries, flags.text("format")))
    return 0


def _statuses(flags: Flags) -> set[str]:
    wanted = set(flags.all("status"))
    for text in flags.all("filter"):
        key, _, value = text.partition("=")
        if key != "status":
            raise UsageError(f"invalid filter '{text}'", hint="status=… is")
        wanted.add(value)
    return wanted


def _listing(engine: Engine, project: str, *, truncated: bool) -> Listing:
    from izba.cli.commands.ps import ps_listing
    from izba.cli.output.listing import Field, Listing
    from izba.compose.observe import service_of

    containers = ps_listing(engine, truncated=truncated, with_size=False)
    fields = dict(containers.fields)
    fields |= {
        "Name": Field(header="NAME", value=lambda s: s.container.name),
        "Service": Field(header="SERVICE", value=lambda s: service_of(s.container)),
        "Project": Field(header="PROJECT", value=lambda _: project),
        "Created": Field(header="CREATED", value=lambda s: s.container.created // 10**9),
        "ExitCode": Field(header="EXIT CODE", value=lambda s: s.state.exit_code),
        "Health": Field(header="HEALTH", value=lambda s: s.state.health),
        "Image": Field(header="IMAGE", value=lambda s: s.container.config.get("Image", "")),
    }
    table = ("Name", "Image", "Command", "Service", "RunningFor", "Status", "Ports")
    return Listing(kind="Container", fields=fields, table=table)
