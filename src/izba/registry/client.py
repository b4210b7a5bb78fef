"""One repository on one registry (distribution-spec 1.1): manifests, blobs, tags, referrers.

    client = Client(config, "library/python", environ=os.environ, credentials=None)
    manifest = client.manifest("3.11-slim")         Manifest(descriptor, data)
    with client.blob(descriptor, offset=0) as body: body.read(1 << 20)

Pulling asks the mirrors first, in their order, and the registry last; pushing asks only the registry.
"""

from __future__ import annotations

import re
import time
from urllib.parse import urlencode, urlsplit

from izba import jsonio, log
from izba._record import Record
from izba.errors import NotFound, Unavailable
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch, Hasher
from izba.oci.reference import is_tag
from izba.registry.endpoint import Endpoint
from izba.registry.fault import (
    ManifestUnknown,
    RegistryError,
    RegistryUnauthorized,
    TooManyRequests,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, TypeVar

    from izba.registry.config import RegistryConfig
    from izba.registry.credentials import Credentials
    from izba.registry.transport import Body

    T = TypeVar("T")
    Content = Callable[[], Iterable[bytes]]
    """Gives the bytes of a blob from the beginning, each time it is called."""

MAX_MANIFEST = 4 << 20  # distribution-spec: registries should take manifests of at least 4 MiB
UPLOADS = 4
"""How often an upload that breaks is begun again."""
ACCEPT = ", ".join(sorted(mediatype.MANIFESTS | mediatype.INDEXES))


class Manifest(Record):
    """A manifest or index as it was received, and what names it."""

    descriptor: Descriptor
    data: bytes


class Mirror(Record):
    """Another host that has the registry's repositories; `config` and `credentials` are its own."""

    url: str
    config: RegistryConfig
    credentials: Credentials | None = None


class Client:
    """A repository, `name` without its host. Safe to use from several threads."""

    def __init__(
        self,
        config: RegistryConfig,
        name: str,
        *,
        environ: Mapping[str, str],
        credentials: Credentials | None,
        mirrors: Iterable[Mirror] = (),
    ) -> None:
        self.name = name
        self.host = config.host
        self._own = Endpoint(config, config.endpoint, name, environ, credentials)
        others = (Endpoint(one.config, one.url.rstrip("/"), name, environ, one.credentials) for one in mirrors)
        self._sources = [*others, self._own]

    def manifest(self, reference: str, *, expected: Descriptor | None = None) -> Manifest:
        """The manifest or index under a tag or digest, verified. Raises `ManifestUnknown`, `DigestMismatch`."""
        what = self._manifest(reference)
        return self._first(lambda endpoint: _read_manifest(endpoint, reference, what, expected), what)

    def check_access(self) -> None:
        """Ask the registry whether it speaks this protocol and takes the credentials. Raises its refusal."""
        answer = self._own.call("GET", "/", scope="")
        self._own.finish(answer, {200}, f"login to {self.host}")

    def exists(self, reference: str) -> Descriptor | None:
        """What a tag or digest names, without its bytes; None if there is none."""
        answer = self._own.call("HEAD", f"manifests/{reference}", scope="pull", headers={"Accept": ACCEPT})
        answer.body.close()
        if answer.status == 404:
            return None
        self._own.check(answer, {200}, self._manifest(reference))
        digest, length = answer.headers.get("docker-content-digest", ""), answer.headers.get("content-length", "")
        if not digest or not length.isdecimal():
            return self.manifest(reference).descriptor
        return Descriptor(
            media_type=answer.headers.get("content-type", "").partition(";")[0].strip(),
            digest=Digest.parse(digest),
            size=int(length[:18]),
        )

    def blob(self, descriptor: Descriptor, *, offset: int = 0) -> tuple[Body, int]:
        """The bytes of a blob from `offset`, if the server can, and the offset they really begin at.

        The caller verifies digest and size: these bytes are only what the server says.
        """
        what = self._what(f"blob {descriptor.digest}")
        return self._first(lambda endpoint: _open_blob(endpoint, descriptor, offset, what), what)

    def has_blob(self, digest: Digest) -> bool:
        """Whether the repository has the blob."""
        answer = self._own.call("HEAD", f"blobs/{digest}", scope="pull,push")
        answer.body.close()
        if answer.status == 404:
            return False
        self._own.check(answer, {200}, self._what(f"blob {digest}"))
        return True

    def mount_blob(self, digest: Digest, source: str) -> str | None:
        """Ask for a blob of another repository of this registry; None if it is here now, else where to upload."""
        query = urlencode({"mount": digest, "from": source})
        answer = self._own.call("POST", f"blobs/uploads/?{query}", scope="pull,push", body=b"", also=source)
        self._own.finish(answer, {201, 202}, self._what(f"mount of {digest}"))
        return None if answer.status == 201 else self._own.location(answer)

    def put_blob(self, descriptor: Descriptor, content: Content, *, upload: str | None = None) -> None:
        """Upload a blob of known digest and size, in one request after the session's opening one."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(descriptor.size)}

        def send(where: str) -> None:
            url = _with_query(where, digest=descriptor.digest)
            answer = self._own.call("PUT", url, scope="pull,push", headers=headers, body=content())
            self._own.finish(answer, {201}, self._what(f"blob {descriptor.digest}"))

        self._upload(send, upload)

    def put_stream(self, content: Content, *, upload: str | None = None) -> tuple[Digest, int]:
        """Upload a blob whose digest and size are known only at its end; both."""
        headers = {"Content-Type": "application/octet-stream"}
        what = self._what("blob")

        def send(where: str) -> tuple[Digest, int]:
            hasher = Hasher()
            answer = self._own.call("PATCH", where, scope="pull,push", headers=headers, body=_hashed(content(), hasher))
            self._own.finish(answer, {202, 204}, what)
            self._finish_upload(self._own.location(answer), hasher.digest(), what)
            return hasher.digest(), hasher.size

        return self._upload(send, upload)

    def put_blob_in_chunks(self, content: Content, digest: Digest, *, upload: str | None = None) -> None:
        """Upload a blob piece by piece, each a request of its own that says where it belongs."""
        what = self._what(f"blob {digest}")

        def send(where: str) -> None:
            start = 0
            for chunk in content():
                headers = {
                    "Content-Type": "application/octet-stream",
                    "Content-Range": f"{start}-{start + len(chunk) - 1}",
                }
                answer = self._own.call("PATCH", where, scope="pull,push", headers=headers, body=chunk)
                self._own.finish(answer, {202, 204}, what)
                where, start = self._own.location(answer), start + len(chunk)
            self._finish_upload(where, digest, what)

        self._upload(send, upload)

    def _upload(self, send: Callable[[str], T], upload: str | None) -> T:
        """`send` to an upload session; where the connection or the registry breaks, all of it to another one.

        A session that broke holds an unknown part of the blob, so it is not gone on with. A token that expired while
        the bytes went is got anew.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return send(upload or self.start_upload())
            except (Unavailable, RegistryUnauthorized) as error:
                patience = 2 if isinstance(error, RegistryUnauthorized) else UPLOADS
                if attempt >= patience or isinstance(error, TooManyRequests) or getattr(error, "lasting", False):
                    raise
                log.debug("upload begun again", what=self.name, reason=str(error))
                upload = None
                time.sleep(0.1 * 4**attempt)

    def _finish_upload(self, where: str, digest: Digest, what: str) -> None:
        answer = self._own.call("PUT", _with_query(where, digest=digest), scope="pull,push", body=b"")
        self._own.finish(answer, {201, 204}, what)

    def start_upload(self) -> str:
        """Open an upload session; returns its URL."""
        answer = self._own.call("POST", "blobs/uploads/", scope="pull,push", body=b"")
        self._own.finish(answer, {202}, self._what("upload"))
        return self._own.location(answer)

    def put_manifest(self, reference: str, data: bytes, media_type: str) -> Digest:
        """Store a manifest under a tag or its digest; returns the digest it has there."""
        what = self._manifest(reference)
        digest = Digest.of(data)
        answer = self._own.call(
            "PUT", f"manifests/{reference}", scope="pull,push", headers={"Content-Type": media_type}, body=data
        )
        self._own.finish(answer, {201}, what)
        said = answer.headers.get("docker-content-digest") or digest
        if said != digest:
            raise DigestMismatch(what, expected=digest, actual=said)
        return digest

    def delete_manifest(self, reference: str) -> None:
        """Delete a tag or manifest. Raises `ManifestUnknown`."""
        answer = self._own.call("DELETE", f"manifests/{reference}", scope="delete")
        self._own.finish(answer, {202, 200}, self._manifest(reference))

    def delete_blob(self, digest: Digest) -> None:
        """Delete a blob. Raises `ManifestUnknown`."""
        answer = self._own.call("DELETE", f"blobs/{digest}", scope="delete")
        self._own.finish(answer, {202, 200}, self._what(f"blob {digest}"))

    def tags(self, *, page: int = 1000) -> Iterator[str]:
        """All tags, page by page, in the registry's order; what is no tag by its grammar is passed over."""
        for document in self._own.pages(f"tags/list?n={page}", what=self._what("tags")):
            yield from filter(is_tag, _strings(document, "tags"))

    def repositories(self, *, page: int = 1000) -> Iterator[str]:
        """The names of the registry's repositories, if it tells them: Docker's extension of the specification."""
        for document in self._own.pages(
            f"/_catalog?n={page}", what=f"catalog of {self.host}", scope="registry:catalog:*"
        ):
            yield from _strings(document, "repositories")

    def referrers(self, digest: Digest, *, artifact_type: str | None = None) -> tuple[dict[str, Any], ...]:
        """Descriptors of the manifests whose subject is `digest`; by the tag schema where there is no such API."""
        query = f"?{urlencode({'artifactType': artifact_type})}" if artifact_type else ""
        found: list[dict[str, Any]] = []
        try:
            for document in self._own.pages(f"referrers/{digest}{query}", what=self._what("referrers")):
                found += _objects(document, "manifests")
        except ManifestUnknown:
            try:
                tagged = self.manifest(digest.replace(":", "-"))
            except NotFound:
                return ()
            found = _objects(jsonio.loads(tagged.data), "manifests")
        return tuple(one for one in found if artifact_type in {None, one.get("artifactType")})

    def _what(self, thing: str) -> str:
        return f"{thing} of {self.host}/{self.name}"

    def _manifest(self, reference: str) -> str:
        separator = "@" if ":" in reference else ":"
        return f"manifest for {self.host}/{self.name}{separator}{reference}"

    def _first(self, ask: Callable[[Endpoint], T], what: str) -> T:
        """Ask each source in turn; the last one's error is the error, the mirrors' are warnings of the log."""
        for endpoint in self._sources[:-1]:
            try:
                return ask(endpoint)
            except (NotFound, Unavailable, DigestMismatch, RegistryError) as error:
                log.debug("mirror passed over", mirror=endpoint.base, what=what, reason=str(error))
        return ask(self._sources[-1])


def _read_manifest(endpoint: Endpoint, reference: str, what: str, expected: Descriptor | None) -> Manifest:
    answer = endpoint.call("GET", f"manifests/{reference}", scope="pull", headers={"Accept": ACCEPT})
    endpoint.check(answer, {200}, what)
    data = answer.body.read_all(MAX_MANIFEST, what)
    digest = Digest.of(data)
    promised = reference if ":" in reference else answer.headers.get("docker-content-digest") or digest
    for wanted in (promised, expected.digest if expected else digest):
        if wanted != digest:
            raise DigestMismatch(what, expected=wanted, actual=digest)
    if expected and expected.size != len(data):
        raise DigestMismatch(what, expected=f"{expected.size} bytes", actual=f"{len(data)} bytes")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    return Manifest(descriptor=Descriptor(media_type=media_type, digest=digest, size=len(data)), data=data)


def _open_blob(endpoint: Endpoint, descriptor: Descriptor, offset: int, what: str) -> tuple[Body, int]:
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    answer = endpoint.call("GET", f"blobs/{descriptor.digest}", scope="pull", headers=headers)
    if answer.status == 416:  # the range is not to be had: begin again
        answer.body.close()
        answer, offset = endpoint.call("GET", f"blobs/{descriptor.digest}", scope="pull"), 0
    endpoint.check(answer, {200, 206}, what)
    if answer.status == 200:
        return answer.body, 0
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("content-range", "").strip())
    if not said or int(said[1]) != offset or said[2] not in {"*", str(descriptor.size)}:
        answer.body.close()
        raise RegistryError(f"{what}: {endpoint.host} sends another range than it was asked for")
    return answer.body, offset


def _with_query(url: str, **parameters: str) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(parameters)}"


def _hashed(chunks: Iterable[bytes], hasher: Hasher) -> Iterator[bytes]:
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk


def _strings(document: Any, key: str) -> list[str]:
    values = document.get(key) if isinstance(document, dict) else None
    return [value for value in values or [] if isinstance(value, str)]


def _objects(document: Any, key: str) -> list[dict[str, Any]]:
    values = document.get(key) if isinstance(document, dict) else None
    return [value for value in values or [] if isinstance(value, dict)]
