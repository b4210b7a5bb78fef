"""Where copies go: a registry, an image layout in a directory, an archive that `docker load` and OCI tools read."""

from __future__ import annotations

import os
from contextlib import contextmanager

from izba.errors import InvalidArgument
from izba.image import layout
from izba.image.archive import MANIFEST
from izba.image.copying.graph import parts
from izba.image.push import compressed
from izba.jsonio import dumps_ordered, loads
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.reference import InvalidReference, Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from izba.image.push import Compression
    from izba.layer.streams import Writer
    from izba.oci import documents
    from izba.registry.client import Client, Content, Manifest


class ToRegistry:
    """See `Target`. `source` is the repository the image comes from, if that is on the same registry.

    Layers without compression are compressed on their way, where only one manifest has to be told.
    """

    def __init__(self, client: Client, reference: Reference, *, source: str | None, compression: Compression) -> None:
        self._client = client
        self._reference = reference
        self._source = source
        self._compression: Compression = compression
        self._compresses = False

    def begin(self, manifests: Iterable[Manifest]) -> None:
        """See `Target`."""
        self._compresses = len(list(manifests)) == 1

    def has(self, blob: Descriptor) -> bool:
        """See `Target`."""
        if self._client.has_blob(blob.digest):
            return True
        return self._source is not None and self._client.mount_blob(blob.digest, self._source) is None

    def put(self, blob: Descriptor, content: Content) -> Descriptor:
        """See `Target`."""
        if not self._compresses or blob.media_type not in {mediatype.OCI_LAYER, mediatype.DOCKER_LAYER}:
            self._client.put_blob(blob, content)
            return blob
        digest, size = self._client.put_stream(lambda: compressed(lambda out: _write(out, content), self._compression))
        gzip, zstd = mediatype.OCI_LAYER_GZIP, mediatype.OCI_LAYER_ZSTD
        return Descriptor(media_type=gzip if self._compression == "gzip" else zstd, digest=digest, size=size)

    def finish(self, manifest: Manifest, *, is_root: bool) -> Manifest:
        """See `Target`."""
        name = self._reference.tag if is_root else None
        self._client.put_manifest(name or manifest.descriptor.digest, manifest.data, manifest.descriptor.media_type)
        return manifest


class ToLayout:
    """See `Target`: blobs and documents as files of a directory; index.json keeps what it has under other names."""

    def __init__(self, directory: str, tag: str) -> None:
        self._directory = directory
        self._tag = tag
        self._sink = layout.DirectorySink(directory)

    def begin(self, _: Iterable[Manifest]) -> None:
        """See `Target`."""
        os.makedirs(f"{self._directory}/{layout.BLOBS}", exist_ok=True)
        layout.put(self._sink, layout.LAYOUT, layout.LAYOUT_VERSION)

    def has(self, blob: Descriptor) -> bool:
        """See `Target`: a file is there whole or not at all."""
        try:
            return os.stat(f"{self._directory}/{layout.blob_path(blob.digest)}").st_size == blob.size
        except FileNotFoundError:
            return False

    def put(self, blob: Descriptor, content: Content) -> Descriptor:
        """See `Target`."""
        self._sink.file(layout.blob_path(blob.digest), blob.size, lambda out: _write(out, content))
        return blob

    def finish(self, manifest: Manifest, *, is_root: bool) -> Manifest:
        """See `Target`."""
        layout.put(self._sink, layout.blob_path(manifest.descriptor.digest), manifest.data)
        if is_root:
            layout.put(self._sink, layout.INDEX, self._index(manifest.descriptor))
        return manifest

    def _index(self, root: Descriptor) -> bytes:
        try:
            with open(f"{self._directory}/{layout.INDEX}", "rb") as file:
                index = loads(file.read())
        except FileNotFoundError:
            index = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": []}
        others = [
            entry
            for entry in index["manifests"]
            if (entry.get("annotations") or {}).get(layout.REF_NAME, "") != self._tag
        ]
        index["manifests"] = [*others, _entry(root, self._tag)]
        return dumps_ordered(index).encode()


class ToArchive:
    """See `Target`: one tar that is an image layout and an archive of `docker save` at once. Documents come first."""

    def __init__(self, out: Writer, name: str) -> None:
        self._sink = layout.TarSink(out)
        self._name = name
        self._written: set[Digest] = set()

    def begin(self, manifests: Iterable[Manifest]) -> None:
        """See `Target`."""
        *others, root = manifests
        layout.put(self._sink, layout.LAYOUT, layout.LAYOUT_VERSION)
        index = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX}
        entries = [_entry(root.descriptor, self._name)]
        layout.put(self._sink, layout.INDEX, dumps_ordered({**index, "manifests": entries}).encode())
        if not others and root.descriptor.media_type in mediatype.MANIFESTS:
            layout.put(self._sink, MANIFEST, _docker_manifest(root, self._name))
        self._sink.directory("blobs")
        self._sink.directory("blobs/sha256")
        for manifest in (*others, root):
            self._put(manifest.descriptor, lambda manifest=manifest: [manifest.data])  # type: ignore[misc]

    def has(self, blob: Descriptor) -> bool:
        """See `Target`."""
        return blob.digest in self._written

    def put(self, blob: Descriptor, content: Content) -> Descriptor:
        """See `Target`."""
        self._put(blob, content)
        return blob

    def finish(self, manifest: Manifest, *, is_root: bool) -> Manifest:
        """See `Target`."""
        if is_root:
            self._sink.finish()
        return manifest

    def _put(self, blob: Descriptor, content: Content) -> None:
        if blob.digest not in self._written:
            self._written.add(blob.digest)
            self._sink.file(layout.blob_path(blob.digest), blob.size, lambda out: _write(out, content))


@contextmanager
def archive_at(path: str, name: str) -> Iterator[ToArchive]:
    """A `ToArchive` into a file that appears when the block ends well."""
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise InvalidArgument(f"cannot write {path}: {error.strerror}") from None
    try:
        with open(fd, "wb") as out:
            yield ToArchive(out, name)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _write(out: Writer, content: Content) -> None:
    for chunk in content():
        out.write(chunk)


def _entry(root: Descriptor, name: str) -> documents.Descriptor:
    """The root in index.json: by its whole name and tag, or by a bare tag."""
    entry = root.to_document()
    try:
        reference = Reference.parse(name) if ":" in name or "/" in name else None
    except InvalidReference:
        reference = None
    if reference is not None:
        entry["annotations"] = {layout.IMAGE_NAME: reference.canonical(), layout.REF_NAME: reference.tag or ""}
    elif name:
        entry["annotations"] = {layout.REF_NAME: name}
    return entry


def _docker_manifest(root: Manifest, name: str) -> bytes:
    config, *layers = parts(root, "the image")
    document = {
        "Config": layout.blob_path(config.digest),
        "RepoTags": [Reference.parse(name).familiar()] if name else None,
        "Layers": [layout.blob_path(layer.digest) for layer in layers],
    }
    return dumps_ordered([document]).encode()
