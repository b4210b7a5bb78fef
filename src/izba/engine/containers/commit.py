"""A container's changes become the top layer of a new image."""

from __future__ import annotations

import time

from izba import errors
from izba._record import Record
from izba.engine import eventlog
from izba.engine.containers import lifecycle
from izba.errors import InvalidArgument
from izba.timestamps import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.documents import ContainerConfig
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.image.stored import StoredImage
    from izba.oci.descriptor import Descriptor
    from izba.oci.digest import Digest
    from izba.oci.documents import ContainerDefaults, ImageConfig


class CommitRequest(Record):
    """`name` None leaves the image without one; `changes` are Dockerfile instructions; `pause` freezes meanwhile."""

    name: str | None = None
    author: str = ""
    message: str = ""
    changes: tuple[str, ...] = ()
    pause: bool = True


def commit(engine: Engine, container: Container, request: CommitRequest) -> StoredImage:
    """Make the image. Raises `InvalidReference`, `DockerfileError`."""
    if container.host_config.get("UsernsMode", "").startswith("keep-id"):
        raise errors.NotImplemented(
            "a container with --userns keep-id cannot be committed: the owners of its files are its own",
            hint="`izba cp` gets files out of it, a Dockerfile makes an image",
        )
    from izba.engine.changes import apply_changes
    from izba.image.mutate import create_image
    from izba.oci.reference import Reference

    name = Reference.parse(request.name) if request.name else None
    if name is not None and name.digest is not None:
        raise InvalidArgument("cannot commit to digest reference")
    base = engine.store.images.by_manifest(container.row.image)  # type: ignore[arg-type]
    assert base is not None  # an image stays while a container is of it
    parent = _image(engine, container)
    defaults = apply_changes(_defaults(container.config), request.changes)
    with engine.store.lease(f"commit {container.id}"):
        layer = _layer(engine, container, base.chain_id, pause=request.pause)
        config: ImageConfig = parent.config | {
            "created": format_time(time.time_ns()),
            "config": defaults,
            "rootfs": {"type": "layers", "diff_ids": [*parent.diff_ids, layer.digest]},
        }
        if request.author:
            config["author"] = request.author
        step = {"created": config["created"], "created_by": " ".join(container.command)}
        step |= {"comment": request.message} if request.message else {}
        step |= {"author": request.author} if request.author else {}
        config["history"] = [*(parent.config.get("history") or []), step]  # type: ignore[list-item]
        image = create_image(engine.store, config=config, layers=[*parent.layers, layer], name=name)
    eventlog.emit_container(
        engine, container, "commit", comment=request.message, imageID=image.id, imageRef=request.name or ""
    )
    return image


def _image(engine: Engine, container: Container) -> StoredImage:
    from izba.image.stored import require

    return require(engine.store, container.image_id)


def _layer(engine: Engine, container: Container, parent: Digest | None, *, pause: bool) -> Descriptor:
    from izba.image.importing import commit_changes

    frozen = pause and lifecycle.state(container).status == "running"
    if frozen:
        from izba.engine.containers import pause as pausing

        pausing.pause(container)
    try:
        return commit_changes(engine.store, container.id, parent)
    finally:
        if frozen:
            pausing.unpause(container)


def _defaults(config: ContainerConfig) -> ContainerDefaults:
    """Of a container's config what an image can say."""
    names = "User ExposedPorts Env Entrypoint Cmd Volumes WorkingDir Labels StopSignal Healthcheck Shell".split()
    return {name: config[name] for name in names if config.get(name)}  # type: ignore[literal-required,return-value]
