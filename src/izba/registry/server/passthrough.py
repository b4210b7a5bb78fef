"""A registry in front of another: what is asked for is fetched once, shown while it comes, verified and kept.

Tags are asked upstream each time, so that they are never old; if upstream cannot be reached, what is here is served.
Digests are served from here without asking. The credentials are the operator's own, for upstream alone.
"""

from __future__ import annotations

from threading import Event, Lock

from izba import log
from izba.errors import NotFound, Unavailable
from izba.jsonio import loads
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.mediatype import OCI_LAYER
from izba.registry.client import Client
from izba.registry.fault import RegistryUnreachable
from izba.registry.server.answers import unsupported
from izba.registry.server.arriving import Arriving
from izba.registry.server.catalog import ManifestRow
from izba.registry.server.manifests import parse, store_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.registry.config import RegistryConfig
    from izba.registry.credentials import Credentials
    from izba.registry.server.app import Application
    from izba.registry.transport import Body
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
        self._arriving: dict[Digest, Arriving] = {}
        self._bodies: set[Body] = set()
        self._closed = Event()

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
            if ":" not in reference:
                app.catalog.delete_tag(name, reference)  # nor is it to be served when upstream is away
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

    def blob(self, app: Application, name: str, digest: Digest) -> Arriving | None:
        """Have a blob that a manifest of this repository names: None if it is here now, else what to follow.

        Whoever asks for it while it comes follows the same. Raises `NotFound` if no such manifest names it.
        """
        blob = _named(app, name, digest)
        if blob is None:
            raise NotFound(f"no manifest of {name} names {digest}")
        with self._lock, app.store.lease("registry pull-through"):
            arriving = self._arriving.get(digest)
            if arriving is None:
                if app.store.content.has(digest):
                    app.catalog.link(name, digest)
                    return None
                arriving = self._arriving[digest] = Arriving(blob, lambda arriving: self._fetch(app, name, arriving))
                arriving.start()
            arriving.repositories.add(name)
        return arriving

    def close(self) -> None:
        """Give up what is on its way; a later process goes on with it."""
        self._closed.set()
        for body in list(self._bodies):
            body.abort()
        for arriving in list(self._arriving.values()):
            arriving.join()

    def refuse_list(self) -> None:
        """Upstream's lists are upstream's: what is here is only what was asked for."""
        raise unsupported("a pull-through registry does not list tags; ask the registry behind it")

    def _fetch(self, app: Application, name: str, arriving: Arriving) -> None:
        try:
            with app.store.lease("registry pull-through"):
                self._download(app, name, arriving)
                with self._lock:
                    for repository in arriving.repositories:
                        app.catalog.link(repository, arriving.blob.digest)
                    del self._arriving[arriving.blob.digest]
        finally:
            with self._lock:
                if self._arriving.get(arriving.blob.digest) is arriving:
                    del self._arriving[arriving.blob.digest]

    def _download(self, app: Application, name: str, arriving: Arriving) -> None:
        """Into an ingest that goes on where a broken connection, or a process before this one, left it."""
        blob = arriving.blob
        with app.store.content.ingest(f"pull-through {blob.digest}", expected=blob) as ingest:
            if app.store.content.has(blob.digest):  # another process, which wrote it before us, has finished
                arriving.opened(app.store.content.path(blob.digest))
                return
            arriving.opened(ingest.path)
            arriving.advance(ingest.offset)
            failures = 0
            while ingest.offset < blob.size:
                before = ingest.offset
                try:
                    self._receive(self._client(name), arriving, ingest)
                except RegistryUnreachable:
                    failures = failures + 1 if ingest.offset == before else 0
                    if failures > RESUMES or self._closed.is_set():
                        raise
            ingest.commit(OCI_LAYER)

    def _receive(self, client: Client, arriving: Arriving, ingest: Ingest) -> None:
        blob = arriving.blob
        body, begins = client.blob(blob, offset=ingest.offset)
        self._bodies.add(body)
        skip = ingest.offset - begins
        try:
            while not self._closed.is_set() and (data := body.read(CHUNK)):
                fresh, skip = data[skip:], max(skip - len(data), 0)
                ingest.write(fresh)
                arriving.advance(ingest.offset)
        finally:
            self._bodies.discard(body)
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
