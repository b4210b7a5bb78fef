"""A registry in front of another: what is asked for is fetched once, shown while it comes, verified and kept.

Tags are asked upstream each time, so that they are never old; if upstream cannot be reached, what is here is served.
Digests are served from here without asking. The credentials are the operator's own, for upstream alone.

Where there is a quota, what nobody asked for for the longest time makes room for what is asked for now, and a blob that
there is no room for even so goes through without being kept.
"""

from __future__ import annotations

import time
from threading import Event, Lock

from izba import log
from izba.errors import NotFound, Unavailable
from izba.jsonio import loads
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.mediatype import OCI_LAYER
from izba.registry.client import Client
from izba.registry.fault import RegistryUnreachable
from izba.registry.server.answers import Refusal, unsupported
from izba.registry.server.arriving import Arriving
from izba.registry.server.catalog import ManifestRow
from izba.registry.server.manifests import parse, store_manifest
from izba.registry.server.passing import Passing

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
IN_USE_SECONDS = 600
"""How long after it was asked for an image is not forgotten for the blobs of another."""
MARGIN = 100
"""The part of a quota that blobs leave to manifests: without those nothing could be asked for."""


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
        if here is not None:
            app.catalog.touch(name, here.descriptor.digest)
            if ":" in reference:
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
        tag = None if ":" in reference else reference
        with self._lock, app.store.lease("registry pull-through"):
            if self._make_room(app, len(found.data), 0) is None:
                raise Refusal(403, "DENIED", f"the quota of {app.policy.quota} bytes has no room for a manifest")
            return store_manifest(app, name, found.data, parsed, tag=tag, is_cached=True)

    def blob(self, app: Application, name: str, digest: Digest) -> Arriving | Passing | None:
        """Have a blob that a manifest of this repository names: None if it is here now, else what to follow.

        Whoever asks for it while it comes follows the same. Raises `NotFound` if no such manifest names it.
        """
        blob = _named(app, name, digest)
        if blob is None:
            raise NotFound(f"no manifest of {name} names {digest}")
        with self._lock, app.store.lease("registry pull-through"):
            arriving = self._arriving.get(digest)
            if arriving is None:
                forgotten = self._make_room(app, blob.size + app.policy.quota // MARGIN, IN_USE_SECONDS)
                if app.store.content.has(digest):
                    if forgotten is not None:
                        app.catalog.link(name, digest)
                    return None
                if forgotten is None:
                    return Passing(self._client_of(name), blob)
                arriving = Arriving(blob, lambda arriving: self._fetch(app, name, arriving, must_collect=forgotten > 0))
                self._arriving[digest] = arriving
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

    def _make_room(self, app: Application, size: int, unused_seconds: int) -> int | None:
        """How many manifests were forgotten for `size` more bytes; None if there is no room. Called with the lock."""
        if not (quota := app.policy.quota):
            return 0
        size += sum(arriving.blob.size for arriving in self._arriving.values())
        if size > quota:
            return None
        return app.catalog.make_room(size, quota=quota, unused_since=time.time_ns() - unused_seconds * 10**9)

    def _fetch(self, app: Application, name: str, arriving: Arriving, *, must_collect: bool) -> None:
        try:
            if must_collect:
                app.collect()
            with app.store.lease("registry pull-through"):
                self._download(app, name, arriving)
                with self._lock:
                    for repository in arriving.repositories:
                        if _named(app, repository, arriving.blob.digest):  # still: it may have been forgotten meanwhile
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
            return self._client_of(name)

    def _client_of(self, name: str) -> Client:
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
