"""izba's own store as a source of copies."""

from __future__ import annotations

from izba.errors import NotFound
from izba.image.portable import portable
from izba.oci.descriptor import Descriptor
from izba.registry.client import Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.image.stored import StoredImage

CHUNK = 1 << 20


class FromStore:
    """See `Source`."""

    def __init__(self, image: StoredImage, what: str) -> None:
        self.what = what
        self._store = image.store
        self._image = portable(image.store, image)

    def root(self) -> Manifest:
        """See `Source`."""
        return Manifest(descriptor=self._image.descriptor, data=self._image.manifest_bytes)

    def child(self, entry: Descriptor) -> Manifest:
        """See `Source`; the store keeps images and no indexes."""
        raise NotFound(f"{self.what} has no manifest {entry.digest}")

    def blob(self, blob: Descriptor) -> Iterator[bytes]:
        """See `Source`."""
        if blob.digest == self._image.id:
            yield self._image.config_bytes
            return
        if self._store.content.has(blob.digest):
            with self._store.content.open(blob.digest) as file:
                while data := file.read(CHUNK):
                    yield data
            return
        with self._store.layers.open_tar(blob.digest) as tar:
            while data := tar.read(CHUNK):
                yield data

    def close(self) -> None:
        """See `Source`; the store is its owner's to close."""
