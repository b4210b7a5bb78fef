"""`izba search`: repositories of Docker Hub, or of the registry in front of the word."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag, UsageError
from izba.cli.output.columns import ellipsis
from izba.cli.output.filters import Filters, InvalidFilter
from izba.cli.output.listing import Field, Listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.registry.search import Found

COMMAND = Command(
    name="search",
    usage="[OPTIONS] TERM",
    summary="Search Docker Hub for images, or another registry with HOST/TERM",
    flags=(
        Flag(name="filter", short="f", kind="list", shown="filter", help="is-official=true, stars=NUMBER"),
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="limit", kind="int", help="Max number of search results (default 25)"),
        Flag(name="no-trunc", help="Don't truncate output"),
    ),
    minimum=1,
    maximum=1,
)

DESCRIPTION_WIDTH = 45
LIMIT = 100


def run(context: Context, argv: list[str]) -> int:
    """Print what was found, the most starred first."""
    flags = COMMAND.parse(argv)
    limit = flags.number("limit")
    if limit is not None and not 1 <= limit <= LIMIT:
        raise UsageError(f"limit {limit} is outside the range of [1, {LIMIT}]")
    filters = Filters(flags.all("filter"), {"is-official", "stars"})
    with context.engine() as engine:
        found = engine.registries.search(flags.arguments[0], limit=limit or 25)
    wanted = [one for one in found if _fits(one, filters)]
    wanted.sort(key=lambda one: -one.stars)
    sys.stdout.write(_listing(truncated=not flags.on("no-trunc")).show(wanted, flags.text("format")))
    return 0


def _fits(found: Found, filters: Filters) -> bool:
    stars = filters.all("stars")
    if not all(text.isdecimal() for text in stars):
        raise InvalidFilter(f"invalid filter 'stars={stars[0]}'")
    official = filters.flag("is-official")
    return (official is None or official == found.is_official) and all(found.stars >= int(text) for text in stars)


def _listing(*, truncated: bool) -> Listing:
    def description(found: Found) -> str:
        text = " ".join(found.description.split())
        return ellipsis(text, DESCRIPTION_WIDTH) if truncated else text

    return Listing(
        kind="search",
        table=("Name", "Description", "StarCount", "IsOfficial"),
        fields={
            "Name": Field(header="NAME", value=lambda found: found.name),
            "Description": Field(header="DESCRIPTION", value=description),
            "StarCount": Field(header="STARS", value=lambda found: found.stars),
            "IsOfficial": Field(header="OFFICIAL", value=lambda found: "[OK]" if found.is_official else ""),
        },
    )
