"""`image copy`: from any place to any other."""

from __future__ import annotations

from contextlib import ExitStack, closing

from izba._record import Record
from izba.errors import InvalidArgument
from izba.image.copying import places
from izba.image.copying.graph import copy as copy_graph
from izba.image.transfer import silent
from izba.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine
    from izba.image.copying.graph import Source, Target
    from izba.image.copying.places import Place
    from izba.image.push import Compression
    from izba.image.stored import StoredImage
    from izba.image.transfer import Report
    from izba.oci.digest import Digest
    from izba.oci.platform import Platform


class CopyRequest(Record):
    """What to copy where. `every`: the whole index; else the image for `platform` or this machine's."""

    source: Place
    target: Place
    platform: Platform | None = None
    every: bool = False
    compression: Compression = "gzip"


def copy(engine: Engine, request: CopyRequest, *, report: Report = silent) -> Digest:
    """The digest of what is at the target then. The engine's user namespace must have been entered."""
    if request.target.kind == places.STORE:
        return _into_store(engine, request, report)
    with engine.store.lease("copy"):
        if request.target.kind == places.REGISTRY:
            return _into_registry(engine, request, report)
        return _into_files(engine, request, report)


def _into_store(engine: Engine, request: CopyRequest, report: Report) -> Digest:
    """By pulling, loading or tagging, and the new name."""
    name, source = Reference.parse(request.target.name), request.source
    if request.every:
        raise InvalidArgument("--all copies whole indexes, and the store keeps the image of one platform")
    if source.kind == places.REGISTRY:
        image = _pulled(engine, Reference.parse(source.name), request.platform, report)
    elif source.kind == places.STORE:
        from izba.image.stored import require

        image = require(engine.store, source.name)
    else:
        image = _loaded(engine, source)
    engine.store.names.set(name, image.descriptor)
    return image.descriptor.digest


def _pulled(engine: Engine, reference: Reference, platform: Platform | None, report: Report) -> StoredImage:
    """The image, without the name it was pulled under if that was none before."""
    before = engine.store.names.get(reference)
    image = engine.registries.pull(reference, platform=platform, report=report).image
    if before is None:
        engine.store.names.delete(reference.canonical())
    return image


def _into_registry(engine: Engine, request: CopyRequest, report: Report) -> Digest:
    from izba.image.copying.sources import FromRegistry
    from izba.image.copying.targets import ToRegistry

    reference = Reference.parse(request.target.name)
    client = engine.registries.client(reference)
    if request.source.kind == places.STORE:
        from izba.image.push import push
        from izba.image.stored import require

        image = require(engine.store, request.source.name)
        return push(engine.store, image, reference, client, compression=request.compression, report=report).digest
    with closing(_source(engine, request.source)) as source:
        beside = source.client.name if isinstance(source, FromRegistry) and source.client.host == client.host else None
        target = ToRegistry(client, reference, source=beside, compression=request.compression)
        return copy_graph(source, target, platform=request.platform, every=request.every, report=report).digest


def _into_files(engine: Engine, request: CopyRequest, report: Report) -> Digest:
    from izba.image.copying.targets import ToLayout, archive_at

    place = request.target
    if place.kind == places.DOCKER_ARCHIVE and request.every:
        raise InvalidArgument("--all copies whole indexes, which docker-archive: cannot hold", hint="use oci-archive:")
    with ExitStack() as stack:
        source = stack.enter_context(closing(_source(engine, request.source)))
        if place.kind == places.OCI:
            target: Target = ToLayout(place.path, place.name)
        else:
            target = stack.enter_context(archive_at(place.path, place.name))
        return copy_graph(source, target, platform=request.platform, every=request.every, report=report).digest


def _source(engine: Engine, place: Place) -> Source:
    from izba.image.archive import MANIFEST
    from izba.image.copying.sources import Archive, Directory, FromDockerArchive, FromLayout, FromRegistry
    from izba.image.layout import INDEX

    if place.kind == places.REGISTRY:
        reference = Reference.parse(place.name)
        return FromRegistry(engine.registries.client(reference), reference)
    if place.kind == places.STORE:
        from izba.image.copying.store import FromStore
        from izba.image.stored import require

        return FromStore(require(engine.store, place.name), place.name)
    files = Directory(place.path) if place.kind == places.OCI else Archive(place.path)
    if place.kind == places.DOCKER_ARCHIVE and (files.has(MANIFEST) or not files.has(INDEX)):
        return FromDockerArchive(files, place.path, place.name)
    return FromLayout(files, place.path, place.name)


def _loaded(engine: Engine, place: Place) -> StoredImage:
    """The image of an archive or layout that `place` names, or its only one."""
    from izba.engine.archives import load

    if place.kind == places.OCI:
        found = load(engine, place.path)
    else:
        try:
            with open(place.path, "rb", buffering=0) as stream:
                found = load(engine, stream)
        except FileNotFoundError as error:
            raise InvalidArgument(f"cannot open {place.path}: {error.strerror}") from None
    if place.name:
        found = [one for one in found if any(place.name in {name.familiar(), name.tag} for name in one.references)]
    if len(found) != 1:
        raise InvalidArgument(f"{place.path} has {len(found)} images of that name")
    return found[0].image
