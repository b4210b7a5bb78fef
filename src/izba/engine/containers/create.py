"""A request becomes a container: image found, writable layer prepared, mounts resolved, row inserted."""

from __future__ import annotations

import os
import time

from izba import jsonio
from izba.engine import eventlog
from izba.engine.containers import imageconfig, lifecycle, model, mounts, networking
from izba.engine.containers.errors import BadName, ImageMissing
from izba.engine.containers.keepid import keep_id, with_owners
from izba.engine.containers.model import Container
from izba.engine.containers.specs import make_spec
from izba.engine.networks import networks
from izba.errors import InvalidArgument
from izba.ids import new_id, new_name
from izba.image import stored
from izba.store.containers import ContainerRow, NameInUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.documents import ContainerConfig, HostConfig, Kept, MountPoint
    from izba.engine.containers.model import ContainerRequest
    from izba.engine.engine import Engine
    from izba.network.store import EndpointRequest, Network
    from izba.oci.digest import Digest
    from izba.oci.documents import ImageConfig
    from izba.store.images import ImageRow
    from izba.volume.store import Held

    Connections = list[tuple[Network, EndpointRequest]]

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_OTHERS = _FIRST | frozenset("_.-")


def create(engine: Engine, request: ContainerRequest) -> Container:
    """Make the container. Nothing of it is left where this raises.

    Raises `ImageMissing`, `NameInUse`, and `InvalidArgument` for what no container can have.
    """
    if request.name is not None:
        check_name(request.name)
    image = require_image(engine, request)
    connections = networking.requested(engine, request.host_config, request.endpoints)
    if not request.host_config.get("UsernsMode"):
        return _create(engine, request, image, connections)
    with engine.store.lease("create"):  # what is copied for it stays until it stands on it
        return _create(engine, request, image, connections)


def _create(engine: Engine, request: ContainerRequest, image: ImageRow, connections: Connections) -> Container:
    held: list[Held] = []  # its volumes stay until it is known that they are its
    try:
        kept = _document(engine, request, image, held)
        container = _insert_whole(engine, request, image, kept, connections)
    finally:
        for each in held:
            each.close()
    eventlog.emit_container(engine, container, "create")
    return container


def _insert_whole(
    engine: Engine, request: ContainerRequest, image: ImageRow, kept: Kept, connections: Connections
) -> Container:
    store = engine.store
    id = new_id()
    chain_id = _chain(engine, request.host_config, image)
    try:
        os.makedirs(f"{engine.roots.data}/containers/{id}", mode=0o700)
        # Snapshot and row at once, so that no collection sees one without the other.
        with store.db.transaction():
            store.snapshots.prepare(id, chain_id)
            row = _insert(engine, request, id, image, kept)
            for network, endpoint in connections:
                networks(engine).connect(id, network, endpoint)
        container = Container(engine, row)
        try:
            container.spec = make_spec(engine, container)
        except lifecycle.NotRunning:  # it shares a namespace with one that has to run when this is started, not now
            pass
    except BaseException:
        from izba.monitor.finish import discard

        discard(store, id, volumes=mounts.anonymous(kept["Mounts"]))
        raise
    return container


def check_name(name: str) -> None:
    """Raises `BadName`."""
    bare = name.removeprefix("/")
    if len(bare) < 2 or bare[0] not in _FIRST or not _OTHERS.issuperset(bare):
        raise BadName(name)


def require_image(engine: Engine, request: ContainerRequest) -> ImageRow:
    """The image's row. Raises `ImageMissing`."""
    row = None if request.pull == "always" else stored.find_row(engine.store, request.image)
    if row is not None and stored.fits(row, request.platform):
        return row
    raise ImageMissing(request.image)


def _document(engine: Engine, request: ContainerRequest, image: ImageRow, held: list[Held]) -> Kept:
    image_config: ImageConfig = jsonio.loads(engine.store.content.read(image.id))
    config = imageconfig.merged(request.config, image_config.get("config") or {})
    config["Image"] = request.image
    kept = keep_id(request.host_config.get("UsernsMode", ""), rootless=engine.roots.rootless)
    if kept and not request.config.get("User"):
        config["User"] = f"{kept.uid}:{kept.gid}"
    return {
        "ImageId": image.id,
        "Config": config,
        "HostConfig": request.host_config,
        "Mounts": _mounts(engine, config, request.host_config, image, held),
        "Platform": image.os,
        "HostTrust": request.host_trust,
    }


def _mounts(
    engine: Engine, config: ContainerConfig, host_config: HostConfig, image: ImageRow, held: list[Held]
) -> list[MountPoint]:
    if not mounts.wishes(config, host_config) and not host_config.get("VolumesFrom"):
        return []
    from izba.image.merged import open_committed
    from izba.volume.store import Volumes

    chain_id = _chain(engine, host_config, image)
    volumes = Volumes(f"{engine.roots.data}/volumes")
    held.append(volumes.held())
    return mounts.resolve(
        config,
        host_config,
        volumes,
        (lambda: open_committed(engine.store, chain_id)) if chain_id else None,
        [point for text in host_config.get("VolumesFrom") or () for point in _lent(engine, text)],
    )


def _chain(engine: Engine, host_config: HostConfig, image: ImageRow) -> Digest | None:
    """The snapshot that the container stands on."""
    kept = keep_id(host_config.get("UsernsMode", ""), rootless=engine.roots.rootless)
    return with_owners(engine, image.chain_id, kept)


def _lent(engine: Engine, text: str) -> list[MountPoint]:
    """The mounts of `--volumes-from`'s CONTAINER[:ro]. Raises `ContainerNotFound`."""
    name, _, mode = text.partition(":")
    if mode not in {"", "rw", "ro", "z", "Z"}:
        raise InvalidArgument(f"invalid mode for volumes-from: {mode}", hint="ro and rw are")
    return mounts.lent(model.require(engine, name).mounts, read_only=mode == "ro")


def _insert(engine: Engine, request: ContainerRequest, id: str, image: ImageRow, kept: Kept) -> ContainerRow:
    row = ContainerRow(
        id=id,
        name=request.name.removeprefix("/") if request.name else new_name(),
        image=image.manifest,
        snapshot=id,
        created=time.time_ns(),
        config=jsonio.dumps_ordered(kept),
    )
    while True:
        try:
            engine.store.containers.insert(row)
        except NameInUse:
            if request.name:
                raise
            row = row.replace(name=f"{new_name()}{os.urandom(2).hex()}")
        else:
            return row
