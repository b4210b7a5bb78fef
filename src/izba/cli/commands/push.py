"""`izba push`: upload an image to a registry."""

from __future__ import annotations

import sys

from izba.cli.commands.pull import is_tagged
from izba.cli.options.flags import Command, Flag, UsageError
from izba.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.oci.reference import Reference
    from izba.store.store import Store

COMMAND = Command(
    name="push",
    usage="[OPTIONS] NAME[:TAG]",
    summary="Upload an image to a registry",
    aliases=("image push",),
    flags=(
        Flag(name="all-tags", short="a", help="Push all tags of an image to the repository"),
        Flag(name="compression", kind="string", shown="gzip|zstd", help="Compress the layers izba made (default gzip)"),
        Flag(name="quiet", short="q", help="Suppress verbose output"),
    ),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Push one image, or every tag of a repository."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.transfer import Transfer
    from izba.oci.reference import Reference

    reference = Reference.parse(flags.arguments[0])
    compression = flags.text("compression") or "gzip"
    if compression not in {"gzip", "zstd"}:
        raise UsageError(f"--compression is gzip or zstd, not {compression!r}")
    if reference.digest is not None:
        raise UsageError("cannot push a digest reference")
    quiet, every = flags.on("quiet"), flags.on("all-tags")
    if every and is_tagged(flags.arguments[0]):
        raise UsageError("tag can't be used with --all-tags/-a")
    with context.engine() as engine:
        engine.enter_user_namespace()
        references = _all_tags(engine.store, reference) if every else [reference]
        if not quiet:
            if not every and not is_tagged(flags.arguments[0]):
                print(f"Using default tag: {reference.tag}")
            print(f"The push refers to repository [{reference.name}]", flush=True)
        for one in references:
            with Transfer(sys.stdout, quiet=quiet) as shown:
                pushed = engine.registries.push(
                    one, compression="zstd" if compression == "zstd" else "gzip", report=shown.report
                )
            print(one.canonical() if quiet else f"{one.tag}: digest: {pushed.digest} size: {pushed.size}")
    return 0


def _all_tags(store: Store, reference: Reference) -> list[Reference]:
    """Raises `NotFound` where the repository has none here; Docker's sentence."""
    tags = [name.rpartition(":")[2] for name, _ in store.names.all() if name.startswith(f"{reference.name}:")]
    if not tags:
        raise NotFound(f"An image does not exist locally with the tag: {reference.familiar_name}")
    return [reference.replace(tag=tag) for tag in tags]
