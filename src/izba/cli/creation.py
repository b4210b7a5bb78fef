"""What `run` and `create` share: an image found or made, a container of it, and its id in a file."""

from __future__ import annotations

import os
import sys

from izba.cli.options.flags import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Flags
    from izba.engine.acquire import Bootstrap
    from izba.engine.containers.model import Container, ContainerRequest
    from izba.engine.engine import Engine
    from izba.image.stored import StoredImage
    from izba.oci.reference import Reference


def create_with_image(engine: Engine, asked: ContainerRequest, flags: Flags) -> Container:
    """Create it, the image made first where that is wanted and needed, and write its id where `--cidfile` says.

    The file must not be there yet; it is made first, so that there is no container whose id could not be written.
    """
    path = flags.text("cidfile")
    if not path:
        return _create(engine, asked, flags)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        message = f"container ID file found, make sure the other container isn't running or delete {path}"
        raise UsageError(message) from None
    except OSError as error:
        raise UsageError(f"failed to create the container ID file: {path}: {error.strerror}") from error
    try:
        container = _create(engine, asked, flags)
        os.write(fd, container.id.encode())
    except BaseException:
        os.unlink(path)
        raise
    finally:
        os.close(fd)
    return container


def _create(engine: Engine, asked: ContainerRequest, flags: Flags) -> Container:
    from izba.engine.containers.create import create
    from izba.engine.containers.errors import ImageMissing

    try:
        return create(engine, asked)
    except ImageMissing:
        bring_image(engine, asked, flags)
    return create(engine, asked.replace(pull="missing"))


def bring_image(engine: Engine, asked: ContainerRequest, flags: Flags) -> None:
    """Pull the image, or make it from packages where that was asked for; told on stderr."""
    from izba.cli.output.transfer import Transfer
    from izba.engine.acquire import acquire

    quiet = flags.on("quiet")
    wanted = flags.on("bootstrap") or os.environ.get("IZBA_BOOTSTRAP") == "1"

    def missing(name: str) -> None:
        if not quiet:
            print(f"Unable to find image {name!r} locally", file=sys.stderr, flush=True)

    with Transfer(sys.stderr, quiet=quiet) as shown:
        acquire(
            engine,
            asked.image,
            pull=asked.pull,
            platform=asked.platform or None,
            bootstrap=partial_bootstrap(quiet=quiet) if wanted else None,
            report=shown.report,
            missing=missing,
        )


def partial_bootstrap(*, quiet: bool) -> Bootstrap:
    """Make base images from distribution packages, told on stderr."""

    def make(engine: Engine, reference: Reference) -> StoredImage:
        from izba.bootstrap.catalog import bootstrap
        from izba.cli.output.steps import steps

        with steps(sys.stderr, "none" if quiet else "auto") as progress:
            return bootstrap(engine, reference, progress)

    return make
