"""Pushing: a copy of an image from the store to a registry; the manifest last, so that what it names is there.

Layers that came as blobs go as they are. Layers that izba made, here or elsewhere, have no blob: their tar is written
again and compressed on its way, and the digest of the result is remembered, so that a push of what the registry has
compresses nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Thread

from izba.errors import IzbaError
from izba.image import transfer
from izba.image.transfer import Progress, silent
from izba.jsonio import dumps_ordered
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.reference import Reference
from izba.store.layers import LayerNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Literal

    from izba.image.stored import StoredImage
    from izba.image.transfer import Report
    from izba.layer.streams import Writer
    from izba.oci.documents import Manifest
    from izba.registry.client import Client
    from izba.store.store import Store

    Compression = Literal["gzip", "zstd"]

PARALLEL = 4
CHUNK = 1 << 20


def push(
    store: Store,
    image: StoredImage,
    reference: Reference,
    client: Client,
    *,
    compression: Compression = "gzip",
    report: Report = silent,
) -> Descriptor:
    """Copy `image` to the registry under `reference`; the descriptor of its manifest there."""
    with store.lease(f"push {reference.familiar()}") as lease:
        lease.pin_content(image.descriptor.digest)
        if image.chain_id is not None:
            lease.pin_snapshot(image.chain_id)
        pushed = _Layers(store, client, compression, report, reference).push_all(image.layers, image.diff_ids)
        config = Descriptor.from_document(image.manifest["config"])
        if not client.has_blob(config.digest):
            client.put_blob(config, lambda: [image.config_bytes])
        data, media_type = _manifest(image, pushed)
        digest = client.put_manifest(reference.tag or "latest", data, media_type)
    return Descriptor(media_type=media_type, digest=digest, size=len(data))


def _manifest(image: StoredImage, layers: list[Descriptor]) -> tuple[bytes, str]:
    """The image's own bytes if its layers went as they are, else the same manifest with the layers that went."""
    if tuple(layer.digest for layer in layers) == tuple(layer.digest for layer in image.layers):
        return image.manifest_bytes, image.descriptor.media_type
    manifest: Manifest = {**image.manifest, "layers": [layer.to_document() for layer in layers]}
    return dumps_ordered(manifest).encode(), image.descriptor.media_type


class GivenUp(IzbaError):
    """Another layer failed, or the user gave up."""


class _Layers:
    """Brings the layers, several at a time, to where the registry has them."""

    def __init__(
        self, store: Store, client: Client, compression: Compression, report: Report, reference: Reference
    ) -> None:
        self._store = store
        self._client = client
        self._compression: Compression = compression
        self._report = report
        self._reference = reference
        self._given_up = False

    def push_all(self, layers: Sequence[Descriptor], diff_ids: Sequence[Digest]) -> list[Descriptor]:
        """Have all layers in the registry; the descriptors they have there. If one fails, so do the others."""
        pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="push")
        try:
            futures = [pool.submit(self._push, *pair) for pair in zip(layers, diff_ids, strict=True)]
            return [future.result() for future in futures]
        except BaseException:
            self._given_up = True
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def _push(self, layer: Descriptor, diff_id: Digest) -> Descriptor:
        known = self._known_form(layer, diff_id)
        if known is None:
            return self._compress(diff_id, self._compression, None)
        if self._client.has_blob(known.digest):
            self._tell(diff_id, known, transfer.PUSH_EXISTS)
            return known
        upload = None
        if source := self._repository_with(layer):
            upload = self._client.mount_blob(known.digest, source)
            if upload is None:
                self._tell(diff_id, known, transfer.MOUNTED)
                return known
        if not self._store.content.has(known.digest):
            form = self._store.layers.form_of(known.digest) or self._compression
            return self._compress(diff_id, form, upload)
        self._client.put_blob(known, lambda: self._blob(known, diff_id), upload=upload)
        self._tell(diff_id, known, transfer.PUSHED)
        return known

    def _known_form(self, layer: Descriptor, diff_id: Digest) -> Descriptor | None:
        """The compressed form of a layer, if it is known without compressing it."""
        if mediatype.compression(layer.media_type) != "none":
            return layer
        return self._store.layers.compressed(diff_id, self._compression)

    def _repository_with(self, layer: Descriptor) -> str | None:
        """Another repository of this registry that probably has the layer, as an image here is named after it."""
        prefix = f"{self._reference.domain}/"
        for (name,) in self._store.db.rows(
            "SELECT name FROM names JOIN content_children ON parent = digest WHERE child = ? ORDER BY updated DESC",
            layer.digest,
        ):
            found = Reference.parse(name)
            if name.startswith(prefix) and found.path != self._reference.path:
                return found.path
        return None

    def _compress(self, diff_id: Digest, form: Compression, upload: str | None) -> Descriptor:
        """Upload the layer's tar, compressed on the way; remember what that gave."""
        self._report(Progress(layer=diff_id, state=transfer.PREPARING))
        total = self._store.layers.size(diff_id)

        def content() -> Iterator[bytes]:
            return compressed_tar(self._store, diff_id, form, lambda done: self._advance(diff_id, done, total))

        digest, size = self._client.put_stream(content, upload=upload)
        found = Descriptor(media_type=mediatype.FORMS[form], digest=digest, size=size)
        self._store.layers.remember_compressed(diff_id, form, found)
        self._tell(diff_id, found, transfer.PUSHED)
        return found

    def _blob(self, layer: Descriptor, diff_id: Digest) -> Iterator[bytes]:
        done = 0
        with self._store.content.open(layer.digest) as file:
            while data := file.read(CHUNK):
                yield data
                done += len(data)
                self._advance(diff_id, done, layer.size)

    def _advance(self, diff_id: Digest, done: int, total: int) -> None:
        if self._given_up:
            raise GivenUp("the push was given up")
        self._report(Progress(layer=diff_id, state=transfer.PUSHING, done=done, total=total))

    def _tell(self, diff_id: Digest, layer: Descriptor, state: str) -> None:
        self._report(Progress(layer=diff_id, state=state, done=layer.size, total=layer.size))


def compressed_tar(
    store: Store, diff_id: Digest, compression: Compression, report: Callable[[int], None]
) -> Iterator[bytes]:
    """The layer's tar, written again if need be, and compressed."""
    return compressed(lambda out: _write_tar(store, diff_id, _Counted(out, report)), compression)


def _write_tar(store: Store, diff_id: Digest, out: Writer) -> None:
    try:
        store.layers.write_tar(diff_id, out)
    except LayerNotFound:  # it is kept as a blob
        with store.layers.open_tar(diff_id) as tar:
            while data := tar.read(CHUNK):
                out.write(data)


class _Counted:
    """Passes on what is written, and tells how much that was."""

    def __init__(self, out: Writer, report: Callable[[int], None]) -> None:
        self._out = out
        self._report = report
        self._done = 0

    def write(self, data: bytes | memoryview, /) -> object:
        self._out.write(data)
        self._done += len(data)
        self._report(self._done)
        return len(data)


def compressed(fill: Callable[[Writer], None], compression: Compression) -> Iterator[bytes]:
    """What `fill` writes, compressed in a thread of its own beside whoever sends it.

    The queue is short, so a layer of any size takes a few megabytes. Leaving the iterator early ends the thread.
    """
    queue: Queue[bytes | BaseException | None] = Queue(maxsize=8)
    stopped = False

    class Out:
        def __init__(self) -> None:
            self.parts: list[bytes] = []
            self.size = 0

        def write(self, data: bytes | memoryview) -> int:
            if stopped:
                raise InterruptedError
            self.parts.append(bytes(data))
            self.size += len(data)
            if self.size >= CHUNK:
                self.flush()
            return len(data)

        def flush(self) -> None:
            if self.parts:
                queue.put(b"".join(self.parts))
                self.parts, self.size = [], 0

    def produce() -> None:
        from izba.layer.compress import compressor

        out = Out()
        try:
            writer = compressor(out, compression)
            fill(writer)
            writer.close()
            out.flush()
            queue.put(None)
        except InterruptedError:
            pass
        except BaseException as error:  # it belongs to whoever reads the queue
            queue.put(error)

    thread = Thread(target=produce, name="compress", daemon=True)
    thread.start()
    try:
        while (item := queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped = True
        while thread.is_alive():
            while not queue.empty():
                queue.get_nowait()
            thread.join(0.01)
