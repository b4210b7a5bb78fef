"""New images from configs and layers: what a build, a commit, an import and a bootstrap end with."""

from __future__ import annotations

from izba.image.stored import StoredImage
from izba.jsonio import dumps_ordered, loads
from izba.oci import mediatype
from izba.oci.chain import chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.platform import Platform
from izba.store.images import ImageRow
from izba.timestamps import parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.oci.documents import ImageConfig, Manifest
    from izba.oci.reference import Reference
    from izba.store.store import Store


def create_image(
    store: Store,
    *,
    config: ImageConfig,
    layers: Sequence[Descriptor],
    name: Reference | None = None,
    annotations: Sequence[tuple[str, str]] = (),
) -> StoredImage:
    """Store an image made of `layers`, lowest first, whose snapshots or blobs are in the store; and name it.

    The same config and layers give the same image. Whoever made the layers still holds the lease they were made under.
    """
    config_bytes = dumps_ordered(config).encode()
    with store.lease("create an image"):
        config_descriptor = store.content.put(config_bytes, mediatype.OCI_CONFIG)
        manifest: Manifest = {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_MANIFEST,
            "config": config_descriptor.to_document(),
            "layers": [layer.to_document() for layer in layers],
        }
        if annotations:
            manifest["annotations"] = dict(annotations)
        manifest_bytes = dumps_ordered(manifest).encode()
        descriptor = store.content.put(manifest_bytes, mediatype.OCI_MANIFEST)
        return register(store, descriptor, name)


def register(store: Store, manifest: Descriptor, name: Reference | None = None) -> StoredImage:
    """Make a stored, validated manifest an image of this store, and name it, in one step; its layers are unpacked
    before.

    Called under the lease that the parts were stored under. Raises `LayerNotFound` if a layer was not unpacked.
    """
    document: Manifest = loads(store.content.read(manifest.digest))
    id = Digest(document["config"]["digest"])
    config: ImageConfig = loads(store.content.read(id))
    diff_ids = [Digest.parse(text) for text in config["rootfs"]["diff_ids"]]
    platform = Platform.of(config["os"], config["architecture"], config.get("variant", ""))
    row = ImageRow(
        manifest=manifest.digest,
        id=id,
        chain_id=chain_id(diff_ids),
        created=parse_time(config.get("created")),
        stored=0,
        size=sum(store.layers.size(diff_id) for diff_id in diff_ids),
        os=platform.os,
        architecture=platform.architecture,
        variant=platform.variant,
        labels=tuple(((config.get("config") or {}).get("Labels") or {}).items()),
    )
    if diff_ids:
        store.snapshots.sync()  # the image outlives a crash of the machine, so its layers must
    children = [Descriptor.from_document(child) for child in (document["config"], *document["layers"])]
    with store.db.transaction(durable=True):
        store.images.insert(row, children)
        if name is not None:
            store.names.set(name, manifest)
    found = store.images.by_manifest(manifest.digest)
    assert found is not None
    return StoredImage(store, found)
