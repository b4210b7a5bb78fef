"""Layers and images made in memory, for tests."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping, Sequence
from typing import Any

from izba.image.image import Documents
from izba.image.mutate import register
from izba.image.stored import StoredImage
from izba.image.unpack import unpack
from izba.jsonio import dumps_ordered
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.reference import Reference
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
