"""One more name for an image."""

from __future__ import annotations

from izba.engine import eventlog
from izba.errors import InvalidArgument
from izba.image.stored import require
from izba.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine


def tag(engine: Engine, name_or_id: str, name: str) -> None:
    """Let `name` mean the image, whatever it meant before. Raises `ImageNotFound`, `InvalidReference`."""
    reference = Reference.parse(name)
    if reference.digest is not None:
        raise InvalidArgument("refusing to create a tag with a digest reference")
    if reference.familiar_name == "sha256":  # sha256:abc would then be both a tag and the beginning of an id
        raise InvalidArgument("refusing to create an ambiguous tag using digest algorithm as name")
    image = require(engine.store, name_or_id)
    engine.store.names.set(reference, image.descriptor)
    eventlog.emit_image(engine, "tag", image.id, reference.familiar())
