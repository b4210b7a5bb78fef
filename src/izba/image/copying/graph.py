"""Copying an image, or an index with all that it names: blobs first, each manifest after what it names."""

from __future__ import annotations

from izba.errors import InvalidArgument
from izba.image import transfer
from izba.image.choose import choose
from izba.image.transfer import Progress, silent
from izba.oci import mediatype, validate
from izba.oci.descriptor import Descriptor
from izba.oci.digest import DigestMismatch, Hasher
from izba.oci.platform import host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Protocol

    from izba.image.transfer import Report
    from izba.oci.platform import Platform
    from izba.registry.client import Content, Manifest

    class Source(Protocol):
        """Where images come from. What it gives is not verified yet."""

        what: str

        def root(self) -> Manifest:
            """The manifest or index under the name."""

        def child(self, entry: Descriptor) -> Manifest:
            """What an index names."""

        def blob(self, blob: Descriptor) -> Iterator[bytes]:
            """The bytes of a config or layer, from the beginning."""

        def close(self) -> None:
            """After the last of these calls."""

    class Target(Protocol):
        """Where images go. The calls come in this order."""

        def begin(self, manifests: Iterable[Manifest], /) -> None:
            """All manifests that will be put, the root last."""

        def has(self, blob: Descriptor) -> bool:
            """Whether the blob need not be put."""

        def put(self, blob: Descriptor, content: Content) -> Descriptor:
            """Store a blob; how its manifest has to name it there: as it is, or compressed."""

        def finish(self, manifest: Manifest, *, is_root: bool) -> Manifest:
            """Store a manifest whose parts are there; as it is there."""


MAX_DEPTH = 4
MAX_MANIFESTS = 10_000


class TooDeep(InvalidArgument):
    """An index leads further than any that a builder makes."""


def copy(
    source: Source,
    target: Target,
    *,
    platform: Platform | None = None,
    every: bool = False,
    report: Report = silent,
) -> Descriptor:
    """Copy the image for `platform` or this machine's, or `every` one of the index; what the root is called there."""
    root = source.root()
    if not every:
        wanted = platform or host()
        root = choose(root, wanted, source.child, what=source.what, exact=platform is not None)
    manifests = list(_below(source, root, 0))
    if len(manifests) > MAX_MANIFESTS:
        raise TooDeep(f"{source.what}: more than {MAX_MANIFESTS} manifests")
    target.begin(manifests)
    for manifest in manifests[:-1]:
        _copy_parts(source, target, manifest, report)
        target.finish(manifest, is_root=False)
    replaced = _copy_parts(source, target, root, report)
    return target.finish(_renamed(root, replaced), is_root=True).descriptor


def _below(source: Source, manifest: Manifest, depth: int) -> Iterator[Manifest]:
    """The manifest, after all that it leads to."""
    if depth > MAX_DEPTH:
        raise TooDeep(f"{source.what}: indexes inside indexes, more than {MAX_DEPTH} deep")
    if manifest.descriptor.media_type in mediatype.INDEXES:
        seen = set()
        index = validate.index(manifest.data, media_type=manifest.descriptor.media_type, what=f"index of {source.what}")
        for entry in index["manifests"]:
            if entry["digest"] not in seen:
                seen.add(entry["digest"])
                yield from _below(source, source.child(Descriptor.from_document(entry)), depth + 1)
    yield manifest


def parts(manifest: Manifest, what: str) -> list[Descriptor]:
    """The blobs that a manifest names, each once; foreign layers are elsewhere by definition."""
    if manifest.descriptor.media_type in mediatype.INDEXES:
        return []
    document = validate.manifest(manifest.data, media_type=manifest.descriptor.media_type, what=f"manifest of {what}")
    named = [document["config"], *(layer for layer in document["layers"] if not layer.get("urls"))]
    return list({entry["digest"]: Descriptor.from_document(entry) for entry in named}.values())


def _copy_parts(source: Source, target: Target, manifest: Manifest, report: Report) -> dict[str, Descriptor]:
    """Have all blobs there; those that are called otherwise there, by their digest here."""
    replaced = {}
    for blob in parts(manifest, source.what):
        if target.has(blob):
            report(Progress(layer=blob.digest, state=transfer.EXISTS))
            continue
        there = target.put(blob, lambda blob=blob: _verified(source.blob(blob), blob, report))  # type: ignore[misc]
        report(Progress(layer=blob.digest, state=transfer.COPIED, done=blob.size, total=blob.size))
        if there.digest != blob.digest:
            replaced[str(blob.digest)] = there
    return replaced


def _renamed(manifest: Manifest, replaced: dict[str, Descriptor]) -> Manifest:
    """The manifest with its layers as they are called at the target."""
    if not replaced:
        return manifest
    from izba.jsonio import dumps_ordered, loads
    from izba.oci.digest import Digest
    from izba.registry.client import Manifest

    document = loads(manifest.data)
    document["layers"] = [
        replaced[layer["digest"]].to_document() if layer["digest"] in replaced else layer
        for layer in document["layers"]
    ]
    data = dumps_ordered(document).encode()
    return Manifest(descriptor=manifest.descriptor.replace(digest=Digest.of(data), size=len(data)), data=data)


def _verified(chunks: Iterator[bytes], blob: Descriptor, report: Report) -> Iterator[bytes]:
    """The same chunks; the last one is given only when all are what `blob` promises."""
    hasher = Hasher()
    held = b""
    for chunk in chunks:
        hasher.update(chunk)
        if hasher.size > blob.size:
            raise DigestMismatch(f"blob {blob.digest}", expected=f"{blob.size} bytes", actual="more")
        if held:
            yield held
        held = chunk
        report(Progress(layer=blob.digest, state=transfer.COPYING, done=hasher.size, total=blob.size))
    if hasher.size != blob.size or hasher.digest() != blob.digest:
        expected, actual = f"{blob.digest} of {blob.size} bytes", f"{hasher.digest()} of {hasher.size} bytes"
        raise DigestMismatch(f"blob {blob.digest}", expected=expected, actual=actual)
    if held:
        yield held
