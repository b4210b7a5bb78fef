"""The layers of an image compressed, for an archive that is to be small."""

from __future__ import annotations

from izba.image.image import Documents
from izba.jsonio import dumps_ordered
from izba.layer.compress import compressor
from izba.oci import mediatype
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.layer.compress import Kind
    from izba.oci.descriptor import Descriptor
    from izba.oci.documents import Manifest
    from izba.store.store import Store


def compressed(store: Store, image: Documents, kind: Kind) -> Documents:
    """`image` with the layers that izba made compressed; those that came compressed stay as they are.

    The blobs are kept as long as the caller's lease lasts. Config and id stay; only the manifest is another one.
    """
    if kind == "none":
        return image
    layers = [
        compressed_layer(store, diff_id, kind) if layer.digest == diff_id else layer
        for layer, diff_id in zip(image.layers, image.diff_ids, strict=True)
    ]
    manifest: Manifest = {**image.manifest, "layers": [layer.to_document() for layer in layers]}
    return Documents(dumps_ordered(manifest).encode(), image.config_bytes)


def compressed_layer(store: Store, diff_id: Digest, kind: Kind) -> Descriptor:
    """One layer that izba made, as a blob that is kept as long as the caller's lease lasts."""
    with store.content.ingest(f"{kind} of {diff_id}") as ingest:
        out = compressor(ingest, kind)
        store.layers.write_tar(diff_id, out)
        out.close()
        return ingest.commit(mediatype.FORMS[kind])
