"""Layers and images made in memory, for tests."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from izba.image.image import Documents
from izba.image.mutate import create_image, register
from izba.image.stored import StoredImage, require
from izba.image.unpack import unpack
from izba.jsonio import dumps_ordered
from izba.layer.streams import Discard
from izba.oci import mediatype
from izba.oci.chain import next_chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.reference import Reference
from izba.store.containers import ContainerRow
from izba.store.store import Store


def tar(files: Mapping[str, bytes | None], *, time: int = 1_000_000_000) -> bytes:
    """An uncompressed layer: content by name, None for a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.mtime = time
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o755
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))
    return buffer.getvalue()


def load(
    store: Store,
    layers: Sequence[bytes],
    name: str | None = None,
    *,
    config: Mapping[str, Any] | None = None,
    created: str = "2024-02-29T12:00:00Z",
    **fields: Any,
) -> StoredImage:
    """Bring an image of gzipped layers into the store, as loading one does."""
    with store.lease("load"):
        descriptors = [store.content.put(gzip.compress(layer, mtime=0), mediatype.OCI_LAYER_GZIP) for layer in layers]
        document = {
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": dict(config or {}),
            "rootfs": {"type": "layers", "diff_ids": [Digest.of(layer) for layer in layers]},
            **fields,
        }
        config_blob = store.content.put(dumps_ordered(document).encode(), mediatype.OCI_CONFIG)
        manifest = put_manifest(store, config_blob, descriptors)
        unpack(store, Documents(store.content.read(manifest.digest), store.content.read(config_blob.digest)))
        return register(store, manifest, Reference.parse(name) if name else None)


def put_manifest(store: Store, config: Descriptor, layers: Sequence[Descriptor]) -> Descriptor:
    """Store a manifest of these parts."""
    document = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": config.to_document(),
        "layers": [layer.to_document() for layer in layers],
    }
    return store.content.put(dumps_ordered(document).encode(), mediatype.OCI_MANIFEST)


def build_own_layer(store: Store) -> StoredImage:
    """An image `built` whose second layer is, as after a build step, a snapshot and no blob."""
    base = load(store, [tar({"one": b"1"})], "base")
    with store.lease("build"):
        store.snapshots.prepare("key", base.chain_id)
        Path(store.snapshots.upper("key"), "built").write_text("x" * 100_000)
        written = store.snapshots.write_layer("key", Discard())
        chain = next_chain_id(base.chain_id, written.diff_id)
        store.snapshots.commit(chain, "key", diff_id=written.diff_id, size=written.size)
        config = {**base.config, "rootfs": {"type": "layers", "diff_ids": [*base.diff_ids, written.diff_id]}}
        layers = [*base.layers, store.layers.descriptor(written.diff_id)]
        return create_image(store, config=config, layers=layers, name=Reference.parse("built"))


def insert_container(store: Store, image: str, id: str = "c" * 64) -> None:
    """A container of an image: its snapshot and its row."""
    found = require(store, image)
    with store.db.transaction():
        store.snapshots.prepare(id, found.chain_id)
        store.containers.insert(
            ContainerRow(id=id, name=id[:8], image=found.row.manifest, snapshot=id, created=1, config="{}")
        )
