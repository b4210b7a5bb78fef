"""Pulling: a copy of an image from a registry into the store, whole or not at all.

    manifest → config → layers                 each verified against the one before
    every layer: download → blob               in parallel, each into an ingest that a later pull goes on with
                 blob → snapshot               in order, each reading its blob while it still arrives

A blob stays beside its snapshot, so that a push elsewhere sends the very same; unless izba would write it again from
the snapshot: then it is gone before it gets to the disk.

Nothing names the image before all of it is there; until then a lease keeps what has come.
"""

from __future__ import annotations

from functools import partial

from izba._record import Record
from izba.errors import DataLoss, InvalidArgument
from izba.ids import new_id
from izba.image import transfer
from izba.image.choose import check_platform, choose
from izba.image.download import Download, Follower
from izba.image.mutate import register
from izba.image.stored import StoredImage
from izba.image.transfer import Progress, silent
from izba.image.unpack import UNPACK_SECONDS, Wanted, would_be_rewritten
from izba.layer.compress import decompressor
from izba.oci import mediatype, validate
from izba.oci.chain import next_chain_id
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch
from izba.oci.documents import ImageConfig
from izba.oci.documents import Manifest as ManifestDocument
from izba.oci.platform import Platform, host
from izba.registry.client import MAX_MANIFEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.image.transfer import Report
    from izba.layer.compress import Kind
    from izba.oci.reference import Reference
    from izba.registry.client import Client, Manifest
    from izba.store.leases import Lease
    from izba.store.store import Store

PARALLEL = 4


class NotAnImage(InvalidArgument):
    """What a registry holds under the name is no image that can be run."""


class Pulled(Record):
    """An image, the `digest` that the registry has under its name (an index's, where it is one), and what came of it.

    `is_new`: the name means something else than before.
    """

    image: StoredImage
    digest: Digest
    is_new: bool


def pull(
    store: Store,
    reference: Reference,
    client: Client,
    *,
    platform: Platform | None = None,
    takes_name: bool = True,
    report: Report = silent,
) -> Pulled:
    """Have the image of `reference` in the store, named and unpacked. What is here already is not fetched again.

    Without `takes_name` it is named by its digest alone, and a tag goes on meaning what it meant. With a `platform` an
    image for another one is refused before its layers are fetched: `OtherPlatform`, `NoSuchPlatform` for an index.
    """
    what = reference.familiar()
    before = store.names.get(reference)
    try:
        with store.lease(f"pull {what}") as lease:
            found = client.manifest(reference.digest or reference.tag or "latest")
            chosen = choose(
                found,
                platform or host(),
                lambda entry: client.manifest(entry.digest, expected=entry),
                what=what,
                exact=platform is not None,
            )
            asked = platform if chosen is found else None  # what an index describes is what it says
            image = _known(store, lease, chosen.descriptor)
            if image is None:
                image = _fetch(store, client, lease, chosen, what, asked, report)
            elif asked is not None:
                check_platform(image.config, asked, what=what)
            _name(store, image, reference, found.descriptor.digest, takes_name=takes_name)
    except (DataLoss, InvalidArgument):
        store.collect()  # the lease is gone: what came with an image that lies has nothing that holds it
        raise
    digest = image.descriptor.digest
    return Pulled(image=image, digest=found.descriptor.digest, is_new=before is None or before.digest != digest)


def _known(store: Store, lease: Lease, manifest: Descriptor) -> StoredImage | None:
    """The image of this very manifest, if all of it is here."""
    row = store.images.by_manifest(manifest.digest)
    if row is None or (row.chain_id is not None and not lease.pin_snapshot(row.chain_id)):
        return None
    return StoredImage(store, row)


def _fetch(
    store: Store, client: Client, lease: Lease, chosen: Manifest, what: str, asked: Platform | None, report: Report
) -> StoredImage:
    manifest = _manifest(chosen, what)
    config_descriptor = Descriptor.from_document(manifest["config"])
    config, config_bytes = _config(store, client, config_descriptor, len(manifest["layers"]), what)
    if asked is not None:
        check_platform(config, asked, what=what)
    layers = [Descriptor.from_document(layer) for layer in manifest["layers"]]
    diff_ids = [Digest.parse(text) for text in config["rootfs"]["diff_ids"]]
    _Layers(store, client, lease, report).fetch(layers, diff_ids)
    store.content.put(config_bytes, config_descriptor.media_type)
    return register(store, store.content.put(chosen.data, chosen.descriptor.media_type))


def _name(store: Store, image: StoredImage, reference: Reference, digest: Digest, *, takes_name: bool) -> None:
    """Under what was asked for, and under the digest that the registry told: one of Docker's RepoDigests.

    An index's digest is that of the images for all platforms, so an image that is not to be the one of its name goes by
    the digest of its own manifest.
    """
    own = reference.replace(tag=None, digest=digest if takes_name else image.descriptor.digest)
    for name in (reference, own) if takes_name else (own,):
        named = store.names.get(name)
        if named is None or named.digest != image.descriptor.digest:
            store.names.set(name, image.descriptor)


def _manifest(found: Manifest, what: str) -> ManifestDocument:
    """The checked manifest of an image that can be unpacked here."""
    said = found.descriptor.media_type
    if said not in mediatype.MANIFESTS:
        raise NotAnImage(f"{what} is not an image: the registry says {said or 'nothing'!r}")
    manifest = validate.manifest(found.data, media_type=said, what=f"manifest of {what}")
    if manifest["config"]["mediaType"] not in mediatype.CONFIGS:
        raise NotAnImage(f"{what} is not an image but an artifact of type {manifest['config']['mediaType']!r}")
    for number, layer in enumerate(manifest["layers"]):
        if not mediatype.is_layer(layer["mediaType"]):
            raise NotAnImage(f"{what}: layer {number + 1} is of type {layer['mediaType']!r}, which izba can't unpack")
    return manifest


def _config(store: Store, client: Client, descriptor: Descriptor, layers: int, what: str) -> tuple[ImageConfig, bytes]:
    what = f"config of {what}"
    if descriptor.size > MAX_MANIFEST:
        raise NotAnImage(f"{what}: it has {descriptor.size} bytes")
    if store.content.has(descriptor.digest):
        data = store.content.read(descriptor.digest)
    else:
        body, _ = client.blob(descriptor)
        data = body.read_all(descriptor.size, what)
    if len(data) != descriptor.size or Digest.of(data) != descriptor.digest:
        expected = f"{descriptor.digest} of {descriptor.size} bytes"
        raise DigestMismatch(what, expected=expected, actual=f"{Digest.of(data)} of {len(data)} bytes")
    return validate.config(data, layers=layers, what=what), data


class _Layers:
    """Downloads in threads and unpacks in order, reading each blob while it grows."""

    def __init__(self, store: Store, client: Client, lease: Lease, report: Report) -> None:
        self._store = store
        self._client = client
        self._lease = lease
        self._report = report

    def fetch(self, layers: list[Descriptor], diff_ids: list[Digest]) -> None:
        """Have a committed snapshot of every layer, and its blob."""
        missing: list[Wanted] = []
        chain: Digest | None = None
        for layer, diff_id in zip(layers, diff_ids, strict=True):
            parent, chain = chain, next_chain_id(chain, diff_id)
            # A layer that is unpacked here needs no blob: its tar can be written again.
            if self._lease.pin_snapshot(chain):
                self._tell(layer, transfer.EXISTS)
            else:
                missing.append(Wanted(layer=layer, diff_id=diff_id, parent=parent, chain=chain))
                self._tell(layer, transfer.WAITING)
        downloads = self._downloads(missing)
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(PARALLEL, thread_name_prefix="pull")
        forget = False
        try:
            for download in downloads.values():
                pool.submit(download.run)
            for wanted in missing:
                self._unpack(downloads[wanted.layer.digest], wanted)
        except BaseException as error:
            forget = isinstance(error, (DataLoss, InvalidArgument))  # an image that lies: nothing of it is of use
            for download in downloads.values():
                download.cancel()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
            for download in downloads.values():
                download.close(forget=forget)

    def _downloads(self, missing: list[Wanted]) -> dict[Digest, Download]:
        digests = [wanted.layer.digest for wanted in missing]
        return {
            wanted.layer.digest: Download(
                self._store,
                self._client,
                wanted.layer,
                self._report,
                is_unpacked=partial(self._store.snapshots.has, wanted.chain),
                may_drop=digests.count(wanted.layer.digest) == 1,
            )
            for wanted in missing
        }

    def _unpack(self, download: Download, wanted: Wanted) -> None:
        store, layer, diff_id = self._store, wanted.layer, wanted.diff_id
        with store.lock(f"unpack-{wanted.chain.hex}", what=f"layer {diff_id}", timeout=UNPACK_SECONDS):
            if store.snapshots.has(wanted.chain):
                download.cancel(forget=True)  # another process was faster
                return
            key = f"pull-{new_id()}"
            store.snapshots.prepare(key, wanted.parent)
            try:
                size, form = self._apply(key, download, wanted)
                if form is None:
                    download.keep()
                    store.layers.record(diff_id, size, blob=layer.digest)
                else:
                    store.layers.record(diff_id, size)
                    store.layers.remember_compressed(diff_id, form, layer.replace(media_type=mediatype.FORMS[form]))
                store.snapshots.commit(wanted.chain, key, diff_id=diff_id, size=size)
            except BaseException:
                store.snapshots.remove(key)
                raise
            download.drop()  # if it was not kept
        self._tell(layer, transfer.PULLED)

    def _apply(self, key: str, download: Download, wanted: Wanted) -> tuple[int, Kind | None]:
        """Unpack while it comes. The size of the tar; and if izba writes the very same blob again, in which form."""
        layer = wanted.layer
        tar = decompressor(Follower(download), expected=mediatype.compression(layer.media_type))
        applied = self._store.snapshots.apply(key, tar)
        download.wait()
        if applied.diff_id != wanted.diff_id:
            what = f"the tar of layer {layer.digest}"
            raise DigestMismatch(what, expected=wanted.diff_id, actual=applied.diff_id)
        form = download.form
        is_ours = form is not None and would_be_rewritten(self._store, key, applied.frame)
        return applied.size, form if is_ours else None

    def _tell(self, layer: Descriptor, state: str) -> None:
        self._report(Progress(layer=layer.digest, state=state, total=layer.size))
