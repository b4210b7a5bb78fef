"""`izba pull`: download an image from a registry."""

from __future__ import annotations

import sys

from izba.cli.options import environment
from izba.cli.options.flags import Command, Flag, UsageError
from izba.oci.reference import DEFAULT_TAG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.engine import Engine
    from izba.oci.platform import Platform
    from izba.oci.reference import Reference

COMMAND = Command(
    name="pull",
    usage="[OPTIONS] NAME[:TAG|@DIGEST]",
    summary="Download an image from a registry",
    aliases=("image pull",),
    flags=(
        Flag(name="all-tags", short="a", help="Download all tagged images in the repository"),
        Flag(
            name="platform",
            kind="string",
            help="Set platform if the registry's image is multi-platform capable (or DOCKER_DEFAULT_PLATFORM)",
        ),
        Flag(name="quiet", short="q", help="Suppress verbose output"),
    ),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Pull one image, or every tag of a repository."""
    flags = COMMAND.parse(argv)
    from izba.oci.platform import Platform
    from izba.oci.reference import Reference

    reference = Reference.parse(flags.arguments[0])
    wanted = environment.platform(flags)
    platform = Platform.parse(wanted) if wanted else None
    every, quiet = flags.on("all-tags"), flags.on("quiet")
    if every and (reference.digest or is_tagged(flags.arguments[0])):
        raise UsageError("tag can't be used with --all-tags/-a")
    with context.engine() as engine:
        engine.enter_user_namespace()
        if not every:
            if not quiet and reference.tag == DEFAULT_TAG and not is_tagged(flags.arguments[0]):
                print(f"Using default tag: {DEFAULT_TAG}")
            _pull(engine, reference, platform, quiet=quiet)
        else:
            for tag in sorted(engine.registries.client(reference).tags()):
                _pull(engine, reference.replace(tag=tag), platform, quiet=quiet)
    return 0


def is_tagged(text: str) -> bool:
    """Whether a name has a tag, as it was typed."""
    return ":" in text.rpartition("/")[2].partition("@")[0]


def _pull(engine: Engine, reference: Reference, platform: Platform | None, *, quiet: bool) -> None:
    from izba.cli.output.transfer import Transfer

    if not quiet:
        print(f"{reference.digest or reference.tag}: Pulling from {reference.path}", flush=True)
    with Transfer(sys.stdout, quiet=quiet) as shown:
        pulled = engine.registries.pull(reference, platform=platform, report=shown.report)
    if not quiet:
        status = "Downloaded newer image" if pulled.is_new else "Image is up to date"
        print(f"Digest: {pulled.digest}\nStatus: {status} for {reference.familiar()}")
    print(reference.canonical())
