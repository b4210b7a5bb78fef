from pathlib import Path

import httpx
from fastapi import FastAPI

from common.service import Description, create_service
from service_auth import routes
from service_auth.passwords import Passwords
from service_auth.settings import AuthSettings

DESCRIPTION = Description(
    name="auth-service",
    title="Users, roles and tokens",
    directory=Path(__file__).parent,
    routers=(routes.auth, routes.accounts, routes.internal),
)


def create_app(settings: AuthSettings, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    app = create_service(DESCRIPTION, settings, peer_urls={"projects": settings.projects_url}, transport=transport)
    app.state.passwords = Passwords(settings)
    return app
