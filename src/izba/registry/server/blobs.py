"""Blobs: reading them, and the uploads they come by (distribution-spec, "Pulling blobs" and "Pushing blobs")."""

from __future__ import annotations

import re
from contextlib import contextmanager

from izba.errors import NotFound
from izba.oci.digest import Digest, DigestMismatch, InvalidDigest
from izba.oci.mediatype import OCI_LAYER
from izba.registry.server.answers import API_VERSION, Refusal, blob_unknown, digest_invalid, empty
from izba.registry.server.http import Part, Response, Stream
from izba.registry.server.passing import Passing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from izba.registry.server.app import Application
    from izba.registry.server.http import Request
    from izba.registry.server.uploads import Session


def read(app: Application, request: Request, name: str, text: str) -> Response:
    """GET and HEAD of a blob, whole or one range."""
    digest = parse_digest(text)
    source, size, arrived = _open(app, name, digest)
    headers = {
        **API_VERSION,
        "Content-Type": "application/octet-stream",
        "Docker-Content-Digest": digest,
        "ETag": f'"{digest}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "max-age=31536000, immutable",
    }
    wanted = request.headers.get("range")
    if wanted is None:
        return Response(200, headers, _body(request, source, 0, size, arrived))
    if (part := _range(wanted, size)) is None:
        if not isinstance(source, Passing):
            source.close()
        raise Refusal(416, "SIZE_INVALID", "the range is not inside the blob", {"Content-Range": f"bytes */{size}"})
    first, last = part
    headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    return Response(206, headers, _body(request, source, first, last - first + 1, arrived))


def _body(
    request: Request, source: BinaryIO | Passing, first: int, count: int, arrived: Callable[[int], int] | None
) -> Part | Stream:
    if not isinstance(source, Passing):
        return Part(source, first, count, arrived)
    if request.method == "HEAD":  # nobody needs to be asked
        return Stream(count, iter(()), lambda: None)
    return source.part(first, count)


def _open(app: Application, name: str, digest: Digest) -> tuple[BinaryIO | Passing, int, Callable[[int], int] | None]:
    """The blob's file and size; and if it is still coming, what waits for more of it than so many bytes."""
    try:
        if app.upstream is not None:
            app.catalog.touch(name, digest)
        if not app.catalog.has_blob(name, digest):
            if app.upstream is None:
                raise blob_unknown(digest)
            coming = app.upstream.blob(app, name, digest)
            if isinstance(coming, Passing):
                return coming, coming.blob.size, None
            if coming is not None and (growing := coming.open()) is not None:
                return growing, coming.blob.size, coming.arrived
        size = app.store.content.stat(digest)
        return app.store.content.open(digest), size, None
    except NotFound:
        raise blob_unknown(digest) from None


def delete(app: Application, name: str, text: str) -> Response:
    """Take the blob out of this repository; others keep it."""
    digest = parse_digest(text)
    if not app.catalog.unlink(name, digest):
        raise blob_unknown(digest)
    return empty(202, {"Docker-Content-Digest": digest})


def begin(app: Application, request: Request, name: str, user: str) -> Response:
    """Open an upload; or mount a blob that another repository has; or take it whole in this very request."""
    if mount := request.query.get("mount"):
        digest = parse_digest(mount)
        source = request.query.get("from")
        if source and app.catalog.mount(name, source, digest):
            return _created(name, digest)
    app.require_room(0)
    session = app.uploads.begin(name, user)
    if (text := request.query.get("digest")) and not mount:
        with app.uploads.writing(session):
            return _finish(app, request, session, parse_digest(text))
    return _accepted(session)


def append(app: Application, request: Request, name: str, user: str, id: str) -> Response:
    """Take a piece of a blob: a stream, or a chunk that says where it belongs."""
    with _writing(app, name, user, id) as session:
        said = request.headers.get("content-range")
        if said is not None:
            _check_chunk(said, request, session)
        try:
            _receive(app, request, session)
        except OSError:  # a full disk: what came of it is in the way of everything else
            app.uploads.end(session)
            raise
        return _accepted(session)


def finish(app: Application, request: Request, name: str, user: str, id: str) -> Response:
    """Take the last piece, if there is one, and make what came a blob if it has the digest."""
    with _writing(app, name, user, id) as session:
        if (said := request.headers.get("content-range")) is not None:
            _check_chunk(said, request, session)
        return _finish(app, request, session, parse_digest(request.query.get("digest", "")))


def status(app: Application, name: str, user: str, id: str) -> Response:
    """How much has come."""
    session = _session(app, name, user, id)
    return empty(204, {"Location": _location(session), "Range": _progress(session), "Docker-Upload-UUID": id})


def cancel(app: Application, name: str, user: str, id: str) -> Response:
    """Give the upload up."""
    app.uploads.end(_session(app, name, user, id))
    return empty(204)


def parse_digest(text: str) -> Digest:
    """The digest a client wrote; DIGEST_INVALID otherwise."""
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise digest_invalid(error.message) from None


def _finish(app: Application, request: Request, session: Session, digest: Digest) -> Response:
    try:
        _receive(app, request, session)
        with app.store.lease("registry upload"), app.settling():
            session.is_settled = True
            app.require_room(session.ingest.offset)
            session.ingest.commit(OCI_LAYER, digest)
            app.catalog.link(session.repository, digest)
    except DigestMismatch as error:
        raise digest_invalid(error.message) from None
    finally:
        app.uploads.end(session)
    return _created(session.repository, digest)


def _receive(app: Application, request: Request, session: Session) -> None:
    room = app.room()
    while data := request.read():
        if session.is_ended:
            raise _upload_unknown()
        app.require_room(app.uploads.size() + len(data), room)
        session.ingest.write(data)


def _session(app: Application, name: str, user: str, id: str) -> Session:
    session = app.uploads.get(id, name, user)
    if session is None:
        raise _upload_unknown()
    return session


@contextmanager
def _writing(app: Application, name: str, user: str, id: str) -> Iterator[Session]:
    session = _session(app, name, user, id)
    with app.uploads.writing(session) as is_open:
        if not is_open:  # ended by another request while this one waited for its turn
            raise _upload_unknown()
        yield session


def _upload_unknown() -> Refusal:
    return Refusal(404, "BLOB_UPLOAD_UNKNOWN", "no such upload of yours is open here")


def _check_chunk(said: str, request: Request, session: Session) -> None:
    """A chunk must begin where the last one ended, and be as long as it says."""
    found = re.fullmatch(r"(?:bytes )?(\d+)-(\d+)(?:/\S+)?", said.strip())
    length = request.headers.get("content-length")
    if (
        not found
        or int(found[1]) != session.ingest.offset
        or (length is not None and int(found[2]) - int(found[1]) + 1 != int(length))
    ):
        raise Refusal(
            *(416, "BLOB_UPLOAD_INVALID", f"the next chunk begins at {session.ingest.offset}"),
            {"Location": _location(session), "Range": _progress(session)},
        )


def _accepted(session: Session) -> Response:
    headers = {"Location": _location(session), "Range": _progress(session), "Docker-Upload-UUID": session.id}
    return empty(202, headers)


def _created(name: str, digest: Digest) -> Response:
    return empty(201, {"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest})


def _location(session: Session) -> str:
    return f"/v2/{session.repository}/blobs/uploads/{session.id}"


def _progress(session: Session) -> str:
    return f"0-{max(session.ingest.offset - 1, 0)}"


def _range(text: str, size: int) -> tuple[int, int] | None:
    """The first and last byte of a single range that is inside (RFC 9110, section 14.1.2)."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", text.strip())
    if not found or found[0] == "bytes=-":
        return None
    if not found[1]:
        first, last = max(size - int(found[2]), 0), size - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size - 1), size - 1)
    return (first, last) if first <= last else None
