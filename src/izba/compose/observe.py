"""One look at what the engine has of a project. What is decided afterwards is decided on this alone."""

from __future__ import annotations

from izba._record import Record
from izba.compose import labels

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.compose.project import Project
    from izba.engine.containers.documents import MountPoint
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.state import State


class ObservedContainer(Record):
    """A container of the project. `image` is the id of the image it was made of; `networks` are names.

    anonymous_volumes  by name, also those that it has from the container it replaced
    """

    id: str
    name: str
    service: str
    number: int
    status: str
    config_hash: str = ""
    image: str = ""
    networks: tuple[str, ...] = ()
    health: str = ""
    exit_code: int = 0
    one_off: bool = False
    depends_on: tuple[str, ...] = ()
    anonymous_volumes: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether it has processes."""
        return self.status in {"running", "paused", "restarting"}


class Observed(Record):
    """What there is. Networks and volumes are names of all that there are, `own_…` the project's by their labels."""

    containers: tuple[ObservedContainer, ...] = ()
    networks: frozenset[str] = frozenset()
    volumes: frozenset[str] = frozenset()
    own_networks: tuple[str, ...] = ()
    own_volumes: tuple[str, ...] = ()

    def of(self, service: str) -> list[ObservedContainer]:
        """A service's containers by number, without those of `run`."""
        found = [each for each in self.containers if each.service == service and not each.one_off]
        return sorted(found, key=lambda each: each.number)

    def successors(self, service: str) -> dict[str, list[ObservedContainer]]:
        """By id of a container those that were made to replace it, and did not live to: `ID_NAME` is their name."""
        found: dict[str, list[ObservedContainer]] = {}
        own = self.of(service)
        for made in own:
            for old in own:
                if old.number == made.number and made.name.startswith(f"{old.id[:12]}_"):
                    found.setdefault(old.id, []).append(made)
        return found

    def current(self, service: str) -> list[ObservedContainer]:
        """A service's containers by number, without those and without those of `run`."""
        successors = {each.id for found in self.successors(service).values() for each in found}
        return [each for each in self.of(service) if each.id not in successors]


def observe(engine: Engine, project: str) -> Observed:
    """What the engine has of the project of this name."""
    from izba.engine.networks import networks
    from izba.engine.volumes import volumes

    all_networks = networks(engine).all()
    all_volumes = volumes(engine).all()
    return Observed(
        containers=tuple(_observed(engine, container) for container in containers(engine, project)),
        networks=frozenset(network.name for network in all_networks),
        volumes=frozenset(volume.name for volume in all_volumes),
        own_networks=tuple(n.name for n in all_networks if dict(n.labels).get(labels.PROJECT) == project),
        own_volumes=tuple(v.name for v in all_volumes if dict(v.labels).get(labels.PROJECT) == project),
    )


def containers(engine: Engine, project: str) -> list[Container]:
    """The project's containers, those of `run` too, by service and number."""
    from izba.engine.containers.model import Container

    # Most rows are told apart by their text; reading a document costs much more.
    needle = f'"{labels.OWNER}"'
    rows = [row for row in engine.store.containers.all() if needle in row.config]
    found = [container for container in (Container(engine, row) for row in rows) if owner(container) == project]
    return sorted(found, key=lambda each: (service_of(each), number_of(each)))


def owner(container: Container) -> str:
    """The project it belongs to; empty for none."""
    return (container.host_config.get("Annotations") or {}).get(labels.OWNER, "")


def label(container: Container, name: str) -> str:
    """One of its labels; empty for none."""
    return (container.config.get("Labels") or {}).get(name, "")


def service_of(container: Container) -> str:
    """The service it is of."""
    return label(container, labels.SERVICE)


def number_of(container: Container) -> int:
    """Its number among the service's."""
    text = label(container, labels.NUMBER)
    return int(text) if text.isdecimal() else 0


def is_one_off(container: Container) -> bool:
    """Whether `run` made it."""
    return label(container, labels.ONE_OFF) == "True"


def is_anonymous(point: MountPoint) -> bool:
    """Whether a mount is of a volume that was made for a container alone: its name is an id."""
    name = point.get("Name", "")
    return point["Type"] == "volume" and len(name) == 64 and set(name) <= set("0123456789abcdef")


def _observed(engine: Engine, container: Container) -> ObservedContainer:
    from izba.engine.containers import lifecycle
    from izba.engine.containers.networking import network_names

    state: State = lifecycle.state(container)
    return ObservedContainer(
        id=container.id,
        name=container.name,
        service=service_of(container),
        number=number_of(container),
        status=state.status,
        config_hash=label(container, labels.CONFIG_HASH),
        image=container.image_id,
        networks=tuple(network_names(engine, container)),
        health=state.health,
        exit_code=state.exit_code,
        one_off=is_one_off(container),
        depends_on=tuple(entry.partition(":")[0] for entry in label(container, labels.DEPENDS_ON).split(",") if entry),
        anonymous_volumes=tuple(point["Name"] for point in container.mounts if is_anonymous(point)),
    )


def container_name(project: Project, service: str, number: int, given: str = "") -> str:
    """`PROJECT-SERVICE-N`, unless the file gives one."""
    return given or f"{project.name}-{service}-{number}"
