"""From what is wanted and what there is to what is to be done. Pure: the same values always give the same plan."""

from __future__ import annotations

from izba._record import Record
from izba.compose import plan as kinds
from izba.compose.observe import container_name
from izba.compose.order import dependencies, with_dependencies
from izba.compose.plan import Plan, Planner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.compose.observe import Observed, ObservedContainer
    from izba.compose.project import Project, Service


class Options(Record):
    """How it shall be done.

    hashes          by service the hash of its configuration now; `images` the id of its image now, if it is known
    scale           by service how many, over what the file says
    recreate        changed (those that differ), always, never
    fixed           services that are left as they are if they are there: dependencies of those that were named
    start           start what is created, and what does not run
    """

    hashes: Mapping[str, str] = {}
    images: Mapping[str, str] = {}
    scale: Mapping[str, int] = {}
    recreate: str = "changed"
    recreate_dependencies: bool = False
    fixed: frozenset[str] = frozenset()
    remove_orphans: bool = False
    known: frozenset[str] = frozenset()
    start: bool = True
    renew_volumes: bool = False


def reconcile(project: Project, observed: Observed, options: Options) -> Plan:
    """The plan that makes what there is what is wanted."""
    return _Reconciler(project, observed, options).plan()


_INTERRUPTED = "its replacement was interrupted"


class _Replica(Record):
    """A service's container of one number, and those that were made in its place and did not take it."""

    container: ObservedContainer
    successors: tuple[ObservedContainer, ...]


class _Reconciler:
    """One plan in the making."""

    def __init__(self, project: Project, observed: Observed, options: Options) -> None:
        self._project = project
        self._observed = observed
        self._options = options
        self._planner = Planner()
        self._made: dict[str, int] = {}  # networks and volumes that are made
        self._ready: dict[str, list[int]] = {}  # by service the operations after which its containers run
        self._replaced: set[str] = set()
        self._waits: dict[tuple[str, str], int] = {}

    def plan(self) -> Plan:
        orphans = self._orphans()
        self._resources()
        if self._options.remove_orphans:
            for container in orphans:
                self._remove(container, "its service is no part of the project")
        for name in with_dependencies([s.name for s in self._project.services], dependencies(self._project)):
            self._service(self._project.service(name))
        return Plan(
            operations=tuple(self._planner.operations),
            orphans=() if self._options.remove_orphans else tuple(each.name for each in orphans),
        )

    def _orphans(self) -> list[ObservedContainer]:
        known = {service.name for service in self._project.services} | self._options.known
        return [each for each in self._observed.containers if each.service not in known and not each.one_off]

    def _resources(self) -> None:
        used = {endpoint.network for service in self._project.services for endpoint in service.endpoints}
        stated: tuple[int, ...] = ()
        # Those whose subnets are stated come first, so that none of these is chosen for another.
        for network in sorted(self._project.networks, key=lambda network: not network.subnet):
            if network.name in used and not network.external and network.name not in self._observed.networks:
                number = self._made[network.name] = self._planner.add(
                    kinds.CREATE_NETWORK,
                    f"network:{network.key}",
                    "it is not there",
                    name=network.name,
                    needs=() if network.subnet else stated,
                )
                stated += (number,) if network.subnet else ()
        volumes = {
            mount["Source"]
            for service in self._project.services
            for mount in service.host_config.get("Mounts") or ()
            if mount["Type"] == "volume"
        }
        for volume in self._project.volumes:
            if volume.name in volumes and not volume.external and volume.name not in self._observed.volumes:
                self._made[volume.name] = self._planner.add(
                    kinds.CREATE_VOLUME, f"volume:{volume.key}", "it is not there", name=volume.name
                )

    def _service(self, service: Service) -> None:
        replicas = self._replicas(service)
        scale = self._options.scale.get(service.name, service.scale)
        self._ready[service.name] = []
        kept, surplus = replicas[:scale], replicas[scale:]
        before = self._before(service)
        for replica in reversed(surplus):
            for container in (replica.container, *replica.successors):
                self._remove(container, f"{scale} of {service.name} are wanted")
        for replica in kept:
            self._existing(service, replica, before)
        taken = {replica.container.number for replica in replicas}
        free = (number for number in range(1, scale + len(taken) + 1) if number not in taken)
        for _ in range(scale - len(kept)):
            self._create(service, next(free), before)

    def _replicas(self, service: Service) -> list[_Replica]:
        """What there is for each number. The successors that an interrupted replacement left have the old one's id in
        front of its name; without the old one, the new one had taken its place but for the name.
        """
        successors = self._observed.successors(service.name)
        return [
            _Replica(container=each, successors=tuple(successors.get(each.id, ())))
            for each in self._observed.current(service.name)
        ]

    def _name(self, service: Service, number: int) -> str:
        return container_name(self._project, service.name, number, service.container_name)

    def _before(self, service: Service) -> _Before:
        return _Before(self, service)

    def _existing(self, service: Service, replica: _Replica, before: _Before) -> None:
        container = replica.container
        cause = self._difference(service, container)
        if replica.successors and self._options.recreate != "never":
            cause = cause or _INTERRUPTED
        name = self._name(service, container.number)
        if not cause and container.name != name and container.name.endswith(f"_{name}"):
            self._planner.add(
                kinds.RENAME,
                _target(service, container.number),
                "an interrupted replacement left it without its name",
                service=service.name,
                name=name,
                old=container.name,
            )
            container = container.replace(name=name)
            before.after_rename(len(self._planner.operations))
        if cause:
            self._recreate(service, replica, cause, before)
            return
        for successor in replica.successors:
            self._remove(successor, "an interrupted replacement left it", fresh=True)
        if not self._options.start:
            return
        if not container.is_running:
            self._start(service, container.number, container.name, f"it is {container.status}", before.all())
        elif why := self._cause_of_restart(service, replica):
            stop = self._planner.add(
                kinds.STOP,
                _target(service, container.number),
                why,
                needs=before.all(),
                service=service.name,
                name=container.name,
            )
            self._start(service, container.number, container.name, "it was stopped for this", (*before.all(), stop))

    def _cause_of_restart(self, service: Service, replica: _Replica) -> str:
        """Why a container that is what is wanted does not just run on; empty: it does."""
        if replica.successors:
            return "it may have been asked to end: its replacement was interrupted"
        replaced = [each.service for each in service.depends_on if each.restart and each.service in self._replaced]
        return f"{replaced[0]} is replaced, and it is to be restarted with it" if replaced else ""

    def _difference(self, service: Service, container: ObservedContainer) -> str:
        """Why the container is not what is wanted; empty: it is."""
        options = self._options
        if options.recreate == "never" or (service.name in options.fixed and not options.recreate_dependencies):
            return ""
        if options.recreate == "always":
            return "it was asked to be made anew"
        return self._outdated(service, container)

    def _outdated(self, service: Service, container: ObservedContainer) -> str:
        """What changed since it was made; empty: nothing."""
        options = self._options
        if container.config_hash != options.hashes.get(service.name, container.config_hash):
            return "its configuration changed"
        if container.image != options.images.get(service.name, container.image):
            return "its image changed"
        if {each.network for each in service.endpoints} & self._made.keys():
            return "its network is made anew"
        return ""

    def _recreate(self, service: Service, replica: _Replica, cause: str, before: _Before) -> None:
        """The new one is made beside the old one, so that a failure leaves the old one running; or was made so by a
        command that did not live to finish.
        """
        planner, container = self._planner, replica.container
        target = _target(service, container.number)
        self._replaced.add(service.name)
        name = self._name(service, container.number)
        made = next((each for each in replica.successors if self._can_take_over(service, container, each)), None)
        removed = tuple(
            self._remove(each, "an interrupted replacement left it", fresh=True)
            for each in replica.successors
            if each is not made
        )
        temporary = made.name if made else f"{container.id[:12]}_{name}"
        needs = before.resources()
        if not made:
            needs = (
                planner.add(
                    kinds.CREATE,
                    target,
                    cause,
                    needs=(*needs, *removed),
                    service=service.name,
                    replica=container.number,
                    name=temporary,
                    old=container.id,
                    fresh=self._options.renew_volumes,
                ),
            )
        if container.is_running:
            needs = (
                planner.add(
                    kinds.STOP, target, "it is replaced", needs=needs, service=service.name, name=container.name
                ),
            )
        last = planner.add(
            kinds.REMOVE, target, "it is replaced", needs=needs, service=service.name, name=container.name
        )
        last = planner.add(
            kinds.RENAME, target, "it takes the old one's place", needs=(last,), service=service.name, name=name,
            old=temporary,
        )  # fmt: skip
        if self._options.start:
            self._start(service, container.number, name, "it was made", (last, *before.all()))

    def _can_take_over(self, service: Service, old: ObservedContainer, made: ObservedContainer) -> bool:
        """Whether the one that was made in place of `old` is what would be made now, with all that is to be kept."""
        return (
            made.status == "created"
            and not self._outdated(service, made)
            and not self._options.renew_volumes
            and set(old.anonymous_volumes) <= set(made.anonymous_volumes)
        )

    def _create(self, service: Service, number: int, before: _Before) -> None:
        self._replaced.add(service.name)
        name = self._name(service, number)
        created = self._planner.add(
            kinds.CREATE,
            _target(service, number),
            "no existing container",
            needs=before.resources(),
            service=service.name,
            replica=number,
            name=name,
        )
        if self._options.start:
            self._start(service, number, name, "it was made", (created, *before.all()))

    def _start(self, service: Service, number: int, name: str, cause: str, needs: tuple[int, ...]) -> None:
        self._ready[service.name].append(
            self._planner.add(
                kinds.START, _target(service, number), cause, needs=needs, service=service.name, name=name
            )
        )

    def _remove(self, container: ObservedContainer, cause: str, *, fresh: bool = False) -> int:
        target = f"service:{container.service}:{container.number}"
        needs: tuple[int, ...] = ()
        if container.is_running:
            needs = (self._planner.add(kinds.STOP, target, cause, service=container.service, name=container.name),)
        return self._planner.add(
            kinds.REMOVE, target, cause, needs=needs, service=container.service, name=container.name, fresh=fresh
        )

    def made(self, service: Service) -> tuple[int, ...]:
        """The operations that make what the service's containers are attached to."""
        names = [endpoint.network for endpoint in service.endpoints]
        names += [mount["Source"] for mount in service.host_config.get("Mounts") or () if mount["Type"] == "volume"]
        needs = [self._made[name] for name in names if name in self._made]
        # Whoever shares a namespace or volumes of another service's container needs that one to be there.
        others = [other for _, other in service.namespaces] + [name for name, _ in service.volumes_from]
        for other in others:
            needs += [
                each.number
                for each in self._planner.operations
                if each.service == other and each.kind in {kinds.CREATE, kinds.RENAME}
            ]
        return tuple(needs)

    def waits(self, service: Service) -> tuple[int, ...]:
        """The operations after which the services it depends on are as it wants them."""
        if not self._options.start:
            return ()
        needs: list[int] = []
        for each in service.depends_on:
            if not self._project.has(each.service):
                continue
            if each.condition == "service_started":
                needs += self._ready.get(each.service, [])
                continue
            key = (each.service, each.condition)
            if key not in self._waits:
                self._waits[key] = self._planner.add(
                    kinds.WAIT,
                    f"service:{each.service}",
                    f"{service.name} depends on it",
                    needs=tuple(self._ready.get(each.service, ())),
                    service=each.service,
                    condition=each.condition,
                    required=each.required,
                )
            needs.append(self._waits[key])
        return tuple(needs)


class _Before:
    """What comes before a service's containers, put into the plan once it is known that anything is to be done."""

    def __init__(self, reconciler: _Reconciler, service: Service) -> None:
        self._reconciler = reconciler
        self._service = service
        self._waits: tuple[int, ...] | None = None
        self._renamed: tuple[int, ...] = ()

    def after_rename(self, number: int) -> None:
        self._renamed = (*self._renamed, number)

    def resources(self) -> tuple[int, ...]:
        return (*self._reconciler.made(self._service), *self._renamed)

    def all(self) -> tuple[int, ...]:
        if self._waits is None:
            self._waits = self._reconciler.waits(self._service)
        return (*self.resources(), *self._waits)


def _target(service: Service, number: int) -> str:
    return f"service:{service.name}:{number}"
