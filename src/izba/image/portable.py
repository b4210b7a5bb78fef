"""An image as it can leave this store byte for byte."""

from __future__ import annotations

from izba.image.image import Documents
from izba.jsonio import dumps_ordered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.documents import Manifest
    from izba.store.store import Store


def portable(store: Store, image: Documents) -> Documents:
    """`image`, or the same with layers as they are here.

    A layer that was unpacked already is not fetched again in another compression, so a pulled manifest can name a blob
    that never came. The config, and with it the id, stays; only the manifest is another one.
    """
    pairs = list(zip(image.layers, image.diff_ids, strict=True))
    if all(layer.digest == diff_id or store.content.has(layer.digest) for layer, diff_id in pairs):
        return image
    layers = [
        layer if store.content.has(layer.digest) else store.layers.descriptor(diff_id) for layer, diff_id in pairs
    ]
    manifest: Manifest = {**image.manifest, "layers": [layer.to_document() for layer in layers]}
    return Documents(dumps_ordered(manifest).encode(), image.config_bytes)
