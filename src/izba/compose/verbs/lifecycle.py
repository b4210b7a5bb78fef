"""Verbs that act on containers that are there: start, stop, restart, kill, pause, unpause, rm."""

from __future__ import annotations

from izba.compose import plan as kinds
from izba.compose.execute import Settings, execute
from izba.compose.observe import containers, is_one_off, observe, service_of
from izba.compose.order import dependencies, select
from izba.compose.plan import Plan, Planner
from izba.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from izba.compose.execute import Report, RunHook
    from izba.compose.observe import ObservedContainer
    from izba.compose.project import Project
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.spawn import Monitor


class NoContainer(NotFound):
    """A service has no such container; Compose's sentences."""

    def __init__(self, service: str, number: int | None = None, *, running: bool = False) -> None:
        if number is not None:
            message = f'service "{service}" has no container with index {number}'
        elif running:
            message = f'service "{service}" is not running'
        else:
            message = f'no container found for service "{service}"'
        super().__init__(message, hint=f"`izba compose up -d {service}` starts it")
        self.service = service


def of_services(
    engine: Engine, project: Project, names: Iterable[str] = (), *, one_off: bool = False
) -> list[Container]:
    """The containers of some services (none named: all), by service and number. Raises `NoSuchService`."""
    wanted = set(names)
    for name in wanted:
        project.service(name)
    return [
        container
        for container in containers(engine, project.name)
        if (service_of(container) in wanted if wanted else True) and (one_off or not is_one_off(container))
    ]


def one(
    engine: Engine, project: Project, service: str, number: int | None = None, *, running: bool = True
) -> Container:
    """A service's container of this number, or its first that runs. Raises `NoContainer`, `NoSuchService`."""
    from izba.compose.observe import number_of
    from izba.engine.containers import lifecycle

    found = of_services(engine, project, [service])
    if number:
        found = [container for container in found if number_of(container) == number]
        if not found:
            raise NoContainer(service, number)
    if running:
        found = [container for container in found if lifecycle.state(container).is_running]
    if not found:
        raise NoContainer(service, running=running)
    return found[0]


def stop_all(
    engine: Engine,
    project: Project,
    names: Iterable[str] = (),
    *,
    timeout: int | None,
    report: Report,
    run_hook: RunHook | None = None,
) -> None:
    """Stop what runs, those that depend on others first. Raises `ServiceFailed`."""
    planner = Planner()
    _stops(planner, engine, project, names, "it was asked for")
    plan = Plan(operations=tuple(planner.operations))
    execute(engine, project, plan, Settings(timeout=timeout, run_hook=run_hook), None, report)


def start_all(
    engine: Engine,
    project: Project,
    names: Iterable[str],
    monitor: Callable[[], Monitor],
    report: Report,
    *,
    wait_timeout: float | None = None,
    run_hook: RunHook | None = None,
) -> None:
    """Start what does not run, those that others depend on first. Raises `NoContainer`, `ServiceFailed`."""
    planner = Planner()
    _starts(planner, engine, project, names, needs=())
    plan = Plan(operations=tuple(planner.operations))
    execute(engine, project, plan, Settings(wait_timeout=wait_timeout, run_hook=run_hook), monitor, report)


def restart_all(
    engine: Engine,
    project: Project,
    names: Iterable[str],
    monitor: Callable[[], Monitor],
    report: Report,
    *,
    timeout: int | None,
    dependents_too: bool = True,
    run_hook: RunHook | None = None,
) -> None:
    """Stop and start, with those whose dependency says `restart: true`. Raises `ServiceFailed`."""
    wanted = list(names) or [service.name for service in project.services]
    for name in wanted:
        project.service(name)
    if dependents_too:
        wanted += [
            service.name
            for service in project.services
            if service.name not in wanted and any(d.restart and d.service in wanted for d in service.depends_on)
        ]
    planner = Planner()
    stops = _stops(planner, engine, project, wanted, "it is restarted")
    _starts(planner, engine, project, wanted, needs=tuple(stops), stopped=True)
    plan = Plan(operations=tuple(planner.operations))
    execute(engine, project, plan, Settings(timeout=timeout, run_hook=run_hook), monitor, report)


def _stops(planner: Planner, engine: Engine, project: Project, names: Iterable[str], cause: str) -> list[int]:
    chosen = _chosen(project, names)
    observed = observe(engine, project.name)
    depends = dependencies(project)
    stops: dict[str, list[int]] = {}
    for name in reversed(_order(project, chosen)):
        needs = tuple(number for other, needed in depends.items() if name in needed for number in stops.get(other, ()))
        stops[name] = [
            planner.add(kinds.STOP, _target(each), cause, needs=needs, service=name, name=each.name)
            for each in observed.of(name)
            if each.is_running
        ]
    return [number for numbers in stops.values() for number in numbers]


def _starts(
    planner: Planner,
    engine: Engine,
    project: Project,
    names: Iterable[str],
    *,
    needs: tuple[int, ...],
    stopped: bool = False,
) -> None:
    chosen = _chosen(project, names)
    observed = observe(engine, project.name)
    starts: dict[str, tuple[int, ...]] = {}
    for name in _order(project, chosen):
        own = observed.current(name)
        if not own and list(names):
            raise NoContainer(name)
        before = list(needs)
        for each in project.service(name).depends_on:
            if each.service not in chosen or not observed.of(each.service):
                continue
            if each.condition == "service_started":
                before += starts.get(each.service, ())
            elif starts.get(each.service) or each.condition == "service_healthy":
                before.append(
                    planner.add(
                        kinds.WAIT,
                        f"service:{each.service}",
                        f"{name} depends on it",
                        needs=starts.get(each.service, ()),
                        service=each.service,
                        condition=each.condition,
                        required=each.required,
                    )
                )
        starts[name] = tuple(
            planner.add(
                kinds.START, _target(each), f"it is {each.status}", needs=tuple(before), service=name, name=each.name
            )
            for each in own
            if stopped or not each.is_running
        )


def _chosen(project: Project, names: Iterable[str]) -> set[str]:
    return {service.name for service in select(project, names, dependencies_too=False).services}


def _order(project: Project, chosen: set[str]) -> list[str]:
    from izba.compose.order import with_dependencies

    return [name for name in with_dependencies(sorted(chosen), dependencies(project)) if name in chosen]


def _target(container: ObservedContainer) -> str:
    return f"service:{container.service}:{container.number}"
