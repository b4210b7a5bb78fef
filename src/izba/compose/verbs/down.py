"""`down`: everything of the project ends and goes, images and volumes only when asked for."""

from __future__ import annotations

from izba._record import Record
from izba.compose import mountedfiles
from izba.compose.execute import Settings, execute
from izba.compose.observe import observe
from izba.compose.project import Project
from izba.compose.teardown import Options, teardown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from izba.compose.execute import Report, RunHook
    from izba.compose.observe import Observed
    from izba.compose.plan import Plan
    from izba.engine.engine import Engine


class DownOptions(Record):
    """What `down` was asked. `images` is `--rmi`: local, all, or empty."""

    services: tuple[str, ...] = ()
    volumes: bool = False
    images: str = ""
    remove_orphans: bool = False
    timeout: int | None = None
    parallel: int = 0


def prepare(engine: Engine, name: str, project: Project | None, options: DownOptions) -> tuple[Plan, Observed]:
    """Look, and decide. `project` is None where there are no files: then all that carries its name goes."""
    observed = observe(engine, name)
    known = None
    kept: frozenset[str] = frozenset()
    if project is not None:
        known = frozenset(service.name for service in (*project.services, *project.disabled))
        kept = frozenset(volume.name for volume in project.volumes if volume.external)
    plan = teardown(
        observed,
        Options(
            services=frozenset(options.services) if options.services else None,
            known=known,
            volumes=options.volumes,
            remove_orphans=options.remove_orphans,
            kept_volumes=kept,
        ),
    )
    return plan, observed


def carry_out(
    engine: Engine,
    name: str,
    project: Project | None,
    plan: Plan,
    options: DownOptions,
    report: Report,
    remove_network: Callable[[str], None] | None,
    run_hook: RunHook | None,
) -> None:
    """Execute the plan. `remove_network` does so where this process cannot. Raises `ServiceFailed`."""
    settings = Settings(
        timeout=options.timeout,
        volumes=options.volumes,
        remove_network=remove_network,
        run_hook=run_hook,
        parallel=options.parallel,
    )
    execute(engine, project or Project(name=name, directory="", files=(), services=()), plan, settings, None, report)
    if not options.services and not plan.orphans:
        mountedfiles.discard(engine, name)


def images_to_remove(project: Project | None, observed: Observed, options: DownOptions) -> Iterable[str]:
    """`--rmi`: the names of images; local ones are those without a name of their own in the file."""
    if project is None:
        return sorted({container.image for container in observed.containers}) if options.images == "all" else ()
    wanted = options.services or [service.name for service in (*project.services, *project.disabled)]
    return [
        project.image(service)
        for service in (*project.services, *project.disabled)
        if service.name in wanted and (options.images == "all" or not service.image)
    ]
