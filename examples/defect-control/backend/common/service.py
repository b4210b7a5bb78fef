"""What the four storing services have in common: a database, peers, health, errors, logs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel

from common import backup, migrate, peers, problems
from common.database import Database
from common.middleware import BodyLimit, RequestContext
from common.settings import StoringSettings
from common.tokens import Tokens

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Description:
    name: str
    title: str
    directory: Path
    routers: Sequence[APIRouter]


class Health(BaseModel):
    status: str
    service: str


def create_service(
    description: Description,
    settings: StoringSettings,
    *,
    peer_urls: Mapping[str, str] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> FastAPI:
    database = Database(settings)
    clients = peers.connect(peer_urls or {}, transport)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.callback(database.close)
            for client in clients.values():
                await stack.enter_async_context(client)
            await asyncio.to_thread(migrate.upgrade, database, description.directory / "migrations")
            if settings.nightly_backup and settings.sqlite_file:
                nightly = asyncio.create_task(backup.every_night(settings))
                stack.callback(nightly.cancel)
            log.info("%s is ready", description.name)
            yield

    app = FastAPI(title=description.title, version="1.0.0", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.database = database
    app.state.tokens = Tokens(settings.secret_key)
    app.state.peers = {name: peers.Peer(client) for name, client in clients.items()}
    problems.install(app)
    app.add_exception_handler(peers.Relayed, peers.relay)
    app.add_middleware(BodyLimit, limit=settings.body_limit)
    app.add_middleware(RequestContext)
    for router in description.routers:
        app.include_router(router, responses=problems.ANSWERS)

    @app.get("/health", tags=["health"])
    def health() -> Health:
        """Whether the service answers and reaches its database."""
        database.ping()
        return Health(status="ok", service=description.name)

    return app


def _database(request: Request) -> Database:
    return request.app.state.database


Store = Annotated[Database, Depends(_database)]
