"""What `run` and `create` share: an image found or made, a container of it, and its id in a file."""

from __future__ import annotations

import os
import sys

from izba.cli.options.flags import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Flags
    from izba.engine.containers.model import Container, ContainerRequest
    from izba.engine.engine import Engine


def create_with_image(engine: Engine, asked: ContainerRequest, flags: Flags) -> Container:
    """Create it, the image made first where that is wanted and needed. A cidfile must not be there yet."""
    from izba.engine.containers.create import create
    from izba.engine.containers.errors import ImageMissing

    path = flags.text("cidfile")
    if path and os.path.lexists(path):
        raise UsageError(f"container ID file found, make sure the other container isn't running or delete {path}")
    try:
        return create(engine, asked)
    except ImageMissing:
        if asked.pull == "never" or not (flags.on("bootstrap") or os.environ.get("IZBA_BOOTSTRAP") == "1"):
            raise
        bootstrap(engine, asked.image, quiet=flags.on("quiet"))
    return create(engine, asked.replace(pull="missing"))


def bootstrap(engine: Engine, image: str, *, quiet: bool) -> None:
    """Make a base image from distribution packages. Raises what `izba image bootstrap` does."""
    from izba.bootstrap.catalog import bootstrap as make
    from izba.cli.output.steps import steps
    from izba.oci.reference import Reference

    with steps(sys.stderr, "none" if quiet else "auto") as progress:
        make(engine, Reference.parse(image), progress)


def write_cidfile(path: str, container: Container) -> None:
    """Write the id where `--cidfile` says."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, container.id.encode())
    finally:
        os.close(fd)
