"""Manifests: what is stored is what came, byte for byte, once all that it names is there."""

from __future__ import annotations

from izba.decode import DecodeError, document
from izba.errors import NotFound
from izba.jsonio import BadJSON, loads
from izba.oci import mediatype
from izba.oci.digest import Digest, InvalidDigest
from izba.oci.documents import Index, Manifest
from izba.registry.server.answers import API_VERSION, Refusal, digest_invalid, empty, manifest_unknown
from izba.registry.server.catalog import ManifestRow
from izba.registry.server.http import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.registry.server.app import Application
    from izba.registry.server.http import Request

MAX_MANIFEST = 4 << 20
MAX_ENTRIES = 10_000


class Parsed:
    """What a registry needs to know of a manifest."""

    def __init__(self, data: bytes, media_type: str) -> None:
        self.media_type = media_type
        self.blobs: list[Digest] = []
        self.manifests: list[Digest] = []
        whole = loads(data)
        both = isinstance(whole, dict) and "manifests" in whole and ("layers" in whole or "config" in whole)
        if both or not isinstance(whole, dict) or whole.get("mediaType", media_type) != media_type:
            raise DecodeError("manifest", "two kinds of document in one, or not the type that the request says", "")
        if media_type in mediatype.INDEXES:
            index = document(data, Index, what="index")
            subject, annotations, artifact = index.get("subject"), index.get("annotations"), index.get("artifactType")
            self.manifests = [Digest.parse(entry["digest"]) for entry in index["manifests"]]
        elif media_type in mediatype.MANIFESTS:
            manifest = document(data, Manifest, what="manifest")
            subject, annotations = manifest.get("subject"), manifest.get("annotations")
            artifact = manifest.get("artifactType") or manifest["config"]["mediaType"]
            self.blobs = [Digest.parse(manifest["config"]["digest"])]
            # Foreign layers are elsewhere by definition.
            self.blobs += [Digest.parse(layer["digest"]) for layer in manifest["layers"] if not layer.get("urls")]
        else:
            raise DecodeError("manifest", f"media type {media_type[:100]!r} is none of a manifest", "")
        if len(self.blobs) + len(self.manifests) > MAX_ENTRIES:
            raise DecodeError("manifest", f"more than {MAX_ENTRIES} entries", "")
        self.subject = Digest.parse(subject["digest"]) if subject else None
        self.annotations = tuple((annotations or {}).items())
        self.artifact_type = artifact or ""


def read(app: Application, name: str, reference: str) -> Response:
    """GET and HEAD of a manifest."""
    row = app.upstream.fetch_manifest(app, name, reference) if app.upstream else app.catalog.manifest(name, reference)
    if row is None:
        app.require_repository(name)
        raise manifest_unknown(reference)
    try:
        data = app.store.content.read(row.descriptor.digest)
    except NotFound:  # it was taken away, or made room for another, this very moment
        raise manifest_unknown(reference) from None
    headers = {
        **API_VERSION,
        "Content-Type": row.descriptor.media_type,
        "Docker-Content-Digest": row.descriptor.digest,
        "ETag": f'"{row.descriptor.digest}"',
    }
    return Response(200, headers, data)


def put(app: Application, request: Request, name: str, reference: str) -> Response:
    """Store a manifest under a tag or its digest."""
    data = request.read_all(MAX_MANIFEST)
    if data is None:
        raise Refusal(413, "SIZE_INVALID", f"a manifest has at most {MAX_MANIFEST} bytes")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip()
    digest = Digest.of(data)
    if ":" in reference and reference != digest:
        raise digest_invalid(f"the manifest has the digest {digest}")
    parsed = parse(data, media_type)
    with app.store.lease("registry manifest"), app.settling():
        app.require_room(len(data))
        _require_children(app, name, parsed)
        store_manifest(app, name, data, parsed, tag=None if ":" in reference else reference)
    headers = {"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
    if parsed.subject:
        headers["OCI-Subject"] = parsed.subject
    return empty(201, headers)


def parse(data: bytes, media_type: str) -> Parsed:
    """Check a manifest; MANIFEST_INVALID says what is wrong and where."""
    try:
        return Parsed(data, media_type)
    except (DecodeError, BadJSON, InvalidDigest) as error:
        raise Refusal(400, "MANIFEST_INVALID", error.message) from None


def store_manifest(
    app: Application, name: str, data: bytes, parsed: Parsed, *, tag: str | None, is_cached: bool = False
) -> ManifestRow:
    """Keep the bytes and their row. The caller holds a lease."""
    stored = app.store.content.put(data, parsed.media_type)
    row = ManifestRow(
        descriptor=stored,
        artifact_type=parsed.artifact_type,
        subject=parsed.subject or "",
        annotations=parsed.annotations,
    )
    app.catalog.put_manifest(name, row, [*parsed.blobs, *parsed.manifests], tag, is_cached=is_cached)
    return row


def delete(app: Application, name: str, reference: str) -> Response:
    """Take away a tag, or a manifest with all its tags."""
    if ":" in reference:
        found = app.catalog.delete_manifest(name, reference)
    else:
        found = app.catalog.delete_tag(name, reference)
    if not found:
        app.require_repository(name)
        raise manifest_unknown(reference)
    return empty(202)


def _require_children(app: Application, name: str, parsed: Parsed) -> None:
    for digest in parsed.blobs:
        if not app.catalog.has_blob(name, digest):
            raise Refusal(404, "MANIFEST_BLOB_UNKNOWN", f"blob {digest} is unknown to this repository")
    for digest in parsed.manifests:
        if app.catalog.manifest(name, digest) is None:
            raise Refusal(404, "MANIFEST_BLOB_UNKNOWN", f"manifest {digest} is unknown to this repository")
