"""`izba pull`: download an image from a registry."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="pull",
    usage="[OPTIONS] NAME[:TAG|@DIGEST]",
    summary="Download an image from a registry",
    aliases=("image pull",),
    flags=(
        Flag(name="all-tags", short="a", help="Download all tagged images in the repository"),
        Flag(name="platform", kind="string", help="Set platform if the registry's image is multi-platform capable"),
        Flag(name="quiet", short="q", help="Suppress verbose output"),
    ),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Pull one image, or every tag of a repository."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.transfer import Transfer
    from izba.oci.platform import Platform
    from izba.oci.reference import Reference

    reference = Reference.parse(flags.arguments[0])
    wanted = flags.text("platform")
    platform = Platform.parse(wanted) if wanted else None
    quiet = flags.on("quiet")
    with context.engine() as engine:
        engine.enter_user_namespace()
        registries = engine.registries
        tags: list[str | None] = [reference.tag]
        if flags.on("all-tags"):
            tags = [*sorted(registries.client(reference).tags())]
        for tag in tags:
            one = reference.replace(tag=tag)
            if not quiet:
                print(f"{tag or one.digest}: Pulling from {one.path}", flush=True)
            with Transfer(sys.stdout, quiet=quiet) as shown:
                image = registries.pull(one, platform=platform, report=shown.report)
            if not quiet:
                print(f"Digest: {image.descriptor.digest}\nStatus: Image is in the store for {one.familiar()}")
            print(one.canonical())
    return 0
