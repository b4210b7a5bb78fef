"""The build cache of another machine: `--cache-to` and `--cache-from`.

What goes is an OCI artifact, in a registry or as a layout in a directory: a document with the records of the steps and
the aliases that lead to them, and the steps' layers. What comes is asked like the cache of this store; a layer is
fetched when a step is found by it, and must be what its diff_id says. Records are believed: whoever writes to a cache
that is named by `--cache-from` says what the steps of the build give, as with BuildKit.
"""

from __future__ import annotations

from typing import TypedDict

from izba._record import Record
from izba.build.graph import Layer, Tree
from izba.decode import document
from izba.errors import InvalidArgument, IzbaError
from izba.jsonio import dumps
from izba.oci import mediatype, validate
from izba.oci.chain import next_chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from izba.build.cache import CacheRecord
    from izba.image.copying.graph import Source
    from izba.layer.compress import Kind
    from izba.oci.documents import Manifest as ManifestDocument
    from izba.registry.client import Manifest
    from izba.store.store import Store

CACHE_TYPE = "application/vnd.izba.buildcache.v1+json"
_LARGEST = 64 << 20


class RecordDocument(TypedDict):
    """One record; times in nanoseconds."""

    key: str
    definition: str
    diff_id: str | None
    created: int
    description: str


class CacheDocument(TypedDict):
    """The artifact's config. `layers` says which of the manifest's layers is the one of a diff_id."""

    records: list[RecordDocument]
    aliases: dict[str, str]
    layers: dict[str, int]


class NotACache(InvalidArgument):
    """What `--cache-from` names is something else."""


class ImportedRecord(Record):
    """One step as the other cache knows it; `layer` is what it put on top of its base, None for nothing."""

    key: Digest
    definition: Digest
    diff_id: Digest | None
    layer: Descriptor | None
    created: int


class ImportedCache:
    """What `--cache-from` named. Raises `NotACache`, and what its source raises."""

    def __init__(self, source: Source) -> None:
        self.what = source.what
        self._source = source
        self._records, self._aliases = _read(source)

    def find(self, key: Digest) -> ImportedRecord | None:
        """The record of a key."""
        return self._records.get(key)

    def alias(self, name: Digest) -> Digest | None:
        """The content key that a step had when its inputs were made like this."""
        return self._aliases.get(name)

    def fetch(self, store: Store, record: ImportedRecord, base: Tree) -> Tree:
        """The step's tree on `base`, whose snapshots are there. Raises `DigestMismatch` for a layer that is another."""
        if record.diff_id is None or record.layer is None:
            return base
        from izba.image.unpack import UNPACK_SECONDS, unpack_layer

        chain = next_chain_id(base.chain, record.diff_id)
        with (
            store.lease("import build cache"),
            store.lock(f"unpack-{chain.hex}", what=f"layer {record.diff_id}", timeout=UNPACK_SECONDS),
        ):
            if not store.snapshots.has(chain):
                if not store.content.has(record.layer.digest):
                    self._fetch_blob(store, record.layer)
                unpack_layer(store, record.layer, record.diff_id, parent=base.chain, chain=chain)
        layer = Layer(diff_id=record.diff_id, descriptor=store.layers.descriptor(record.diff_id))
        return Tree(layers=(*base.layers, layer))

    def _fetch_blob(self, store: Store, layer: Descriptor) -> None:
        with store.content.ingest(f"build cache {layer.digest}", expected=layer) as ingest:
            for chunk in self._source.blob(layer):
                ingest.write(chunk)
            ingest.commit(layer.media_type)


class ExportedCache:
    """See `Source`: records as an artifact. Their layers are compressed, and kept as long as the caller's lease."""

    def __init__(
        self, store: Store, records: Iterable[CacheRecord], aliases: Mapping[Digest, Digest], kind: Kind
    ) -> None:
        self.what = "build cache"
        layers: dict[Digest, Descriptor] = {}
        entries: list[RecordDocument] = []
        for record in records:
            if record.diff_id is not None and record.diff_id not in layers:
                layers[record.diff_id] = _compressed(store, record.diff_id, kind)
            entries.append(
                {
                    "key": record.key,
                    "definition": record.definition,
                    "diff_id": record.diff_id,
                    "created": record.created,
                    "description": record.description,
                }
            )
        numbers = {diff_id: number for number, diff_id in enumerate(layers)}
        self._config = dumps({"records": entries, "aliases": dict(aliases), "layers": numbers}).encode()
        manifest: ManifestDocument = {
            "schemaVersion": 2,
            "mediaType": mediatype.OCI_MANIFEST,
            "config": Descriptor(
                media_type=CACHE_TYPE, digest=Digest.of(self._config), size=len(self._config)
            ).to_document(),
            "layers": [layer.to_document() for layer in layers.values()],
        }
        self._manifest = dumps(manifest).encode()
        self._store = store

    def root(self) -> Manifest:
        """See `Source`."""
        from izba.registry.client import Manifest

        descriptor = Descriptor(
            media_type=mediatype.OCI_MANIFEST, digest=Digest.of(self._manifest), size=len(self._manifest)
        )
        return Manifest(descriptor=descriptor, data=self._manifest)

    def child(self, entry: Descriptor) -> Manifest:
        """See `Source`; the artifact is no index."""
        raise NotACache(f"{self.what} has no manifest {entry.digest}")

    def blob(self, blob: Descriptor) -> Iterator[bytes]:
        """See `Source`."""
        from izba.image.copying.store import stored_blob

        return iter((self._config,)) if blob.digest == Digest.of(self._config) else stored_blob(self._store, blob)

    def close(self) -> None:
        """See `Source`; the store is its owner's to close."""


def _compressed(store: Store, diff_id: Digest, kind: Kind) -> Descriptor:
    from izba.image.compressed import compressed_layer

    known = store.layers.descriptor(diff_id)
    return known if known.digest != diff_id else compressed_layer(store, diff_id, kind)


def _read(source: Source) -> tuple[dict[Digest, ImportedRecord], dict[Digest, Digest]]:
    root = source.root()
    manifest = validate.manifest(root.data, media_type=root.descriptor.media_type, what=f"manifest of {source.what}")
    config = Descriptor.from_document(manifest["config"])
    if config.media_type != CACHE_TYPE or config.size > _LARGEST:
        raise NotACache(f"{source.what} is no build cache of izba's", hint="`izba build --cache-to` writes one")
    data = b"".join(source.blob(config))
    if Digest.of(data) != config.digest:
        raise NotACache(f"{source.what}: its records are not what its manifest says")
    found = document(data, CacheDocument, what=f"build cache {source.what}", limit=_LARGEST)
    layers = [Descriptor.from_document(layer) for layer in manifest["layers"]]
    try:
        records = [
            ImportedRecord(
                key=Digest.parse(entry["key"]),
                definition=Digest.parse(entry["definition"]),
                diff_id=None if entry["diff_id"] is None else Digest.parse(entry["diff_id"]),
                layer=None if entry["diff_id"] is None else layers[found["layers"][entry["diff_id"]]],
                created=entry["created"],
            )
            for entry in found["records"]
        ]
        aliases = {Digest.parse(name): Digest.parse(key) for name, key in found["aliases"].items()}
    except (KeyError, IndexError, IzbaError) as error:
        raise NotACache(f"{source.what}: a record cannot be read: {error}") from None
    return {record.key: record for record in records}, aliases
