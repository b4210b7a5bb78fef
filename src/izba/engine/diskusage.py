"""What an engine's things occupy on the disk, for `izba system df`."""

from __future__ import annotations

from izba._record import Record
from izba.build.prune import kept
from izba.engine.containers.model import Container
from izba.engine.images.remove import is_running
from izba.store.snapshots.trees import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.engine.engine import Engine
    from izba.engine.images.listing import ImageSummary
    from izba.store.containers import ContainerRow
    from izba.volume.store import Volume


class ImageUsage(Record):
    """An image, what of its size it shares with other images, and how many containers were made from it."""

    image: ImageSummary
    shared_size: int
    containers: int

    @property
    def unique_size(self) -> int:
        """What no other image has."""
        return self.image.size - self.shared_size


class ContainerUsage(Record):
    """A container by its id and name, and what it wrote."""

    id: str
    name: str
    image: str
    created: int
    size: int
    is_running: bool


class VolumeUsage(Record):
    """A volume, and how many containers use it."""

    name: str
    size: int
    containers: int


class DiskUsage(Record):
    """All of it. `layers_size` counts each layer of images once, `layers_in_use` those of containers' images;
    `cache_size` is what only the build cache keeps; records in use cost nothing beside their images.
    """

    images: tuple[ImageUsage, ...]
    layers_size: int
    layers_in_use: int
    containers: tuple[ContainerUsage, ...]
    volumes: tuple[VolumeUsage, ...]
    cache_records: int
    cache_in_use: int
    cache_size: int


def disk_usage(engine: Engine) -> DiskUsage:
    """Measure; files of containers are looked at, so an ordinary user's process is inside the user namespace."""
    layers = _Layers(engine)
    images = engine.images.list()
    stacks = {image.id: layers.stack(image.chain_id) for image in images}
    users = _count(layer for stack in stacks.values() for layer in stack)
    containers = engine.store.containers.all()
    copies = layers.below({row.snapshot for row in containers}) - users.keys()  # of images, with other owners
    made_from = _count(row.image for row in containers)
    used = [image for image in images if any(manifest in made_from for manifest in image.manifests)]
    cache = kept(engine.store)
    return DiskUsage(
        images=tuple(
            ImageUsage(
                image=image,
                shared_size=sum(layers.sizes[layer] for layer in stacks[image.id] if users[layer] > 1),
                containers=sum(made_from.get(manifest, 0) for manifest in image.manifests),
            )
            for image in images
        ),
        layers_size=sum(layers.sizes[layer] for layer in (*users, *copies)),
        layers_in_use=sum(
            layers.sizes[layer] for layer in {layer for image in used for layer in stacks[image.id]} | copies
        ),
        containers=tuple(_container(engine, row) for row in containers),
        volumes=_volumes(engine),
        cache_records=len(cache),
        cache_in_use=sum(each.in_use for each in cache),
        cache_size=sum(each.size for each in cache if not each.in_use),
    )


class _Layers:
    """The committed snapshots: the size of each layer and what it stands on, read at once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        rows = engine.store.db.rows(
            "SELECT s.key, s.size, p.key FROM snapshots s LEFT JOIN snapshots p ON p.id = s.parent"
            " WHERE s.kind = 'committed'"
        )
        self.sizes: dict[str, int] = {key: size for key, size, _ in rows}
        self._parents: dict[str, str | None] = {key: parent for key, _, parent in rows}

    def below(self, active: set[str]) -> set[str]:
        """All layers that these containers' snapshots stand on."""
        rows = self._engine.store.db.rows(
            "SELECT s.key, p.key FROM snapshots s JOIN snapshots p ON p.id = s.parent WHERE s.kind = 'active'"
        )
        return {layer for key, parent in rows if key in active for layer in self.stack(parent)}

    def stack(self, chain: str | None) -> list[str]:
        """The chain ids from the topmost layer down."""
        found = []
        while chain is not None and chain in self._parents:
            found.append(chain)
            chain = self._parents[chain]
        return found


def _count(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return counts


def _container(engine: Engine, row: ContainerRow) -> ContainerUsage:
    """What it changed, and its log beside."""
    container = Container(engine, row)
    return ContainerUsage(
        id=row.id,
        name=row.name,
        image=container.image_id,
        created=row.created,
        size=engine.store.snapshots.usage(row.snapshot).size + usage(container.directory).size,
        is_running=is_running(engine, row.id),
    )


def _own(volume: Volume) -> int:
    """A directory of the host's is not izba's to count."""
    return 0 if volume.settings.device else usage(volume.path).size


def _volumes(engine: Engine) -> tuple[VolumeUsage, ...]:
    from izba.engine.volumes import users, volumes

    holders = users(engine)
    return tuple(
        VolumeUsage(name=volume.name, size=_own(volume), containers=len(set(holders.get(volume.name, ()))))
        for volume in volumes(engine).all()
    )
