"""`run`: a container of a service besides those that `up` keeps."""

from __future__ import annotations

from izba.compose import mountedfiles, networks
from izba.compose.requests import container_request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.compose.project import Project, Service
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine


def create_one_off(engine: Engine, project: Project, service: Service, *, name: str | None) -> Container:
    """Create it; its image and what it depends on are there. Raises what creating raises."""
    from izba.compose.verbs.up import make_missing
    from izba.engine.containers.create import create
    from izba.ids import new_id
    from izba.image.stored import find_row

    networks.check_external(engine, project.with_services((service,)))
    make_missing(engine, project.with_services((service,)))
    row = find_row(engine.store, project.image(service))
    files = mountedfiles.files_of(engine, project, service)
    request = container_request(
        engine,
        project,
        service,
        number=1,
        name=name or f"{project.name}-{service.name}-run-{new_id()[:12]}",
        config_hash="",
        image_id=str(row.id) if row else "",
        files=mountedfiles.write(files),
        one_off=True,
    )
    return create(engine, request)
