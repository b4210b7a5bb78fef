"""`save`: one tar that everybody reads. An OCI image layout (for skopeo, podman, containerd and newer Dockers), and
beside it the two documents of `docker save` (for older ones), which name the same blobs.

    manifest.json   [{"Config": path, "RepoTags": ["busybox:latest"], "Layers": [path, …]}]
    repositories    {"busybox": {"latest": id of the topmost layer}}

Small documents come first, so that a reader who cannot seek knows what the layers are for when they come.
"""

from __future__ import annotations

from izba._record import Record
from izba.image import layout, stored
from izba.image.image import Documents
from izba.image.portable import portable
from izba.jsonio import dumps_ordered
from izba.oci.reference import InvalidReference, Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from izba.image.stored import StoredImage
    from izba.layer.streams import Writer
    from izba.store.store import Store

MANIFEST = "manifest.json"
REPOSITORIES = "repositories"


class Selected(Record):
    """An image to save, and the names it is saved under."""

    image: Documents
    references: tuple[Reference, ...]


def select(store: Store, words: Iterable[str]) -> tuple[Selected, ...]:
    """What `save`'s arguments mean: a name with a tag, all tags of a name without one, an id without a name.

    Raises `ImageNotFound`, `AmbiguousId`.
    """
    images: dict[str, StoredImage] = {}
    references: dict[str, dict[str, Reference]] = {}
    for word in words:
        for image, reference in _meant(store, word):
            key = image.descriptor.digest
            images.setdefault(key, image)
            names = references.setdefault(key, {})
            if reference is not None:
                names[reference.canonical()] = reference
    return tuple(Selected(image=images[key], references=tuple(references[key].values())) for key in images)


def save(store: Store, selection: Sequence[Selected], out: Writer) -> None:
    """Write the images to a stream; layers that several share are written once."""
    selection = [one.replace(image=portable(store, one.image)) for one in selection]
    images = [selected.image for selected in selection]
    sink = layout.TarSink(out)
    with layout.pinned(store, images):
        layout.put(sink, layout.LAYOUT, layout.LAYOUT_VERSION)
        layout.put(sink, layout.INDEX, layout.index([(one.image, one.references) for one in selection]))
        layout.put(sink, MANIFEST, _manifest(selection))
        layout.put(sink, REPOSITORIES, _repositories(selection))
        layout.write_blobs(store, images, sink)
    sink.finish()


def _meant(store: Store, word: str) -> list[tuple[StoredImage, Reference | None]]:
    repository = _repository(word)
    if repository is not None:
        tagged = [name for name, _ in store.names.all() if name.startswith(f"{repository}:")]
        if tagged:
            found = [Reference.parse(name) for name in tagged]
            return [(stored.require(store, reference.canonical()), reference) for reference in found]
    image = stored.require(store, word)
    try:
        reference = Reference.parse(word)
    except InvalidReference:
        return [(image, None)]
    named = reference.digest is None and reference.canonical() in image.names
    return [(image, reference if named else None)]


def _repository(word: str) -> str | None:
    """The repository that a name without tag and digest is."""
    if ":" in word.rpartition("/")[2] or "@" in word:
        return None
    try:
        return Reference.parse(word).name
    except InvalidReference:
        return None


def _manifest(selection: Sequence[Selected]) -> bytes:
    entries: list[dict[str, Any]] = [
        {
            "Config": layout.blob_path(one.image.id),
            "RepoTags": [reference.familiar() for reference in one.references] or None,
            "Layers": [layout.blob_path(layer.digest) for layer in one.image.layers],
        }
        for one in selection
    ]
    return dumps_ordered(entries).encode()


def _repositories(selection: Sequence[Selected]) -> bytes:
    repositories: dict[str, dict[str, str]] = {}
    for one in selection:
        for reference in one.references:
            if one.image.layers and reference.tag:
                top = one.image.layers[-1].digest.hex
                repositories.setdefault(reference.familiar_name, {})[reference.tag] = top
    return dumps_ordered(repositories).encode()
