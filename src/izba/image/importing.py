"""Root file systems in and out: `import` makes an image of one, `export` writes one, `commit` keeps what a container
changed as a layer.
"""

from __future__ import annotations

import os

from izba.ids import new_id
from izba.image.merged import open_merged
from izba.image.mutate import create_image
from izba.layer.compress import decompressor
from izba.layer.diff import write_layer
from izba.layer.fsops import fsops
from izba.layer.streams import Discard
from izba.oci.chain import next_chain_id
from izba.store.rewrite import RewrittenTar
from izba.timestamps import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.image.stored import StoredImage
    from izba.layer.streams import Reader, Writer
    from izba.oci.descriptor import Descriptor
    from izba.oci.digest import Digest
    from izba.oci.documents import ContainerDefaults, ImageConfig
    from izba.oci.platform import Platform
    from izba.oci.reference import Reference
    from izba.store.store import Store


def import_root(
    store: Store,
    stream: Reader,
    *,
    defaults: ContainerDefaults,
    platform: Platform,
    message: str,
    created: int,
    name: Reference | None,
) -> StoredImage:
    """An image of one layer from the tar of a root file system, compressed or not. `created` is in nanoseconds.

    The layer is the tree, not the tar it came in: the same files give the same layer, whoever packed them.
    """
    with store.lease("import"):
        layer = _committed(store, None, lambda key: _unpacked(store, key, stream))
        when = format_time(created)
        config: ImageConfig = {
            "created": when,
            "architecture": platform.architecture,
            "os": platform.os,
            "config": defaults,
            "rootfs": {"type": "layers", "diff_ids": [layer.digest]},
            "history": [{"created": when, "comment": message}],
        }
        if platform.variant:
            config["variant"] = platform.variant
        return create_image(store, config=config, layers=[layer], name=name)


def commit_changes(store: Store, key: str, parent: Digest | None) -> Descriptor:
    """What the active snapshot `key` changed over `parent`, as a layer of the store; the snapshot stays as it is.

    Called under a lease that holds the layer until an image refers to it.
    """
    with RewrittenTar(store.snapshots, key) as tar:
        return _committed(store, parent, lambda new: _applied(store, new, tar))


def export_root(store: Store, key: str, out: Writer) -> None:
    """Write the whole tree that the active snapshot `key` shows, as a tar."""
    fd = open_merged(store, key)
    try:
        write_layer(f"/proc/self/fd/{fd}/.", out, ops=fsops(), overlay=None, marked=True)
    finally:
        os.close(fd)


def _committed(store: Store, parent: Digest | None, fill: Callable[[str], tuple[Digest, int]]) -> Descriptor:
    """Commit a new snapshot that `fill` fills and tells the diff_id and size of."""
    key = f"import-{new_id()}"
    store.snapshots.prepare(key, parent)
    try:
        diff_id, size = fill(key)
        store.layers.record(diff_id, size)
        store.snapshots.commit(next_chain_id(parent, diff_id), key, diff_id=diff_id, size=size)
    except BaseException:
        store.snapshots.remove(key)
        raise
    return store.layers.descriptor(diff_id)


def _unpacked(store: Store, key: str, stream: Reader) -> tuple[Digest, int]:
    store.snapshots.apply(key, decompressor(stream))
    written = store.snapshots.write_layer(key, Discard())
    return written.diff_id, written.size


def _applied(store: Store, key: str, tar: Reader) -> tuple[Digest, int]:
    applied = store.snapshots.apply(key, tar)
    return applied.diff_id, applied.size
