"""Pulling: a copy of an image from a registry into the store, whole or not at all.

    manifest → config → layers                 each verified against the one before
    every layer: download → blob               in parallel, each into an ingest that a later pull goes on with
                 blob → snapshot               in order, each reading its blob while it still arrives

Nothing names the image before all of it is there; until then a lease keeps what has come.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Condition

from izba.decode import document
from izba.errors import InvalidArgument, IzbaError, Unavailable
from izba.ids import new_id
from izba.image import transfer
from izba.image.choose import choose
from izba.image.mutate import register
from izba.image.stored import StoredImage
from izba.image.transfer import Progress, silent
from izba.image.unpack import UNPACK_SECONDS
from izba.oci import mediatype
from izba.oci.chain import next_chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch
from izba.oci.documents import ImageConfig
from izba.oci.documents import Manifest as ManifestDocument
from izba.oci.platform import Platform, host
from izba.registry.client import MAX_MANIFEST
from izba.registry.fault import RegistryUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from concurrent.futures import Future

    from izba.image.transfer import Report
    from izba.oci.reference import Reference
    from izba.registry.client import Client, Manifest
    from izba.registry.transport import Body
    from izba.store.content import Ingest
    from izba.store.leases import Lease
    from izba.store.store import Store

PARALLEL = 4
RESUMES = 5
CHUNK = 1 << 20


class NotAnImage(InvalidArgument):
    """What a registry holds under the name is no image that can be run."""


def pull(
    store: Store,
    reference: Reference,
    client: Client,
    *,
    platform: Platform | None = None,
    report: Report = silent,
) -> StoredImage:
    """Have the image of `reference` in the store, named and unpacked. What is here already is not fetched again."""
    what = reference.familiar()
    with store.lease(f"pull {what}") as lease:
        found = client.manifest(reference.digest or reference.tag or "latest")
        chosen = choose(
            found,
            platform or host(),
            lambda entry: client.manifest(entry.digest, expected=entry),
            what=what,
            exact=platform is not None,
        )
        manifest = _manifest(chosen, what)
        config = _config(store, client, Descriptor.from_document(manifest["config"]), manifest, what)
        layers = [Descriptor.from_document(layer) for layer in manifest["layers"]]
        diff_ids = [Digest.parse(text) for text in config["rootfs"]["diff_ids"]]
        _Layers(store, client, lease, report).fetch(layers, diff_ids)
        stored = store.content.put(chosen.data, chosen.descriptor.media_type)
        return register(store, stored, reference)


def _manifest(found: Manifest, what: str) -> ManifestDocument:
    """The checked manifest. Two kinds of document in one, or a type that the header contradicts, are refused.

    Who reads such a document as the other kind runs another image than the one that was checked (CVE-2021-41190).
    """
    from izba import jsonio

    said = found.descriptor.media_type
    if said not in mediatype.MANIFESTS:
        raise NotAnImage(f"{what} is not an image: the registry says {said or 'nothing'!r}")
    whole = jsonio.loads(found.data)
    if not isinstance(whole, dict) or "manifests" in whole:
        raise NotAnImage(f"{what}: its manifest is an index at the same time")
    if whole.get("mediaType", said) != said:
        raise NotAnImage(f"{what}: its manifest calls itself {whole['mediaType']!r}, the registry {said!r}")
    manifest = document(found.data, ManifestDocument, what=f"manifest of {what}")
    if manifest["config"]["mediaType"] not in mediatype.CONFIGS:
        raise NotAnImage(f"{what} is not an image but an artifact of type {manifest['config']['mediaType']!r}")
    for number, layer in enumerate(manifest["layers"]):
        if not mediatype.is_layer(layer["mediaType"]):
            raise NotAnImage(f"{what}: layer {number + 1} is of type {layer['mediaType']!r}, which izba can't unpack")
    return manifest


def _config(store: Store, client: Client, descriptor: Descriptor, manifest: ManifestDocument, what: str) -> ImageConfig:
    if descriptor.size > MAX_MANIFEST:
        raise NotAnImage(f"{what}: a config of {descriptor.size} bytes")
    if store.content.has(descriptor.digest):
        data = store.content.read(descriptor.digest)
    else:
        body, _ = client.blob(descriptor)
        data = body.read_all(descriptor.size, f"config of {what}")
        if (actual := Digest.of(data)) != descriptor.digest:
            raise DigestMismatch(f"config of {what}", expected=descriptor.digest, actual=actual)
    config = document(data, ImageConfig, what=f"config of {what}")
    if len(config["rootfs"]["diff_ids"]) != len(manifest["layers"]):
        raise NotAnImage(
            f"{what}: {len(manifest['layers'])} layers in the manifest, "
            f"{len(config['rootfs']['diff_ids'])} in the config"
        )
    store.content.put(data, descriptor.media_type)
    return config


class Cancelled(Unavailable):
    """Another layer failed, or the user gave up; what has come stays for the next pull."""


class _Layers:
    """Downloads in threads and unpacks in order, reading each blob while it grows."""

    def __init__(self, store: Store, client: Client, lease: Lease, report: Report) -> None:
        self._store = store
        self._client = client
        self._lease = lease
        self._report = report

    def fetch(self, layers: list[Descriptor], diff_ids: list[Digest]) -> None:
        """Have a committed snapshot of every layer, and its blob."""
        missing: list[tuple[Descriptor, Digest, Digest | None, Digest]] = []
        chain: Digest | None = None
        for layer, diff_id in zip(layers, diff_ids, strict=True):
            parent, chain = chain, next_chain_id(chain, diff_id)
            # A layer that is unpacked here needs no blob: its tar can be written again.
            if self._lease.pin_snapshot(chain):
                self._report(Progress(layer=layer.digest, state=transfer.EXISTS))
            else:
                missing.append((layer, diff_id, parent, chain))
        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="pull") as pool:
            downloads = {}
            for layer, *_ in missing:
                if layer.digest not in downloads:
                    downloads[layer.digest] = _Download(self._store, self._client, layer, self._report)
            futures = [pool.submit(download.run) for download in downloads.values()]
            try:
                for layer, diff_id, parent, chain in missing:
                    self._unpack(downloads[layer.digest], layer, diff_id, parent, chain)
                for future in futures:
                    future.result()
            except BaseException:
                for download in downloads.values():
                    download.cancel()
                _let_end(futures)
                raise
            finally:
                for download in downloads.values():
                    download.close()

    def _unpack(
        self, download: _Download, layer: Descriptor, diff_id: Digest, parent: Digest | None, chain: Digest
    ) -> None:
        store = self._store
        with store.lock(f"unpack-{chain.hex}", what=f"layer {diff_id}", timeout=UNPACK_SECONDS):
            if store.snapshots.has(chain):
                download.wait()
                return
            key = f"pull-{new_id()}"
            store.snapshots.prepare(key, parent)
            try:
                size = self._apply(key, _Follower(download), layer, diff_id)
                download.wait()
                store.layers.record(diff_id, size, blob=layer.digest)
                store.snapshots.commit(chain, key, diff_id=diff_id, size=size)
            except BaseException:
                store.snapshots.remove(key)
                raise
        self._report(Progress(layer=layer.digest, state=transfer.PULLED, done=layer.size, total=layer.size))

    def _apply(self, key: str, stream: _Follower, layer: Descriptor, diff_id: Digest) -> int:
        from izba.layer.compress import decompressor

        expected = mediatype.compression(layer.media_type)
        applied = self._store.snapshots.apply(key, decompressor(stream, expected=expected))
        if applied.diff_id != diff_id:
            raise DigestMismatch(f"the tar of layer {layer.digest}", expected=diff_id, actual=applied.diff_id)
        return applied.size


class _Download:
    """One blob on its way into the content store; others may read what has come so far."""

    def __init__(self, store: Store, client: Client, layer: Descriptor, report: Report) -> None:
        self._store = store
        self._client = client
        self._layer = layer
        self._report = report
        self._changed = Condition()
        self._size = 0
        self._fd = -1
        self._done = False
        self._cancelled = False
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Download, resuming after a broken connection; and what an earlier process left is gone on with."""
        try:
            if self._store.content.has(self._layer.digest):
                self._open(self._store.content.path(self._layer.digest))
                self._advance(self._layer.size)
            else:
                self._ingest()
        except BaseException as error:
            self.failure = error
            raise
        else:
            self._report(self._progress(transfer.DOWNLOADED, self._layer.size))
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def _ingest(self) -> None:
        layer = self._layer
        with self._store.content.ingest(f"layer {layer.digest}", expected=layer) as ingest:
            self._open(ingest.path)
            self._advance(ingest.offset)
            failures = 0
            while ingest.offset < layer.size and not self._cancelled:
                before = ingest.offset
                try:
                    self._receive(ingest)
                except RegistryUnreachable:
                    failures = 1 if ingest.offset > before else failures + 1
                    if failures > RESUMES:
                        raise
                    time.sleep(0.2 * 2**failures)
            if not self._cancelled:
                ingest.commit(layer.media_type)

    def _receive(self, ingest: Ingest) -> None:
        """Take what one answer gives, from where the ingest stands. Raises `RegistryUnreachable` if it breaks off."""
        layer = self._layer
        body, begins = self._client.blob(layer, offset=ingest.offset)
        try:
            if begins != ingest.offset:  # the server has no ranges: what is here already is skipped
                _skip(body, ingest.offset)
            while data := body.read(min(CHUNK, layer.size - ingest.offset + 1)):
                ingest.write(data)
                self._advance(ingest.offset)
                self._report(self._progress(transfer.DOWNLOADING, ingest.offset))
                if self._cancelled:
                    return
        finally:
            body.close()
        if ingest.offset < layer.size:
            raise RegistryUnreachable(self._client.host, f"layer {layer.digest} ends too early")

    def wait(self) -> None:
        """Return when the blob is in the store. Raises the download's error."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)
        if self.failure is not None:
            raise self.failure
        if self._cancelled:
            raise Cancelled("the pull was given up")

    def cancel(self) -> None:
        """Stop at the next chunk; what has come stays for the next pull."""
        self._cancelled = True

    def available(self, offset: int) -> int:
        """Wait until there are bytes beyond `offset`, or no more will come; how many bytes there are."""
        with self._changed:
            self._changed.wait_for(lambda: self._size > offset or self._done)
        if self.failure is not None:
            raise self.failure
        if self._cancelled:
            raise Cancelled("the pull was given up")
        return self._size

    def read_at(self, offset: int, count: int) -> bytes:
        """Bytes that `available` promised."""
        return os.pread(self._fd, count, offset)

    def close(self) -> None:
        """Nobody reads any more."""
        if self._fd >= 0:
            os.close(self._fd)

    def _open(self, path: str) -> None:
        # The descriptor keeps its file when that is renamed into place.
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def _advance(self, size: int) -> None:
        with self._changed:
            self._size = size
            self._changed.notify_all()

    def _progress(self, state: str, done: int) -> Progress:
        return Progress(layer=self._layer.digest, state=state, done=done, total=self._layer.size)


class _Follower:
    """Reads a download from its beginning while it grows."""

    def __init__(self, download: _Download) -> None:
        self._download = download
        self._offset = 0

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes, `b""` at the end of the blob."""
        have = self._download.available(self._offset) - self._offset
        if have <= 0:
            return b""
        data = self._download.read_at(self._offset, min(count, have) if count >= 0 else have)
        self._offset += len(data)
        return data


def _skip(body: Body, count: int) -> None:
    while count > 0 and (data := body.read(min(CHUNK, count))):
        count -= len(data)


def _let_end(futures: list[Future[None]]) -> None:
    """Wait for all downloads to stop, so that none outlives the pull."""
    for future in futures:
        try:
            future.result()
        except (IzbaError, OSError):
            continue
