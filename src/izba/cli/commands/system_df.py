"""`izba system df`: what images, containers, volumes and the build cache occupy."""

from __future__ import annotations

import sys

from izba._record import Record
from izba.cli.options.flags import Command, Flag
from izba.cli.output import humanise
from izba.cli.output.listing import Field, Listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.diskusage import DiskUsage

COMMAND = Command(
    name="system df",
    usage="[OPTIONS]",
    summary="Show disk usage",
    flags=(
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="verbose", short="v", help="Show detailed information on space usage"),
    ),
    maximum=0,
)


class Row(Record):
    """One kind of thing."""

    type: str
    total: int
    active: int
    size: int
    reclaimable: int


def run(context: Context, argv: list[str]) -> int:
    """Print a line for each kind of thing, or for each thing."""
    flags = COMMAND.parse(argv)
    from izba.engine.diskusage import disk_usage

    with context.engine() as engine:
        engine.enter_user_namespace()
        usage = disk_usage(engine)
    if flags.on("verbose"):
        from izba.cli.output.diskusage import verbose

        sys.stdout.write(verbose(usage))
    else:
        sys.stdout.write(LISTING.show(_rows(usage), flags.text("format")))
    return 0


def _rows(usage: DiskUsage) -> list[Row]:
    in_use = [image for image in usage.images if image.containers]
    running = [container for container in usage.containers if container.is_running]
    used = [volume for volume in usage.volumes if volume.containers]
    containers_size = sum(container.size for container in usage.containers)
    volumes_size = sum(volume.size for volume in usage.volumes)
    return [
        Row(
            type="Images",
            total=len(usage.images),
            active=len(in_use),
            size=usage.layers_size,
            reclaimable=usage.layers_size - usage.layers_in_use,
        ),
        Row(
            type="Containers",
            total=len(usage.containers),
            active=len(running),
            size=containers_size,
            reclaimable=containers_size - sum(container.size for container in running),
        ),
        Row(
            type="Local Volumes",
            total=len(usage.volumes),
            active=len(used),
            size=volumes_size,
            reclaimable=volumes_size - sum(volume.size for volume in used),
        ),
        Row(
            type="Build Cache",
            total=usage.cache_records,
            active=usage.cache_in_use,
            size=usage.cache_size,
            reclaimable=usage.cache_size,
        ),
    ]


def _reclaimable(row: Row) -> str:
    share = f" ({row.reclaimable * 100 // row.size}%)" if row.size and row.type != "Build Cache" else ""
    return humanise.size(row.reclaimable, digits=4) + share


LISTING = Listing(
    kind="diskUsage",
    table=("Type", "TotalCount", "Active", "Size", "Reclaimable"),
    fields={
        "Type": Field(header="TYPE", value=lambda row: row.type),
        "TotalCount": Field(header="TOTAL", value=lambda row: str(row.total)),
        "Active": Field(header="ACTIVE", value=lambda row: str(row.active)),
        "Size": Field(header="SIZE", value=lambda row: humanise.size(row.size, digits=4)),
        "Reclaimable": Field(header="RECLAIMABLE", value=_reclaimable),
    },
)
