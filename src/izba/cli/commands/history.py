"""`izba history`: how an image was made."""

from __future__ import annotations

import sys
import time

from izba.cli.commands.images import since
from izba.cli.options.flags import Command, Flag
from izba.cli.output import humanise
from izba.cli.output.columns import ellipsis
from izba.cli.output.listing import Field, Listing
from izba.ids import short
from izba.timestamps import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.images.history import HistoryEntry

COMMAND = Command(
    name="history",
    usage="[OPTIONS] IMAGE",
    summary="Show the history of an image",
    aliases=("image history",),
    flags=(
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="human", short="H", help="Print sizes and dates in human readable format (default true)"),
        Flag(name="no-trunc", help="Don't truncate output"),
        Flag(name="quiet", short="q", help="Only show image IDs"),
    ),
    minimum=1,
    maximum=1,
)

CREATED_BY_WIDTH = 45


def run(context: Context, argv: list[str]) -> int:
    """Print the steps, the last first."""
    flags = COMMAND.parse(argv)
    with context.engine() as engine:
        entries = engine.images.history(flags.arguments[0])
    listing = _listing(truncated=not flags.on("no-trunc"), human=flags.on("human", default=True))
    sys.stdout.write(listing.ids(entries) if flags.on("quiet") else listing.show(entries, flags.text("format")))
    return 0


def _listing(*, truncated: bool, human: bool) -> Listing:
    now = time.time_ns()

    def id(entry: HistoryEntry) -> str:
        return short(entry.id) if truncated else entry.id

    def created_by(entry: HistoryEntry) -> str:
        text = entry.created_by.replace("\t", " ")
        return ellipsis(text, CREATED_BY_WIDTH) if truncated else text

    return Listing(
        kind="history",
        table=("ID", "CreatedSince" if human else "CreatedAt", "CreatedBy", "Size", "Comment"),
        fields={
            "ID": Field(header="IMAGE", value=id),
            "CreatedSince": Field(header="CREATED", value=lambda entry: since(entry.created, now)),
            "CreatedAt": Field(header="CREATED AT", value=lambda entry: format_time(entry.created)),
            "CreatedBy": Field(header="CREATED BY", value=created_by),
            "Size": Field(header="SIZE", value=lambda entry: humanise.size(entry.size) if human else str(entry.size)),
            "Comment": Field(header="COMMENT", value=lambda entry: entry.comment),
        },
    )
