"""Removing images as Docker does it (moby, daemon/images/image_delete.go): names first, the image with its last one."""

from __future__ import annotations

from izba._record import Record
from izba.engine import eventlog
from izba.errors import Conflict
from izba.ids import short
from izba.image.stored import ImageNotFound, find_row
from izba.oci.reference import Reference, familiar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine
    from izba.oci.digest import Digest


class Removed(Record):
    """One line of what happened: a name is gone (`untagged`), or an image or a layer (`deleted`)."""

    kind: str
    what: str


class ImageInUse(Conflict):
    """The image cannot be removed, or only by force; Docker's sentences."""

    def __init__(self, id: str, why: str, *, can_force: bool) -> None:
        force = "must be forced" if can_force else "cannot be forced"
        super().__init__(f"conflict: unable to delete {short(id)} ({force}) - {why}")
        self.id = id


class NameInUse(Conflict):
    """The only name of an image that a container was made from."""

    def __init__(self, name: str, *, container: str, image: str) -> None:
        super().__init__(
            f'conflict: unable to remove repository reference "{name}" (must force) - '
            f"container {short(container)} is using its referenced image {short(image)}"
        )
        self.name = name
        self.container = container


def remove(engine: Engine, name_or_id: str, *, force: bool = False) -> list[Removed]:
    """Remove a name, or an image by its id; what this untagged and deleted. Raises `ImageNotFound`, `ImageInUse`.

    Files are removed, so an ordinary user's process is inside the engine's user namespace.
    """
    store = engine.store
    with store.db.transaction(durable=True):
        row = find_row(store, name_or_id)
        if row is None:
            raise ImageNotFound(name_or_id)
        image = Victim(engine, row.id)
        is_id = row.id.startswith(name_or_id) or row.id.hex.startswith(name_or_id) or row.manifest == name_or_id
        name = None if is_id else _name_of(name_or_id, image)
        removed = _remove_id(image, force=force) if name is None else _remove_name(image, name, name_or_id, force=force)
        if not image.names:
            image.refuse_if_used(force=force)
            removed.append(image.delete())
    tell(engine, image, removed)
    return removed if image.names else removed + collect(engine)


def tell(engine: Engine, image: Victim, removed: list[Removed]) -> None:
    """Note as events what was done to an image."""
    for each in removed:
        action, name = ("untag", each.what) if each.kind == "untagged" else ("delete", image.id)
        eventlog.emit_image(engine, action, image.id, name)


def collect(engine: Engine) -> list[Removed]:
    """Remove what images left behind; the layers among it, topmost first."""
    return [Removed(kind="deleted", what=key) for key in engine.store.collect().snapshots if key.startswith("sha256:")]


def _name_of(text: str, image: Victim) -> str | None:
    """The name to remove; None for a digest that names the image without being one of its names."""
    name = Reference.parse(text).canonical()
    return name if name in image.names else None


def _remove_name(image: Victim, name: str, typed: str, *, force: bool) -> list[Removed]:
    """One name; and its repository's digests, where it was the last tag beside them."""
    if not force and image.is_in_one_repository and image.containers:
        raise NameInUse(typed, container=image.containers[0].id, image=image.id)
    removed = [image.untag(name)]
    beside = [other for other in image.names if _repository(other) == _repository(name)]
    if all("@" in other for other in beside):
        removed += [image.untag(other) for other in beside]
    return removed


def _remove_id(image: Victim, *, force: bool) -> list[Removed]:
    """All names, if they are in one repository or by force."""
    image.refuse_if_used(force=force)
    if not force and not image.is_in_one_repository:
        raise ImageInUse(image.id, "image is referenced in multiple repositories", can_force=True)
    return [image.untag(name) for name in tuple(image.names)]


class Victim:
    """An image about to lose names or more, inside a transaction."""

    def __init__(self, engine: Engine, id: Digest) -> None:
        self._engine = engine
        self._store = engine.store
        self.id = id
        rows = engine.store.images.by_id(id)
        self.manifests = [row.manifest for row in rows]
        self.names = sorted(name for row in rows for name in row.names)
        self.containers = [row for row in engine.store.containers.all() if row.image in self.manifests]

    @property
    def is_in_one_repository(self) -> bool:
        """Whether at most one tag names it, and digests of the same repository beside it."""
        repositories = {_repository(name) for name in self.names}
        return len(self.names) <= 1 or (len(repositories) == 1 and sum("@" not in name for name in self.names) <= 1)

    def untag(self, name: str) -> Removed:
        """Take one name away."""
        self._store.names.delete(name)
        self.names.remove(name)
        return Removed(kind="untagged", what=familiar(name))

    def delete(self) -> Removed:
        """Forget the image."""
        for manifest in self.manifests:
            self._store.images.delete(manifest)
        return Removed(kind="deleted", what=self.id)

    def refuse_if_used(self, *, force: bool) -> None:
        """A running container forbids it, a stopped one unless forced."""
        for container in self.containers:
            running = is_running(self._engine, container.id)
            if running or not force:
                what = "running" if running else "stopped"
                why = f"image is being used by {what} container {short(container.id)}"
                raise ImageInUse(self.id, why, can_force=not running)


def is_running(engine: Engine, id: str) -> bool:
    """Whether the container has processes."""
    from izba.monitor.state import read

    return read(f"{engine.roots.data}/containers/{id}").is_running


def _repository(name: str) -> str:
    return name.partition("@")[0] if "@" in name else name.rpartition(":")[0]
