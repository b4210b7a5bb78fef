"""`izba volume ls`."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag
from izba.cli.output.filters import Filters
from izba.cli.output.listing import Field, Listing, natural
from izba.cli.output.userformat import list_format

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="volume ls",
    usage="[OPTIONS]",
    summary="List volumes",
    aliases=("volume list",),
    flags=(
        Flag(
            name="filter", short="f", kind="list", shown="filter", help='Provide filter values (e.g. "dangling=true")'
        ),
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="quiet", short="q", help="Only display volume names"),
    ),
    maximum=0,
)

LISTING = Listing(
    kind="volume",
    table=("Driver", "Name"),
    raw=(("name", "Name"), ("driver", "Driver")),
    fields={
        "Name": Field(header="VOLUME NAME", value=lambda volume: volume.name),
        "Driver": Field(header="DRIVER", value=lambda _: "local"),
        "Scope": Field(header="SCOPE", value=lambda _: "local"),
        "Mountpoint": Field(header="MOUNTPOINT", value=lambda volume: volume.path),
        "Labels": Field(
            header="LABELS", value=lambda volume: ",".join(f"{name}={value}" for name, value in sorted(volume.labels))
        ),
        "Label": Field(
            header="LABEL", value=lambda volume, name: dict(volume.labels).get(name, ""), takes_argument=True
        ),
        "Links": Field(header="LINKS", value=lambda _: "N/A"),
        "Size": Field(header="SIZE", value=lambda _: "N/A"),
        # Of volumes of a swarm.
        "Availability": Field(header="AVAILABILITY", value=lambda _: "N/A"),
        "Group": Field(header="GROUP", value=lambda _: "N/A"),
        "Status": Field(header="STATUS", value=lambda _: "N/A"),
    },
)


def run(context: Context, argv: list[str]) -> int:
    """List the volumes that pass the filters."""
    flags = COMMAND.parse(argv)
    filters = Filters(flags.all("filter"), {"dangling", "driver", "label", "name"})
    from izba.engine.volumes import users, volumes

    dangling = filters.flag("dangling")
    with context.engine() as engine:
        used = users(engine) if dangling is not None else {}
        found = [
            volume
            for volume in sorted(volumes(engine).all(), key=lambda volume: natural(volume.name))
            if (dangling is None or dangling != (volume.name in used))
            and filters.exactly("driver", "local")
            and filters.labels(dict(volume.labels))
            and filters.matches("name", volume.name)
        ]
    format_ = list_format(flags, "volumesFormat")
    only_names = flags.on("quiet") and format_ in {None, "", "table"}
    sys.stdout.write(LISTING.ids(found, "Name") if only_names else LISTING.show(found, format_))
    return 0
