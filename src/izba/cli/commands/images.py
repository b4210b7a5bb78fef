"""`izba images`: list images."""

from __future__ import annotations

import sys
import time

from izba._record import Record
from izba.cli.options.flags import Command, Flag
from izba.cli.options.moments import moment
from izba.cli.output import humanise
from izba.cli.output.filters import Filters
from izba.cli.output.listing import Field, Listing
from izba.cli.output.userformat import list_format
from izba.engine.images.filters import LISTING, image_filter
from izba.ids import short
from izba.oci.reference import familiar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.cli.context import Context
    from izba.engine.images.listing import ImageSummary

COMMAND = Command(
    name="images",
    usage="[OPTIONS] [REPOSITORY[:TAG]]",
    summary="List images",
    aliases=("image ls", "image list"),
    flags=(
        Flag(name="all", short="a", help="Show all images (izba keeps no intermediate ones to hide)"),
        Flag(name="digests", help="Show digests"),
        Flag(name="filter", short="f", kind="list", shown="filter", help="Filter output based on conditions provided"),
        Flag(name="format", kind="string", help="Format output: 'table', 'table TEMPLATE', 'json' or a Go template"),
        Flag(name="no-trunc", help="Don't truncate output"),
        Flag(name="quiet", short="q", help="Only show image IDs"),
    ),
    maximum=1,
)

NONE = "<none>"


class Row(Record):
    """One line: an image under one of its names."""

    image: ImageSummary
    repository: str
    tag: str
    digest: str


def run(context: Context, argv: list[str]) -> int:
    """List the images that pass the filters."""
    flags = COMMAND.parse(argv)
    given = Filters(flags.all("filter"), LISTING)
    values = {name: given.all(name) for name in LISTING if name in given}
    if flags.arguments:
        values["reference"] = (*values.get("reference", ()), flags.arguments[0])
    until = [moment(text, time.time_ns()) for text in given.all("until")]
    with context.engine() as engine:
        images = engine.images.list(image_filter(engine.store, values, until=until))
    with_digests = flags.on("digests")
    listing = images_listing(truncated=not flags.on("no-trunc"), with_digests=with_digests)
    format_ = list_format(flags, "imagesFormat")
    rows = list(_rows(images, with_digests=with_digests or listing.uses(format_, "Digest")))
    sys.stdout.write(listing.ids(rows) if flags.on("quiet") else listing.show(rows, format_))
    return 0


def images_listing(*, truncated: bool, with_digests: bool) -> Listing:
    """The fields of an image's row."""
    now = time.time_ns()
    table = ("Repository", "Tag", *(("Digest",) if with_digests else ()), "ID", "CreatedSince", "Size")
    return Listing(
        kind="image",
        table=table,
        raw=(
            ("repository", "Repository"),
            ("tag", "Tag"),
            ("image_id", "ID"),
            ("created_at", "CreatedAt"),
            ("virtual_size", "Size"),
        ),
        fields={
            "ID": Field(header="IMAGE ID", value=lambda row: short(row.image.id) if truncated else row.image.id),
            "Repository": Field(header="REPOSITORY", value=lambda row: row.repository),
            "Tag": Field(header="TAG", value=lambda row: row.tag),
            "Digest": Field(header="DIGEST", value=lambda row: row.digest),
            "CreatedSince": Field(header="CREATED", value=lambda row: since(row.image.created, now)),
            "CreatedAt": Field(header="CREATED AT", value=lambda row: local_time(row.image.created)),
            "Size": Field(header="SIZE", value=lambda row: humanise.size(row.image.size)),
            "VirtualSize": Field(header="SIZE", value=lambda row: humanise.size(row.image.size)),
            "SharedSize": Field(header="SHARED SIZE", value=lambda _: "N/A"),
            "UniqueSize": Field(header="UNIQUE SIZE", value=lambda _: "N/A"),
            "Containers": Field(header="CONTAINERS", value=lambda _: "N/A"),
        },
    )


def since(created: int, now: int) -> str:
    """How long ago, in lists' words; reproducible images may have no time."""
    return humanise.ago((now - created) / 1e9) if created else "N/A"


def local_time(nanoseconds: int) -> str:
    """As Go prints a time: `2024-02-29 13:00:00 +0100 CET`."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", time.localtime(nanoseconds // 10**9))


def _rows(images: Iterable[ImageSummary], *, with_digests: bool) -> Iterable[Row]:
    """Docker's rows: one for each tag (and digest of its repository), one for a repository known by digest alone."""
    for image in images:
        if not image.tags and not image.digests:
            yield Row(image=image, repository=NONE, tag=NONE, digest=NONE)
        digests: dict[str, list[str]] = {}
        for name in image.digests:
            repository, _, digest = familiar(name).partition("@")
            digests.setdefault(repository, []).append(digest)
        tagged = [familiar(name).rpartition(":") for name in image.tags]
        for repository, _, tag in tagged:
            for digest in digests.get(repository, [NONE]) if with_digests else [NONE]:
                yield Row(image=image, repository=repository, tag=tag, digest=digest)
        for repository in digests.keys() - {repository for repository, _, _ in tagged}:
            for digest in digests[repository] if with_digests else [""]:
                yield Row(image=image, repository=repository, tag=NONE, digest=digest)
