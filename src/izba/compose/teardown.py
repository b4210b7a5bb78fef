"""The plan of `down`: who depends on others ends first, then everything is removed. Pure."""

from __future__ import annotations

from izba._record import Record
from izba.compose import plan as kinds
from izba.compose.plan import Plan, Planner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.compose.observe import Observed, ObservedContainer


class Options(Record):
    """What goes. `services` None is all; `known` are the services of the files, None where there are no files."""

    services: frozenset[str] | None = None
    known: frozenset[str] | None = None
    volumes: bool = False
    remove_orphans: bool = False
    kept_volumes: frozenset[str] = frozenset()


def teardown(observed: Observed, options: Options) -> Plan:
    """The plan that leaves nothing of what was asked for."""
    planner = Planner()
    containers, orphans = _split(observed, options)
    ended, removed = _containers(planner, containers)
    for network in observed.own_networks if options.services is None and not orphans else ():
        # Nobody is in it any more once all have ended, and its bridge takes the kernel as long as all else together.
        planner.add(kinds.REMOVE_NETWORK, f"network:{network}", "the project ends", needs=tuple(ended), name=network)
    if options.volumes and options.services is None:
        for volume in observed.own_volumes:
            if volume not in options.kept_volumes:
                planner.add(
                    kinds.REMOVE_VOLUME, f"volume:{volume}", "it was asked for", needs=tuple(removed), name=volume
                )
    return Plan(operations=tuple(planner.operations), orphans=tuple(each.name for each in orphans))


def _split(observed: Observed, options: Options) -> tuple[list[ObservedContainer], list[ObservedContainer]]:
    """The containers that go, and those of services that the files do not have any more and that stay."""
    going, orphans = [], []
    for container in observed.containers:
        if options.services is not None:
            if container.service in options.services:
                going.append(container)
        elif options.known is None or options.remove_orphans or container.service in options.known:
            going.append(container)
        else:
            orphans.append(container)
    return going, orphans


def _containers(planner: Planner, containers: list[ObservedContainer]) -> tuple[list[int], list[int]]:
    """Stop and remove each, after all that depend on its service were stopped; the numbers of both."""
    services = {container.service for container in containers}
    dependents = {
        name: {each.service for each in containers if name in each.depends_on and each.service != name}
        for name in services
    }
    stops: dict[str, list[int]] = {}
    removed: list[int] = []
    waiting = sorted(services)
    while waiting:
        ready = [name for name in waiting if not dependents[name] & set(waiting)] or waiting[:1]
        for name in ready:
            waiting.remove(name)
            needs = tuple(number for other in dependents[name] for number in stops.get(other, ()))
            stops[name] = []
            for container in (each for each in containers if each.service == name):
                target = f"service:{name}:{container.number}"
                last = needs
                if container.is_running:
                    stop = planner.add(
                        kinds.STOP, target, "the project ends", needs=needs, service=name, name=container.name
                    )
                    stops[name].append(stop)
                    last = (stop,)
                removed.append(
                    planner.add(kinds.REMOVE, target, "the project ends", needs=last, service=name, name=container.name)
                )
    return [number for each in stops.values() for number in each], removed
