from pathlib import Path

import httpx
from fastapi import FastAPI

from common.service import Description, create_service
from service_projects import routes
from service_projects.settings import ProjectsSettings

DESCRIPTION = Description(
    name="projects-service",
    title="Building sites, their stages and members",
    directory=Path(__file__).parent,
    routers=(routes.router, routes.internal),
)


def create_app(settings: ProjectsSettings, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    return create_service(DESCRIPTION, settings, peer_urls={"auth": settings.auth_url}, transport=transport)
