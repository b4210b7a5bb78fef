"""`load`: image archives of Docker (`docker save`) and of the OCI (image layouts), told apart by their documents.

Nothing is believed: blobs have the digests that name them, layers the digests that the config names, and only when all
of it was verified and unpacked do images and names appear. If anything is wrong, the store is left as it was.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from izba._record import Record
from izba.decode import document
from izba.ids import HEX
from izba.image import layout
from izba.image.archive import MANIFEST, REPOSITORIES
from izba.image.image import Documents
from izba.image.inbox import BadArchive, Inbox
from izba.image.mutate import register
from izba.image.unpack import unpack
from izba.jsonio import dumps_ordered
from izba.layer.compress import decompressor, is_plain
from izba.layer.tarheader import shown
from izba.oci import documents, mediatype, validate
from izba.oci.digest import Digest, DigestMismatch
from izba.oci.platform import Platform
from izba.oci.reference import InvalidReference, Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from izba.image.inbox import Again
    from izba.image.stored import StoredImage
    from izba.layer.streams import Reader
    from izba.oci.descriptor import Descriptor
    from izba.store.store import Store

_NESTED = 3  # an index in an index in index.json is as deep as tools write


class DockerImage(TypedDict):
    """An entry of `docker save`'s manifest.json."""

    Config: str
    RepoTags: NotRequired[list[str] | None]
    Layers: list[str]


class Loaded(Record):
    """An image that was loaded and the names it got; `displaced` are those that another image had before."""

    image: StoredImage
    references: tuple[Reference, ...]
    displaced: tuple[tuple[Reference, Digest], ...]


class Arrived(Record):
    """An image of an archive, its documents checked."""

    documents: Documents
    references: tuple[Reference, ...]


def load(store: Store, stream: Reader, *, again: Again | None = None) -> list[Loaded]:
    """Load all images of an archive, compressed or not, from a stream; `again` reads parts of it once more.

    Raises `BadArchive`, `DigestMismatch` and what unpacking raises.
    """

    def receive(inbox: Inbox) -> None:
        tar = decompressor(stream)
        inbox.receive(tar, again=again if is_plain(tar) else None)

    return _load(store, receive)


def load_directory(store: Store, directory: str) -> list[Loaded]:
    """Load all images of an OCI image layout in a directory."""
    return _load(store, lambda inbox: inbox.receive_directory(directory))


def _load(store: Store, receive: Callable[[Inbox], None]) -> list[Loaded]:
    try:
        with store.lease("load") as lease:
            inbox = Inbox(store, lease)
            receive(inbox)
            arrived = _images(inbox)
            for image in arrived:
                unpack(store, image.documents)
            return [_register(store, image) for image in arrived]
    except BaseException:
        store.collect()  # the lease is gone: what came with a bad archive has nothing that holds it
        raise


def _images(inbox: Inbox) -> list[Arrived]:
    if inbox.has(layout.LAYOUT) and inbox.has(layout.INDEX):
        return _of_layout(inbox)
    if inbox.has(MANIFEST):
        return _of_docker(inbox)
    if inbox.has(REPOSITORIES):
        raise BadArchive("the archive is of a Docker before 1.10, whose images izba does not read")
    raise BadArchive("the archive is no image: it has neither manifest.json nor index.json", hint=_HINT)


_HINT = "to make an image from the files of a root file system, use `izba import`"


def _register(store: Store, image: Arrived) -> Loaded:
    displaced = []
    for reference in image.references:
        before = store.names.get(reference)
        if before is not None and before.digest != image.documents.descriptor.digest:
            row = store.images.by_manifest(before.digest)
            if row is not None and row.id != image.documents.id:
                displaced.append((reference, row.id))
    first = image.references[0] if image.references else None
    found = register(store, image.documents.descriptor, first)
    for reference in image.references[1:]:
        store.names.set(reference, image.documents.descriptor)
    return Loaded(image=found, references=image.references, displaced=tuple(displaced))


# --- OCI image layouts ---------------------------------------------------------------------------------------------


def _of_layout(inbox: Inbox) -> list[Arrived]:
    index = validate.index(inbox.document(layout.INDEX), what=layout.INDEX)
    images: dict[Digest, Arrived] = {}
    for entry in index["manifests"]:
        data, media_type = _chosen(inbox, entry, _NESTED)
        name = _name_of(entry)
        digest = Digest.of(data)
        before = images[digest].references if digest in images else ()
        image = images.get(digest) or Arrived(documents=_of_manifest(inbox, data, media_type), references=())
        images[digest] = image.replace(references=before if name is None or name in before else (*before, name))
    if not images:
        raise BadArchive("index.json names no image")
    return list(images.values())


def _chosen(inbox: Inbox, entry: documents.Descriptor, depth: int) -> tuple[bytes, str]:
    """The manifest that an entry of an index means, through indexes of several platforms."""
    from izba.oci.platform import host

    data = _named(inbox, entry)
    if entry["mediaType"] in mediatype.MANIFESTS:
        return data, entry["mediaType"]
    if entry["mediaType"] not in mediatype.INDEXES or not depth:
        raise BadArchive(f"index.json names something of type {shown(entry['mediaType'])}, which is no image")
    entries = [
        one
        for one in validate.index(data, media_type=entry["mediaType"])["manifests"]
        if one["mediaType"] in mediatype.MANIFESTS | mediatype.INDEXES and _platform(one) is not None
    ]
    best = host().best([platform for one in entries if (platform := _platform(one)) is not None])
    if best is None:
        offered = ", ".join(sorted(str(_platform(one)) for one in entries[:12])) or "none"
        raise BadArchive(f"the archive has no image for {host()}; it has: {shown(offered)}")
    return _chosen(inbox, entries[best], depth - 1)


def _platform(entry: documents.Descriptor) -> Platform | None:
    """None for what is no image: attestations stand in indexes as images of an unknown system."""
    platform = entry.get("platform")
    if platform is None or platform["os"] == "unknown":
        return None
    return Platform.of(platform["os"], platform["architecture"], str(platform.get("variant") or ""))


def _named(inbox: Inbox, entry: documents.Descriptor) -> bytes:
    """A document by its descriptor, digest and size verified."""
    digest = Digest.parse(entry["digest"])
    data = inbox.document(layout.blob_path(digest))
    if len(data) != entry["size"] or Digest.of(data) != digest:
        expected = f"{digest} of {entry['size']} bytes"
        raise DigestMismatch(f"document {digest}", expected=expected, actual=f"{Digest.of(data)} of {len(data)} bytes")
    return data


def _name_of(entry: documents.Descriptor) -> Reference | None:
    """The name an index gives an image: whole by containerd's annotation, else the specification's if that is a name.

    A bare word, as in `skopeo copy … oci-archive:file:latest`, is only a tag and names nothing.
    """
    annotations = entry.get("annotations") or {}
    name = annotations.get(layout.IMAGE_NAME)
    if name is None:
        name = annotations.get(layout.REF_NAME, "")
        if ":" not in name and "/" not in name:
            return None
    return _reference(name)


def _of_manifest(inbox: Inbox, data: bytes, media_type: str) -> Documents:
    manifest = validate.manifest(data, media_type=media_type)
    config = _named(inbox, manifest["config"])
    layers = [
        inbox.blob(layout.blob_path(Digest.parse(layer["digest"])), layer["mediaType"]) for layer in manifest["layers"]
    ]
    for layer, said in zip(layers, manifest["layers"], strict=True):
        if layer.size != said["size"]:
            raise DigestMismatch(
                f"layer {layer.digest}", expected=f"{said['size']} bytes", actual=f"{layer.size} bytes"
            )
    return _stored(inbox, data, media_type, config, layers)


# --- Docker's archives ---------------------------------------------------------------------------------------------


def _of_docker(inbox: Inbox) -> list[Arrived]:
    entries = document(inbox.document(MANIFEST), list[DockerImage], what=MANIFEST)
    if not entries:
        raise BadArchive(f"{MANIFEST} names no image")
    return [_of_entry(inbox, entry) for entry in entries]


def _of_entry(inbox: Inbox, entry: DockerImage) -> Arrived:
    """Docker's archives have no manifest: one is made of the layers as they lie in the archive."""
    config = inbox.document(entry["Config"])
    _check_name(entry["Config"], config)
    references = tuple(dict.fromkeys(map(_reference, entry.get("RepoTags") or ())))
    layers = [inbox.blob(path) for path in entry["Layers"]]
    manifest: documents.Manifest = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": {"mediaType": mediatype.OCI_CONFIG, "digest": Digest.of(config), "size": len(config)},
        "layers": [layer.to_document() for layer in layers],
    }
    data = dumps_ordered(manifest).encode()
    return Arrived(documents=_stored(inbox, data, mediatype.OCI_MANIFEST, config, layers), references=references)


def _check_name(path: str, config: bytes) -> None:
    """Docker names a config by its digest: `<hex>.json`, or a layout's blob."""
    digits = path.rpartition("/")[2].removesuffix(".json")
    if len(digits) == 64 and HEX.issuperset(digits) and Digest.of(config).hex != digits:
        raise DigestMismatch(shown(path), expected=f"sha256:{digits}", actual=Digest.of(config))


# --- both ----------------------------------------------------------------------------------------------------------


def _reference(name: str) -> Reference:
    """A name that an archive gives: with a tag, and of nothing but what the grammar allows."""
    try:
        reference = Reference.parse(name)
    except InvalidReference as error:
        raise BadArchive(f"the archive names an image {shown(name)}, which is no name: {error.message}") from None
    if reference.digest is not None:
        raise BadArchive(f"the archive names an image {shown(name)}: only a registry can give that name")
    return reference


def _stored(inbox: Inbox, manifest: bytes, media_type: str, config: bytes, layers: Sequence[Descriptor]) -> Documents:
    """Check the config against the layers, and store both documents."""
    validate.config(config, layers=len(layers))
    for layer in layers:
        if not mediatype.is_layer(layer.media_type):
            raise BadArchive(f"layer {layer.digest} is of type {shown(layer.media_type)}, which izba cannot unpack")
    inbox.keep(config, mediatype.OCI_CONFIG)
    inbox.keep(manifest, media_type)
    return Documents(manifest, config)
