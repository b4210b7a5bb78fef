"""`izba load`."""

from __future__ import annotations

import os

from izba.cli.binary import open_input
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.engine import Engine
    from izba.image.loading import Loaded

COMMAND = Command(
    name="load",
    usage="[OPTIONS]",
    summary="Load an image from a tar archive or STDIN",
    flags=(
        Flag(name="input", short="i", kind="string", help="Read from a tar archive file, instead of STDIN"),
        Flag(name="quiet", short="q", help="Suppress the load output"),
    ),
    maximum=0,
    aliases=("image load",),
)


def run(context: Context, argv: list[str]) -> int:
    """Run the command."""
    flags = COMMAND.parse(argv)
    with context.engine() as engine:
        engine.enter_user_namespace()
        for loaded in _load(engine, flags.text("input")):
            _tell(loaded)
    return 0


def _load(engine: Engine, path: str | None) -> list[Loaded]:
    from izba.engine import archives

    if path is not None and os.path.isdir(path):
        return archives.load(engine, path)
    with open_input(path, what="load") as stream:
        return archives.load(engine, stream, again=stream.again)


def _tell(loaded: Loaded) -> None:
    for reference, id in loaded.displaced:
        print(
            f"The image {reference.familiar()} already exists, renaming the old one with ID {id} to empty string",
        )
    for reference in loaded.references:
        print(f"Loaded image: {reference.familiar()}")
    if not loaded.references:
        print(f"Loaded image ID: {loaded.image.id}")
