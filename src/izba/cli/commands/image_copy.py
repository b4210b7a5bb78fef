"""`izba image copy`: between registries, archives, image layouts and the store."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="image copy",
    usage="[OPTIONS] SOURCE DESTINATION",
    summary="Copy an image: NAME, docker-archive:FILE[:NAME], oci-archive:FILE[:TAG], oci:DIR[:TAG] or store:NAME",
    flags=(
        Flag(name="all", short="a", help="Copy the images of all platforms and their index"),
        Flag(name="compression", kind="string", shown="gzip|zstd", help="Compress layers that are not (default gzip)"),
        Flag(name="platform", kind="string", help="Copy the image for this platform"),
        Flag(name="quiet", short="q", help="Print only the digest"),
    ),
    minimum=2,
    maximum=2,
)


def run(context: Context, argv: list[str]) -> int:
    """Copy, and print the digest of what is there then."""
    flags = COMMAND.parse(argv)
    from izba.cli.output.transfer import Transfer
    from izba.engine.copying import CopyRequest, copy
    from izba.image.copying.places import parse
    from izba.oci.platform import Platform

    source, target = map(parse, flags.arguments)
    platform, compression = flags.text("platform"), flags.text("compression") or "gzip"
    if compression not in {"gzip", "zstd"}:
        raise UsageError(f"--compression is gzip or zstd, not {compression!r}")
    if platform and flags.on("all"):
        raise UsageError("--all and --platform exclude each other")
    request = CopyRequest(
        source=source,
        target=target,
        platform=Platform.parse(platform) if platform else None,
        every=flags.on("all"),
        compression="zstd" if compression == "zstd" else "gzip",
    )
    with context.engine() as engine:
        engine.enter_user_namespace()
        with Transfer(sys.stderr, quiet=flags.on("quiet")) as shown:
            print(copy(engine, request, report=shown.report))
    return 0
