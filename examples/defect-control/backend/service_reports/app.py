from pathlib import Path

import httpx
from fastapi import FastAPI

from common.service import Description, create_service
from service_reports import routes
from service_reports.settings import ReportsSettings

DESCRIPTION = Description(
    name="reports-service",
    title="Statistics, CSV and Excel",
    directory=Path(__file__).parent,
    routers=(routes.router,),
)


def create_app(settings: ReportsSettings, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    urls = {"projects": settings.projects_url, "defects": settings.defects_url}
    return create_service(DESCRIPTION, settings, peer_urls=urls, transport=transport)
