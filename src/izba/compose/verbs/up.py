"""`up` and `create`: images, one look, a plan, its execution."""

from __future__ import annotations

from izba._record import Record
from izba.compose import mountedfiles, networks
from izba.compose.confighash import config_hash
from izba.compose.execute import Settings, execute, wait_until
from izba.compose.images import ImageOptions, ids
from izba.compose.observe import containers, is_one_off, observe, service_of
from izba.compose.order import dependencies, with_dependencies
from izba.compose.plan import CREATE_NETWORK, CREATE_VOLUME
from izba.compose.reconcile import Options, reconcile
from izba.compose.requests import check_replicas

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from izba.compose.execute import Report, RunHook
    from izba.compose.mountedfiles import MountedFile
    from izba.compose.plan import Plan
    from izba.compose.project import Project
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.spawn import Monitor


class UpOptions(Record):
    """What `up` was asked. `services` are those that were named; none is all."""

    services: tuple[str, ...] = ()
    dependencies: bool = True
    scale: Mapping[str, int] = {}
    recreate: str = "changed"
    recreate_dependencies: bool = False
    remove_orphans: bool = False
    start: bool = True
    renew_anonymous_volumes: bool = False
    timeout: int | None = None
    wait_timeout: float | None = None
    images: ImageOptions = ImageOptions()
    parallel: int = 0


class Prepared(Record):
    """A plan, and what its execution needs besides it. `project` is that of the services that were selected."""

    project: Project
    plan: Plan
    settings: Settings


def selected(project: Project, options: UpOptions) -> Project:
    """The project of the services asked for and those they need. Raises `NoSuchService`, `ComposeError`."""
    from izba.compose.order import select

    for name in options.scale:
        project.service(name)
    chosen = select(project, options.services, dependencies_too=options.dependencies)
    for service in chosen.services:
        check_replicas(service, options.scale.get(service.name, service.scale))
    return chosen


def prepare(engine: Engine, whole: Project, project: Project, options: UpOptions) -> Prepared:
    """Look, and decide. Nothing changes. `whole` is the project with all of its services."""
    networks.check_external(engine, project)
    files = {service.name: mountedfiles.files_of(engine, project, service) for service in project.services}
    hashes = hashes_of(engine, project, files)
    plan = reconcile(
        project,
        observe(engine, project.name),
        Options(
            hashes=hashes,
            images=ids(engine, project),
            scale=options.scale,
            recreate=options.recreate,
            recreate_dependencies=options.recreate_dependencies,
            fixed=_fixed(project, options),
            remove_orphans=options.remove_orphans,
            known=frozenset(service.name for service in (*whole.services, *whole.disabled)),
            start=options.start,
            renew_volumes=options.renew_anonymous_volumes,
        ),
    )
    settings = Settings(
        hashes=hashes,
        files=files,
        timeout=options.timeout,
        wait_timeout=options.wait_timeout,
        volumes=options.renew_anonymous_volumes,
        parallel=options.parallel,
    )
    return Prepared(project=project, plan=plan, settings=settings)


def hashes_of(engine: Engine, project: Project, files: Mapping[str, tuple[MountedFile, ...]]) -> dict[str, str]:
    """By service the hash of its configuration, the files written for it included."""
    return {
        service.name: config_hash(service, mountedfiles.digests(engine, files[service.name]))
        for service in project.services
    }


def carry_out(
    engine: Engine,
    prepared: Prepared,
    monitor: Callable[[], Monitor],
    report: Report,
    run_hook: RunHook | None = None,
) -> None:
    """Execute the plan. Raises `ServiceFailed`."""
    settings = prepared.settings.replace(run_hook=run_hook)
    execute(engine, prepared.project, prepared.plan, settings, monitor, report)


def wait_for_all(engine: Engine, project: Project, names: tuple[str, ...], timeout: float | None) -> None:
    """`--wait`: until each container runs, and is healthy where it can say so. Raises `ServiceFailed`."""
    wanted = set(names or [service.name for service in project.services])
    for container in own_containers(engine, project):
        if service_of(container) in wanted:
            wait_until(engine, project, container, service_of(container), timeout)


def own_containers(engine: Engine, project: Project) -> list[Container]:
    """The containers of the project's services, by service and number, without those of `run`."""
    return [
        container
        for container in containers(engine, project.name)
        if project.has(service_of(container)) and not is_one_off(container)
    ]


def _fixed(project: Project, options: UpOptions) -> frozenset[str]:
    """Services that came along with those that were named: they are not made anew by force."""
    if not options.services or options.recreate != "always":
        return frozenset()
    named = set(options.services)
    return frozenset(name for name in with_dependencies(named, dependencies(project)) if name not in named)


def make_missing(engine: Engine, project: Project) -> None:
    """Make the networks and volumes that the services use and that are not there, and no containers."""
    plan = reconcile(
        project,
        observe(engine, project.name),
        Options(
            scale={service.name: 0 for service in project.services},
            known=frozenset(container.service for container in observe(engine, project.name).containers),
        ),
    )
    made = tuple(each for each in plan.operations if each.kind in {CREATE_NETWORK, CREATE_VOLUME})
    execute(engine, project, plan.replace(operations=made), Settings(), None)
