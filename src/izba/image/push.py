"""Pushing: a copy of an image from the store to a registry; the manifest last, so that what it names is there.

Layers that came as blobs go as they are. Layers that izba made have no blob: their tar is written again and compressed
on its way, and the digest of the result is remembered, so that a push of what the registry has compresses nothing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Thread

from izba.image import transfer
from izba.image.transfer import Progress, silent
from izba.jsonio import dumps_ordered
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, Hasher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO, Literal

    from izba.image.stored import StoredImage
    from izba.image.transfer import Report
    from izba.oci.documents import Manifest
    from izba.oci.reference import Reference
    from izba.registry.client import Client
    from izba.store.store import Store

    Compression = Literal["gzip", "zstd"]

PARALLEL = 4
CHUNK = 1 << 20
_TYPES = {"gzip": mediatype.OCI_LAYER_GZIP, "zstd": mediatype.OCI_LAYER_ZSTD}


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
        layers = _Layers(store, client, compression, report, _repositories_here(store, reference))
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="push") as pool:
            pushed = list(pool.map(layers.push, image.layers, image.diff_ids))
        config = Descriptor.from_document(image.manifest["config"])
        if not client.has_blob(config.digest):
            client.put_blob(config, [image.config_bytes])
        data, media_type = _manifest(image, pushed)
        digest = client.put_manifest(reference.tag or reference.digest or "latest", data, media_type)
        return Descriptor(media_type=media_type, digest=digest, size=len(data))


def _manifest(image: StoredImage, layers: list[Descriptor]) -> tuple[bytes, str]:
    """The image's own bytes if its layers went as they are, else the same manifest with the layers that went."""
    if tuple(layer.digest for layer in layers) == tuple(layer.digest for layer in image.layers):
        return image.manifest_bytes, image.descriptor.media_type
    manifest: Manifest = {**image.manifest, "layers": [layer.to_document() for layer in layers]}
    return dumps_ordered(manifest).encode(), image.descriptor.media_type


def _repositories_here(store: Store, reference: Reference) -> tuple[str, ...]:
    """Other repositories of the same registry that this store has images of: blobs can be mounted from there."""
    names = {
        name.removeprefix(f"{reference.domain}/").partition("@")[0].rpartition(":")[0]
        for row in store.images.all()
        for name in row.names
        if name.startswith(f"{reference.domain}/")
    }
    return tuple(sorted(names - {reference.path}))[:4]


class _Layers:
    """Brings one layer after another, from several threads, to where the registry has it."""

    def __init__(
        self, store: Store, client: Client, compression: Compression, report: Report, repositories: tuple[str, ...]
    ) -> None:
        self._store = store
        self._client = client
        self._compression: Compression = compression
        self._report = report
        self._repositories = repositories

    def push(self, layer: Descriptor, diff_id: Digest) -> Descriptor:
        """Have the layer in the registry; the descriptor it has there."""
        known = self._known_form(layer, diff_id)
        if known is not None and self._client.has_blob(known.digest):
            self._tell(known, transfer.PUSH_EXISTS)
            return known
        upload = None
        if known is not None:
            for repository in self._repositories:
                upload = self._client.mount_blob(known.digest, repository)
                if upload is None:
                    self._tell(known, transfer.MOUNTED)
                    return known
                break  # a registry that does not mount the first will not mount the next
        if known is not None and self._store.content.has(known.digest):
            with self._store.content.open(known.digest) as file:
                self._client.put_blob(known, self._chunks(file, known), upload=upload)
            self._tell(known, transfer.PUSHED, known.size)
            return known
        return self._compress(diff_id, upload)

    def _known_form(self, layer: Descriptor, diff_id: Digest) -> Descriptor | None:
        """The compressed form of a layer, if it is known without compressing it."""
        if mediatype.compression(layer.media_type) != "none":
            return layer
        return self._store.layers.compressed(diff_id, self._compression)

    def _compress(self, diff_id: Digest, upload: str | None) -> Descriptor:
        """Upload the layer's tar, compressed on the way; remember what that gave."""
        self._report(Progress(layer=diff_id, state=transfer.PREPARING))
        hasher = Hasher()
        size = self._store.layers.size(diff_id)

        def chunks() -> Iterator[bytes]:
            for chunk in compressed_tar(self._store, diff_id, self._compression, self._counting(diff_id, size)):
                hasher.update(chunk)
                yield chunk

        self._client.put_stream(chunks(), hasher.digest, upload=upload)
        found = Descriptor(media_type=_TYPES[self._compression], digest=hasher.digest(), size=hasher.size)
        self._store.layers.remember_compressed(diff_id, self._compression, found)
        self._tell(found, transfer.PUSHED, found.size)
        return found

    def _chunks(self, file: BinaryIO, layer: Descriptor) -> Iterator[bytes]:
        done = 0
        while data := file.read(CHUNK):
            yield data
            done += len(data)
            self._report(Progress(layer=layer.digest, state=transfer.PUSHING, done=done, total=layer.size))

    def _counting(self, layer: Digest, total: int) -> Callable[[int], None]:
        def report(done: int) -> None:
            self._report(Progress(layer=layer, state=transfer.PUSHING, done=done, total=total))

        return report

    def _tell(self, layer: Descriptor, state: str, done: int = 0) -> None:
        self._report(Progress(layer=layer.digest, state=state, done=done, total=layer.size))


def compressed_tar(
    store: Store, diff_id: Digest, compression: Compression, report: Callable[[int], None]
) -> Iterator[bytes]:
    """The layer's tar, compressed. Writing the tar and compressing it run beside sending, in a thread of their own.

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

        out, done = Out(), 0
        try:
            writer = compressor(out, compression)
            with store.layers.open_tar(diff_id) as tar:
                while data := tar.read(CHUNK):
                    writer.write(data)
                    done += len(data)
                    report(done)
            writer.close()
            out.flush()
            queue.put(None)
        except InterruptedError:
            pass
        except BaseException as error:  # it belongs to whoever reads the queue
            queue.put(error)

    thread = Thread(target=produce, name=f"compress {diff_id[7:19]}", daemon=True)
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
