"""`izba compose images`: the images of the project's containers."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext

COMMAND = Command(
    name="compose images",
    usage="[OPTIONS] [SERVICE...]",
    summary="List images used by the created containers",
    flags=(
        Flag(name="format", kind="string", help='Format the output: "table" or "json"'),
        Flag(name="quiet", short="q", help="Only display IDs"),
    ),
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """List them."""
    flags = COMMAND.parse(argv)
    from izba.cli.output import humanise
    from izba.cli.output.listing import Field, Listing
    from izba.compose.verbs.lifecycle import of_services
    from izba.engine.containers.model import Container
    from izba.ids import short
    from izba.image import stored
    from izba.oci.reference import Reference

    engine = compose.context.engine()
    containers = of_services(engine, compose.project(flags.arguments), flags.arguments)

    def reference(container: Container) -> Reference:
        return Reference.parse(container.config.get("Image", ""))

    def size(container: Container) -> str:
        image = stored.find(engine.store, container.image_id)
        return humanise.size(sum(layer.size for layer in image.layers)) if image else ""

    fields = {
        "Container": Field(header="CONTAINER", value=lambda c: c.name),
        "Repository": Field(header="REPOSITORY", value=lambda c: reference(c).familiar().rpartition(":")[0]),
        "Tag": Field(header="TAG", value=lambda c: reference(c).tag or ""),
        "Platform": Field(header="PLATFORM", value=lambda c: c.kept["Platform"]),
        "ID": Field(header="IMAGE ID", value=lambda c: short(c.image_id)),
        "Size": Field(header="SIZE", value=size),
    }
    listing = Listing(kind="Image", fields=fields, table=tuple(fields))
    if flags.on("quiet"):
        sys.stdout.write("".join(f"{each}\n" for each in dict.fromkeys(short(c.image_id) for c in containers)))
    else:
        sys.stdout.write(listing.show(containers, flags.text("format")))
    return 0
