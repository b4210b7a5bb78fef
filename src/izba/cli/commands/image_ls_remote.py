"""`izba image ls-remote`: the tags that a registry has."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="image ls-remote",
    usage="[OPTIONS] REPOSITORY",
    summary="List the tags of a repository on a registry",
    flags=(Flag(name="digests", help="Show what each tag names (a request for each)"),),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """A line for each tag, in the order of their letters."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.columns import align
    from izba.oci.reference import Reference, is_tag

    with context.engine() as engine:
        client = engine.registries.client(Reference.parse(flags.arguments[0]))
        tags = sorted(tag for tag in client.tags() if is_tag(tag))
        if not flags.on("digests"):
            sys.stdout.write("".join(f"{tag}\n" for tag in tags))
            return 0
        found = [(tag, client.exists(tag)) for tag in tags]
    rows = [[tag, manifest.digest] for tag, manifest in found if manifest is not None]
    sys.stdout.write(align([["TAG", "DIGEST"], *rows]))
    return 0
