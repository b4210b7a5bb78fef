from pathlib import Path

import httpx
from fastapi import FastAPI

from common.service import Description, create_service
from service_defects import routes
from service_defects.settings import DefectsSettings

DESCRIPTION = Description(
    name="defects-service",
    title="Defects, comments, attachments and history",
    directory=Path(__file__).parent,
    routers=(routes.router, routes.attachments, routes.filters, routes.internal),
)


def create_app(settings: DefectsSettings, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    return create_service(DESCRIPTION, settings, peer_urls={"projects": settings.projects_url}, transport=transport)
