"""`izba import`."""

from __future__ import annotations

from izba.cli.binary import open_input
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from izba.cli.context import Context
    from izba.layer.streams import Reader

COMMAND = Command(
    name="import",
    usage="[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
    summary="Import the contents from a tarball to create a filesystem image",
    flags=(
        Flag(name="change", short="c", kind="list", help="Apply Dockerfile instruction to the created image"),
        Flag(name="message", short="m", kind="string", help="Set commit message for imported image"),
        Flag(name="platform", kind="string", help="Set platform of the image, as OS/ARCHITECTURE[/VARIANT]"),
    ),
    minimum=1,
    maximum=2,
    aliases=("image import",),
)


def run(context: Context, argv: list[str]) -> int:
    """Run the command."""
    flags = COMMAND.parse(argv)
    from izba.engine import archives

    source, *name = flags.arguments
    with context.engine() as engine:
        engine.enter_user_namespace()
        with _open(source) as stream:
            image = archives.import_root(
                engine,
                stream,
                name=name[0] if name else None,
                message=flags.text("message") or f"Imported from {source}",
                changes=flags.all("change"),
                platform=flags.text("platform"),
            )
    print(image.id)
    return 0


def _open(source: str) -> AbstractContextManager[Reader]:
    if source.startswith(("http://", "https://")):
        from izba.build.download import open_url

        return open_url(source)
    return open_input(None if source == "-" else source, what="import")
