"""New images from configs and layers: what a build, a commit, an import and a bootstrap end with."""

from __future__ import annotations

from izba.errors import InvalidArgument
from izba.image.stored import StoredImage
from izba.jsonio import dumps_ordered
from izba.oci import mediatype
from izba.oci.chain import LAYERS_LIMIT, chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.platform import Platform
from izba.store.images import ImageRow
from izba.store.layers import LayerNotFound
from izba.timestamps import parse_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.oci.documents import ImageConfig, Manifest
    from izba.oci.reference import Reference
    from izba.store.store import Store


class TooManyLayers(InvalidArgument):
    """An image would have more layers than a container can have."""

    def __init__(self, count: int) -> None:
        super().__init__(
            f"the image would have {count} layers, and a container can have {LAYERS_LIMIT} at most",
            hint="let fewer instructions change files: join RUN commands, or COPY a directory instead of its files",
        )
        self.count = count


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
    Raises `TooManyLayers`.
    """
    if len(layers) > LAYERS_LIMIT:
        raise TooManyLayers(len(layers))
    config_bytes = dumps_ordered(config).encode()
    config_descriptor = _describe(config_bytes, mediatype.OCI_CONFIG)
    manifest: Manifest = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": config_descriptor.to_document(),
        "layers": [layer.to_document() for layer in layers],
    }
    if annotations:
        manifest["annotations"] = dict(annotations)
    manifest_bytes = dumps_ordered(manifest).encode()
    with store.lease("create an image"):
        if layers:
            store.snapshots.begin_small_sync()  # so that one wait of the disk's is enough for layers and documents
        store.content.put_together((config_bytes, mediatype.OCI_CONFIG), (manifest_bytes, mediatype.OCI_MANIFEST))
        return _enter(store, _describe(manifest_bytes, mediatype.OCI_MANIFEST), manifest, config, name)


def _describe(data: bytes, media_type: str) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(data), size=len(data))


def register(store: Store, manifest: Descriptor, name: Reference | None = None) -> StoredImage:
    """Make a stored manifest an image of this store, and name it, in one step; its layers are unpacked before.

    Called under the lease that the parts were stored under. Raises `InvalidDocument` where manifest or config break
    the image-spec, `LayerNotFound` if a layer was not unpacked.
    """
    from izba.oci import validate

    document = validate.manifest(store.content.read(manifest.digest), media_type=manifest.media_type)
    config_bytes = store.content.read(Digest(document["config"]["digest"]))
    config = validate.config(config_bytes, layers=len(document["layers"]))
    return _enter(store, manifest, document, config, name)


def _enter(
    store: Store, descriptor: Descriptor, manifest: Manifest, config: ImageConfig, name: Reference | None
) -> StoredImage:
    """Insert the rows, once all files they speak of are on the disk."""
    diff_ids = [Digest.parse(text) for text in config["rootfs"]["diff_ids"]]
    platform = Platform.of(config["os"], config["architecture"], config.get("variant", ""))
    row = ImageRow(
        manifest=descriptor.digest,
        id=Digest.parse(manifest["config"]["digest"]),
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
    children = [Descriptor.from_document(child) for child in (manifest["config"], *manifest["layers"])]
    with store.db.transaction(durable=True):
        if row.chain_id is not None and not store.snapshots.has(row.chain_id):
            raise LayerNotFound(row.chain_id)
        store.images.insert(row, children)
        if name is not None:
            store.names.set(name, descriptor)
    found = store.images.by_manifest(descriptor.digest)
    assert found is not None
    return StoredImage(store, found)
