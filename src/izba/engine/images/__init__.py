"""What can be done with images, as `engine.images`; each verb is a module of this package."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from izba.engine.engine import Engine
    from izba.engine.images.filters import ImageFilter
    from izba.engine.images.history import HistoryEntry
    from izba.engine.images.listing import ImageSummary
    from izba.engine.images.prune import Pruned
    from izba.engine.images.remove import Removed
    from izba.image.stored import StoredImage


class Images:
    """The images of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def require(self, name_or_id: str) -> StoredImage:
        """The image. Raises `ImageNotFound`."""
        from izba.image.stored import require

        return require(self._engine.store, name_or_id)

    def list(self, filter: ImageFilter | None = None) -> Sequence[ImageSummary]:
        """The images that pass the filter, the latest created first."""
        from izba.engine.images.listing import list_images

        return list_images(self._engine, filter)

    def inspect(self, name_or_id: str) -> dict[str, Any]:
        """All about an image, in the form of Docker's API. Raises `ImageNotFound`."""
        from izba.engine.images.inspect import inspect

        return inspect(self._engine, name_or_id)

    def history(self, name_or_id: str) -> Sequence[HistoryEntry]:
        """How the image was made, the last step first. Raises `ImageNotFound`."""
        from izba.engine.images.history import history

        return history(self._engine, name_or_id)

    def tag(self, name_or_id: str, name: str) -> None:
        """Give an image one more name. Raises `ImageNotFound`, `InvalidReference`."""
        from izba.engine.images.tag import tag

        tag(self._engine, name_or_id, name)

    def remove(self, name_or_id: str, *, force: bool = False) -> Sequence[Removed]:
        """Remove a name, or the image itself with its last name. Raises `ImageNotFound`, `ImageInUse`."""
        from izba.engine.images.remove import remove

        return remove(self._engine, name_or_id, force=force)

    def prune(self, filter: ImageFilter | None = None, *, all: bool = False) -> Pruned:
        """Remove the images without name, or `all` that no container uses."""
        from izba.engine.images.prune import prune

        return prune(self._engine, filter, all=all)
