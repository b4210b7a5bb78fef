"""An OCI image layout (image-spec, image-layout.md), in a directory or a tar: where its files go, and writing them.

oci-layout  index.json  blobs/sha256/<hex>
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from izba.jsonio import dumps_ordered
from izba.layer.tarheader import DIRECTORY, END, Entry, pack, padding
from izba.oci import mediatype
from izba.oci.digest import DigestMismatch, VerifiedReader
from izba.store.layers import LayerNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Protocol

    from izba.image.image import Documents
    from izba.layer.streams import Writer
    from izba.oci import documents
    from izba.oci.descriptor import Descriptor
    from izba.oci.digest import Digest
    from izba.oci.reference import Reference
    from izba.store.store import Store

    Content = Callable[[Writer], object]

    class Sink(Protocol):
        """Where an archive's files go: each path once, in order."""

        def directory(self, path: str) -> None: ...
        def file(self, path: str, size: int, content: Content) -> None:
            """`content` writes exactly `size` bytes, or `DigestMismatch` is raised."""


LAYOUT = "oci-layout"
LAYOUT_VERSION = b'{"imageLayoutVersion":"1.0.0"}'
INDEX = "index.json"
BLOBS = "blobs/sha256/"
REF_NAME = "org.opencontainers.image.ref.name"  # image-spec, annotations.md: here the tag
IMAGE_NAME = "io.containerd.image.name"  # the whole name, as containerd, Docker and BuildKit write it

_CHUNK = 1 << 20


def write_layout(store: Store, images: Sequence[tuple[Documents, Sequence[Reference]]], sink: Sink) -> None:
    """Write the images under their names. The same images give the same files in the same order."""
    with pinned(store, [image for image, _ in images]):
        put(sink, LAYOUT, LAYOUT_VERSION)
        put(sink, INDEX, index(images))
        write_blobs(store, [image for image, _ in images], sink)


def blob_path(digest: Digest) -> str:
    """Where a layout has the blob."""
    return BLOBS + digest.hex


def index(images: Sequence[tuple[Documents, Sequence[Reference]]]) -> bytes:
    """index.json: each image once for each of its names, or once without."""
    entries: list[documents.Descriptor] = []
    for image, references in images:
        platform: documents.Platform = {"architecture": image.config["architecture"], "os": image.config["os"]}
        if variant := image.config.get("variant"):
            platform["variant"] = variant
        unnamed: Sequence[Reference | None] = (None,)
        for reference in references or unnamed:
            entry = image.descriptor.to_document()
            entry["platform"] = platform
            if reference is not None:
                entry["annotations"] = {IMAGE_NAME: reference.canonical(), REF_NAME: reference.tag or ""}
            entries.append(entry)
    document: documents.Index = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": entries}
    return dumps_ordered(document).encode()


def write_blobs(store: Store, images: Iterable[Documents], sink: Sink) -> None:
    """Manifests, configs and layers, each once however many images share it."""
    sink.directory("blobs")
    sink.directory("blobs/sha256")
    written: set[Digest] = set()
    for image in images:
        for digest, data in ((image.descriptor.digest, image.manifest_bytes), (image.id, image.config_bytes)):
            if digest not in written:
                written.add(digest)
                put(sink, blob_path(digest), data)
        for layer, diff_id in zip(image.layers, image.diff_ids, strict=True):
            if layer.digest not in written:
                written.add(layer.digest)
                sink.file(blob_path(layer.digest), layer.size, layer_content(store, layer, diff_id))


def layer_content(store: Store, layer: Descriptor, diff_id: Digest) -> Content:
    """A layer's blob as its manifest names it, verified while it is written. Raises `LayerNotFound`."""
    if store.content.has(layer.digest):
        return lambda out: _copy(store, layer, out)
    if layer.digest != diff_id:
        raise LayerNotFound(layer.digest)
    return lambda out: store.layers.write_tar(diff_id, out)


@contextmanager
def pinned(store: Store, images: Iterable[Documents]) -> Iterator[None]:
    """`with pinned(store, images):` a collection in another process takes nothing of them meanwhile."""
    with store.lease("save") as lease:
        for image in images:
            for digest in (image.descriptor.digest, image.id, *(layer.digest for layer in image.layers)):
                lease.pin_content(digest)
            if image.chain_id is not None:
                lease.pin_snapshot(image.chain_id)
        yield


def put(sink: Sink, path: str, data: bytes) -> None:
    """A small file."""
    sink.file(path, len(data), lambda out: out.write(data))


class TarSink:
    """Writes an archive to a stream that need not seek."""

    def __init__(self, out: Writer) -> None:
        self._out = out

    def directory(self, path: str) -> None:
        """See `Sink`."""
        entry = Entry(f"{path}/".encode(), DIRECTORY)
        entry.mode = 0o755
        self._out.write(pack(entry))

    def file(self, path: str, size: int, content: Content) -> None:
        """See `Sink`."""
        entry = Entry(path.encode())
        entry.mode = 0o644
        entry.size = size
        self._out.write(pack(entry))
        _write_exactly(self._out, content, size, path)
        self._out.write(bytes(padding(size)))

    def finish(self) -> None:
        """The end mark."""
        self._out.write(END)


class DirectorySink:
    """Writes an archive's files into a directory, which exists."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def directory(self, path: str) -> None:
        """See `Sink`."""
        os.makedirs(f"{self._directory}/{path}", exist_ok=True)

    def file(self, path: str, size: int, content: Content) -> None:
        """See `Sink`. A file is there whole or not at all."""
        temporary = f"{self._directory}/{path}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                _write_exactly(file, content, size, path)
            os.rename(temporary, f"{self._directory}/{path}")
        except BaseException:
            os.unlink(temporary)
            raise


def _write_exactly(out: Writer, content: Content, size: int, what: str) -> None:
    counted = _Counted(out, size, what)
    content(counted)
    if counted.left:
        raise DigestMismatch(what, expected=f"{size} bytes", actual=f"{size - counted.left} bytes")


class _Counted:
    """Passes on what is written, and no byte too many."""

    def __init__(self, out: Writer, size: int, what: str) -> None:
        self._out = out
        self._size = size
        self._what = what
        self.left = size

    def write(self, data: bytes | memoryview, /) -> object:
        self.left -= len(data)
        if self.left < 0:
            raise DigestMismatch(self._what, expected=f"{self._size} bytes", actual="more")
        return self._out.write(data)


def _copy(store: Store, layer: Descriptor, out: Writer) -> None:
    with store.content.open(layer.digest) as file:
        blob = VerifiedReader(file, digest=layer.digest, size=layer.size, what=f"layer {layer.digest}")
        while data := blob.read(_CHUNK):
            out.write(data)
