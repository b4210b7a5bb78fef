"""Images and root file systems in and out of files: save, load, import, export."""

from __future__ import annotations

import time

from izba.engine import eventlog
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.engine.engine import Engine
    from izba.image.archive import Selected
    from izba.image.inbox import Again
    from izba.image.loading import Loaded
    from izba.image.stored import StoredImage
    from izba.layer.streams import Reader, Writer
    from izba.oci.reference import Reference


def select(engine: Engine, names: Sequence[str]) -> Sequence[Selected]:
    """The images to save; a name without a tag means all its tags. Raises `ImageNotFound`."""
    from izba.image import archive

    return archive.select(engine.store, names)


def save(engine: Engine, selection: Sequence[Selected], out: Writer) -> None:
    """Write the images to a stream as one archive."""
    from izba.image import archive

    archive.save(engine.store, selection, out)
    for each in selection:
        eventlog.emit_image(engine, "save", each.image.id, _name(each.references))


def load(engine: Engine, source: Reader | str, *, again: Again | None = None) -> list[Loaded]:
    """Load all images of an archive, from a stream or from a directory with an OCI image layout.

    `again` reads parts of the stream once more, where that is possible: the load is then faster.
    """
    from izba.image import loading

    if isinstance(source, str):
        loaded = loading.load_directory(engine.store, source)
    else:
        loaded = loading.load(engine.store, source, again=again)
    for each in loaded:
        eventlog.emit_image(engine, "load", each.image.id, _name(each.references))
    return loaded


def _name(references: Sequence[Reference]) -> str:
    return references[0].familiar() if references else ""


def import_root(
    engine: Engine,
    stream: Reader,
    *,
    name: str | None,
    message: str,
    changes: Sequence[str] = (),
    platform: str | None = None,
) -> StoredImage:
    """Make an image of a root file system's tar. Raises `InvalidReference`, `DockerfileError`, `BadTar`."""
    from izba.engine.changes import apply_changes
    from izba.image import importing
    from izba.oci.platform import Platform, host
    from izba.oci.reference import Reference

    reference = None if name is None else Reference.parse(name)
    if reference is not None and reference.digest is not None:
        raise InvalidArgument("cannot import digest reference")
    image = importing.import_root(
        engine.store,
        stream,
        defaults=apply_changes({}, changes),
        platform=Platform.parse(platform) if platform else host(),
        message=message,
        created=time.time_ns(),
        name=reference,
    )
    eventlog.emit_image(engine, "import", image.id, reference.familiar() if reference else "")
    return image


def export(engine: Engine, container: str, out: Writer) -> None:
    """Write the whole file system of a container as a tar. Raises `ContainerNotFound`."""
    from izba.engine.containers.model import require
    from izba.image import importing

    found = require(engine, container)
    importing.export_root(engine.store, found.id, out)
    eventlog.emit_container(engine, found, "export")
