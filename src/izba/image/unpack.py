"""From layers to committed snapshots: each kept blob is decompressed, verified and applied in one pass."""

from __future__ import annotations

from izba._record import Record
from izba.ids import new_id
from izba.oci import mediatype
from izba.oci.chain import next_chain_id
from izba.oci.digest import DigestMismatch, VerifiedReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.image.image import Documents
    from izba.oci.descriptor import Descriptor
    from izba.oci.digest import Digest
    from izba.store.store import Store

UNPACK_SECONDS = 1800.0
"""How long to wait while another process unpacks the same layer."""


class Wanted(Record):
    """A layer in its place: applied on `parent`, it becomes the snapshot `chain`."""

    layer: Descriptor
    diff_id: Digest
    parent: Digest | None
    chain: Digest


def unpack(store: Store, image: Documents, *, progress: Callable[[Descriptor], None] | None = None) -> Digest | None:
    """Make the snapshots of an image whose layers are in the content store; the chain id of the topmost.

    What exists is skipped. Raises `DigestMismatch` where a blob, its size or its tar is not what manifest and config
    say.
    """
    chain: Digest | None = None
    with store.lease("unpack"):
        for descriptor, diff_id in zip(image.layers, image.diff_ids, strict=True):
            parent, chain = chain, next_chain_id(chain, diff_id)
            with store.lock(f"unpack-{chain.hex}", what=f"layer {diff_id}", timeout=UNPACK_SECONDS):
                if not store.snapshots.has(chain):
                    unpack_layer(store, descriptor, diff_id, parent=parent, chain=chain)
            if progress is not None:
                progress(descriptor)
    return chain


def unpack_layer(store: Store, layer: Descriptor, diff_id: Digest, *, parent: Digest | None, chain: Digest) -> None:
    """Apply one blob of the content store on top of `parent`, as `chain`."""
    key = f"unpack-{new_id()}"
    store.snapshots.prepare(key, parent)
    try:
        size = _apply(store, key, layer, diff_id)
        store.layers.record(diff_id, size, blob=layer.digest if store.content.has(layer.digest) else None)
        store.snapshots.commit(chain, key, diff_id=diff_id, size=size)
    except BaseException:
        store.snapshots.remove(key)
        raise


def would_be_rewritten(store: Store, key: str, frame: Digest) -> bool:
    """Whether a tar that was just applied, with this frame, is what izba would write; not asked of whole trees."""
    if store.snapshots.kind != "overlay":
        return False
    from izba.layer import diff
    from izba.layer.fsops import fsops
    from izba.linux.overlay import encoding

    return diff.frame(store.snapshots.upper(key), ops=fsops(), overlay=encoding()) == frame


def _apply(store: Store, key: str, layer: Descriptor, diff_id: Digest) -> int:
    """Decompress and apply; the size of the tar. Both the blob and the tar are hashed on the way."""
    from izba.layer.compress import decompressor

    if layer.digest == diff_id and not store.content.has(diff_id):  # kept only as files, in another stack
        with store.layers.open_tar(diff_id) as tar:
            return store.snapshots.apply(key, tar).size
    with store.content.open(layer.digest) as file:
        blob = VerifiedReader(file, digest=layer.digest, size=layer.size, what=f"layer {layer.digest}")
        applied = store.snapshots.apply(key, decompressor(blob, expected=mediatype.compression(layer.media_type)))
        blob.finish()
    if applied.diff_id != diff_id:
        raise DigestMismatch(f"the tar of layer {layer.digest}", expected=diff_id, actual=applied.diff_id)
    return applied.size
