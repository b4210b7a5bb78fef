"""izba's own store as a source of copies."""

from __future__ import annotations

from izba.errors import NotFound
from izba.image import layout
from izba.image.portable import portable
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.registry.client import Manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from izba.image.image import Documents
    from izba.image.stored import StoredImage
    from izba.store.store import Store

CHUNK = 1 << 20


class FromImages:
    """See `Source`: images for several platforms, under an index that is made here. Their layers are as they are."""

    def __init__(self, store: Store, images: Sequence[Documents], what: str) -> None:
        self.what = what
        self._store = store
        self._images = {image.descriptor.digest: image for image in images}
        self._index = layout.index([(image, ()) for image in images])

    def root(self) -> Manifest:
        """See `Source`."""
        digest = Digest.of(self._index)
        descriptor = Descriptor(media_type=mediatype.OCI_INDEX, digest=digest, size=len(self._index))
        return Manifest(descriptor=descriptor, data=self._index)

    def child(self, entry: Descriptor) -> Manifest:
        """See `Source`."""
        image = self._images[entry.digest]
        return Manifest(descriptor=image.descriptor, data=image.manifest_bytes)

    def blob(self, blob: Descriptor) -> Iterator[bytes]:
        """See `Source`."""
        return stored_blob(self._store, blob)

    def close(self) -> None:
        """See `Source`; the store is its owner's to close."""


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
            return iter((self._image.config_bytes,))
        return stored_blob(self._store, blob)

    def close(self) -> None:
        """See `Source`; the store is its owner's to close."""


def stored_blob(store: Store, blob: Descriptor) -> Iterator[bytes]:
    """What the store keeps as a file, or a layer whose tar is written again."""
    with (
        store.content.open(blob.digest)
        if store.content.has(blob.digest)
        else store.layers.open_tar(blob.digest) as file
    ):
        while data := file.read(CHUNK):
            yield data
