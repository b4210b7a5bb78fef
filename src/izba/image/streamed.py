"""Layers unpacked while their archive still arrives, where its documents came first and say what the layers are for.

A tar that izba would write again just so from the files is kept as files. One that it would not is kept as a blob too:
an archive that can be read again gives it once more, from any other the bytes go to a blob beside the file system,
which is dropped where it is not needed.
"""

from __future__ import annotations

from izba.errors import IzbaError
from izba.ids import new_id
from izba.image import layout
from izba.image.unpack import UNPACK_SECONDS, Wanted, would_be_rewritten
from izba.jsonio import loads
from izba.layer.compress import decompressor
from izba.oci import mediatype
from izba.oci.chain import LAYERS_LIMIT, next_chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch, Hasher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from izba.store.content import Ingest
    from izba.store.leases import Lease
    from izba.store.store import Store


_FLUSH = 128 << 20
"""Bytes after which the disk is set to work, beside what is read on."""


class Streamed:
    """Takes the blobs of one archive that are layers and whose turn it is."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._wanted: dict[Digest, list[Wanted]] | None = None

    def take(
        self,
        digest: Digest,
        body: Iterator[memoryview],
        document: Callable[[str], bytes | None],
        again: Callable[[], Iterator[memoryview]] | None = None,
    ) -> Descriptor | None:
        """Unpack the blob that `body` gives, if it is a layer that can be unpacked now; else leave `body` alone.

        `document` gives the documents that came before; `again` gives the body once more. Raises what unpacking raises.
        """
        if self._wanted is None:
            self._wanted = _plan(document)
        places = self._wanted.get(digest, [])
        for wanted in places:
            if not self._lease.pin_snapshot(wanted.chain):
                if wanted.parent is None or self._store.snapshots.has(wanted.parent):
                    return self._unpack(wanted, body, again)
                return None
        if places and places[0].diff_id == digest:
            return _checked(places[0].layer, body)  # here already, and without a blob
        return None

    def _unpack(
        self, wanted: Wanted, body: Iterator[memoryview], again: Callable[[], Iterator[memoryview]] | None
    ) -> Descriptor:
        store, chain, layer = self._store, wanted.chain, wanted.layer
        is_tar = layer.digest == wanted.diff_id
        with (
            store.lock(f"unpack-{chain.hex}", what=f"layer {wanted.diff_id}", timeout=UNPACK_SECONDS),
            store.content.ingest(layer.digest) as ingest,
        ):
            key = f"load-{new_id()}"
            store.snapshots.prepare(key, wanted.parent)
            try:
                source = _Body(body, None if is_tar and again is not None else ingest, store.snapshots.begin_sync)
                expected = mediatype.compression(layer.media_type)
                applied = store.snapshots.apply(key, decompressor(source, expected=expected))
                source.finish()
                if applied.size >= _FLUSH:
                    store.snapshots.begin_sync()
                if applied.diff_id != wanted.diff_id:
                    what = f"the tar of layer {layer.digest}"
                    raise DigestMismatch(what, expected=wanted.diff_id, actual=applied.diff_id)
                blob = None
                if not is_tar or not would_be_rewritten(store, key, applied.frame):
                    for piece in again() if is_tar and again is not None else ():
                        ingest.write(piece)
                    blob = ingest.commit(layer.media_type, digest=layer.digest, size=layer.size).digest
                store.layers.record(wanted.diff_id, applied.size, blob=blob)
                store.snapshots.commit(chain, key, diff_id=wanted.diff_id, size=applied.size)
            except BaseException:
                store.snapshots.remove(key)
                raise
        return layer


class _Body:
    """Reads a body, writes what it reads to an ingest where there is one, and begins a flush after each `_FLUSH`."""

    def __init__(self, body: Iterator[memoryview], ingest: Ingest | None, flush: Callable[[], None]) -> None:
        self._body = body
        self._ingest = ingest
        self._flush = flush
        self._left = memoryview(b"")
        self._unflushed = 0

    def read(self, count: int, /) -> bytes:
        if not self._left:
            self._left = next(self._body, self._left)
            self._keep(self._left)
        data, self._left = self._left[:count], self._left[count:]
        return bytes(data)

    def finish(self) -> None:
        """What the decompressor did not ask for is part of the blob too."""
        for piece in self._body:
            self._keep(piece)

    def _keep(self, piece: memoryview) -> None:
        self._unflushed += len(piece)
        if self._unflushed >= _FLUSH:
            self._unflushed = 0
            self._flush()
        if self._ingest is not None:
            self._ingest.write(piece)


def _checked(layer: Descriptor, body: Iterator[memoryview]) -> Descriptor:
    hasher = Hasher()
    for piece in body:
        hasher.update(piece)
    if hasher.digest() != layer.digest:
        raise DigestMismatch(f"layer {layer.digest}", expected=layer.digest, actual=hasher.digest())
    return layer


def _plan(document: Callable[[str], bytes | None]) -> dict[Digest, list[Wanted]]:
    """What index.json and what it leads to want, as far as it is here and makes sense; all is checked again later."""
    wanted: dict[Digest, list[Wanted]] = {}
    for digest in _digests(document(layout.INDEX)):
        try:
            places = _places(document, digest)
        except (KeyError, TypeError, AttributeError, IzbaError):
            continue
        for place in places:
            wanted.setdefault(place.layer.digest, []).append(place)
    return wanted


def _digests(index: bytes | None) -> list[Digest]:
    try:
        return list(dict.fromkeys(Digest.parse(entry["digest"]) for entry in loads(index or b"{}")["manifests"]))
    except (KeyError, TypeError, AttributeError, IzbaError):
        return []


def _places(document: Callable[[str], bytes | None], digest: Digest) -> list[Wanted]:
    manifest = loads(document(layout.blob_path(digest)) or b"{}")
    layers = [Descriptor.from_document(layer) for layer in manifest["layers"]]
    config = loads(document(layout.blob_path(Digest.parse(manifest["config"]["digest"]))) or b"{}")
    chain: Digest | None = None
    places: list[Wanted] = []
    if len(layers) > LAYERS_LIMIT:
        return places  # it is refused when all of it is here: nothing of it is unpacked before
    for layer, text in zip(layers, config["rootfs"]["diff_ids"], strict=False):
        diff_id = Digest.parse(text)
        parent, chain = chain, next_chain_id(chain, diff_id)
        if mediatype.is_layer(layer.media_type):
            places.append(Wanted(layer=layer, diff_id=diff_id, parent=parent, chain=chain))
    return places
