"""A registry in front of another: what is asked for is fetched once, verified and kept.

Tags are asked upstream each time, so that they are never old; if upstream cannot be reached, what is here is served.
Digests are served from here without asking. The credentials are the operator's own, for upstream alone.
"""

from __future__ import annotations

from threading import Lock

from izba import log
from izba.errors import NotFound, Unavailable
from izba.jsonio import loads
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.mediatype import OCI_LAYER
from izba.registry.client import Client
from izba.registry.fault import RegistryUnreachable
from izba.registry.server.answers import unsupported
from izba.registry.server.catalog import ManifestRow
from izba.registry.server.manifests import parse, store_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.registry.config import RegistryConfig
    from izba.registry.credentials import Credentials
    from izba.registry.server.app import Application
    from izba.store.content import Ingest

CHUNK = 1 << 20
RESUMES = 3


class Upstream:
    """The registry behind this one."""

    def __init__(self, config: RegistryConfig, environ: Mapping[str, str], credentials: Credentials | None) -> None:
        self._config = config
        self._environ = environ
        self._credentials = credentials
        self._clients: dict[str, Client] = {}
        self._lock = Lock()

    def fetch_manifest(self, app: Application, name: str, reference: str) -> ManifestRow | None:
        """The manifest, from here if it cannot have changed, else from upstream; None if upstream has none."""
        here = app.catalog.manifest(name, reference)
        if here is not None and ":" in reference:
            return here
        client = self._client(name)
        try:
            if here is not None and (there := client.exists(reference)) and there.digest == here.descriptor.digest:
                return here
            found = client.manifest(reference)
        except NotFound:
            return None
        except Unavailable as error:
            if here is not None:
                log.warning(
                    f"{self._config.host} cannot be asked, {name}:{reference} is served from here", why=str(error)
                )
                return here
            raise
        parsed = parse(found.data, found.descriptor.media_type)
        with app.store.lease("registry pull-through"):
            return store_manifest(app, name, found.data, parsed, tag=None if ":" in reference else reference)

    def fetch_blob(self, app: Application, name: str, digest: Digest) -> bool:
        """Have a blob that a manifest of this repository names; whether it could be had."""
        blob = _named(app, name, digest)
        if blob is None:
            return False
        with app.store.lease("registry pull-through"):
            if not app.store.content.has(digest):
                try:
                    self._download(app, name, blob)
                except NotFound:
                    return False
            app.catalog.link(name, digest)
        return True

    def refuse_list(self) -> None:
        """Upstream's lists are upstream's: what is here is only what was asked for."""
        raise unsupported("a pull-through registry does not list tags; ask the registry behind it")

    def _download(self, app: Application, name: str, blob: Descriptor) -> None:
        """Into an ingest that goes on where a broken connection, to upstream or to who asked, left it."""
        with app.store.content.ingest(f"pull-through {blob.digest}", expected=blob) as ingest:
            if app.store.content.has(blob.digest):  # who wrote it before us has finished
                return
            failures = 0
            while ingest.offset < blob.size:
                before = ingest.offset
                try:
                    self._receive(self._client(name), blob, ingest)
                except RegistryUnreachable:
                    failures = failures + 1 if ingest.offset == before else 0
                    if failures > RESUMES:
                        raise
            ingest.commit(OCI_LAYER)

    def _receive(self, client: Client, blob: Descriptor, ingest: Ingest) -> None:
        body, begins = client.blob(blob, offset=ingest.offset)
        skip = ingest.offset - begins
        try:
            while data := body.read(CHUNK):
                fresh, skip = data[skip:], max(skip - len(data), 0)
                ingest.write(fresh)
        finally:
            body.close()
        if ingest.offset < blob.size:
            raise RegistryUnreachable(client.host, f"blob {blob.digest} ends too early")

    def _client(self, name: str) -> Client:
        with self._lock:
            if name not in self._clients:
                if len(self._clients) > 1000:
                    self._clients.clear()
                self._clients[name] = Client(self._config, name, environ=self._environ, credentials=self._credentials)
            return self._clients[name]


def _named(app: Application, name: str, digest: Digest) -> Descriptor | None:
    """The blob as a manifest of this repository describes it; None for what no such manifest names."""
    row = app.store.db.row(
        "SELECT parent FROM registry_manifests JOIN content_children ON parent = digest"
        " WHERE repository = ? AND child = ? LIMIT 1",
        *(name, digest),
    )
    if row is None:
        return None
    manifest = loads(app.store.content.read(Digest(row[0])))
    entries = (entry for entry in (manifest.get("config"), *manifest.get("layers", ())) if entry)
    return next((Descriptor.from_document(entry) for entry in entries if entry["digest"] == digest), None)
