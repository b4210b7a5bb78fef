import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_gateway import clients, describing, forwarding
from api_gateway.limits import RateLimits
from api_gateway.routing import PREFIX, WITHOUT_TOKEN, route_of
from api_gateway.settings import GatewaySettings
from common.identity import checked
from common.middleware import BodyLimit, RequestContext
from common.peers import UNAVAILABLE
from common.problems import NOT_FOUND, Kind, Problem, install
from common.tokens import Tokens

NAME = "api-gateway"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
HEALTH_SECONDS = 3
DESCRIPTION_SECONDS = 60
ASKED_HEADERS = ["Authorization", "Content-Type", "If-Match", "X-Requested-With", "X-Request-ID", "Accept-Language"]
SHOWN_HEADERS = [
    "ETag", "X-Request-ID", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Retry-After",
    "Content-Disposition",
]  # fmt: skip
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cross-Origin-Resource-Policy": "same-site",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
RATE_LIMITED = Kind(
    429,
    "rate_limited",
    ru="Слишком много запросов. Повторите через {seconds} с.",
    en="Too many requests. Try again in {seconds} s.",
)

log = logging.getLogger(__name__)


class SecurityHeaders:
    """On every answer; what a service said on purpose about its own answer stays."""

    def __init__(self, app: ASGIApp, hsts: bool) -> None:
        self.app = app
        self.headers = SECURITY_HEADERS | (
            {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"} if hsts else {}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_guarded if scope["type"] == "http" else send)


class Description:
    """The merged document, asked for anew once a minute."""

    def __init__(self, services: dict[str, httpx.AsyncClient]) -> None:
        self._services = services
        self._document: dict[str, Any] | None = None
        self._known_until = 0.0

    async def document(self) -> dict[str, Any]:
        if self._document is None or time.monotonic() >= self._known_until:
            answers = await asyncio.gather(*(self._ask(client) for client in self._services.values()))
            self._document = describing.merged(dict(zip(self._services, answers, strict=True)))
            self._known_until = time.monotonic() + DESCRIPTION_SECONDS
        return self._document

    async def _ask(self, client: httpx.AsyncClient) -> dict[str, Any]:
        try:
            return (await client.get("/openapi.json")).raise_for_status().json()
        except httpx.HTTPError:
            raise UNAVAILABLE() from None


def create_app(settings: GatewaySettings, transport: httpx.AsyncBaseTransport | None = None) -> FastAPI:
    services = forwarding.connect(settings, transport)
    tokens = Tokens(settings.secret_key)
    limits = RateLimits(settings.rates)
    proxies = clients.TrustedProxies(settings.trusted_proxies)
    description = Description(services)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for client in services.values():
                await stack.enter_async_context(client)
            log.info("%s is ready", NAME)
            yield

    app = FastAPI(title="Defect control", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    install(app)
    app.add_middleware(BodyLimit, limit=settings.body_limit)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=list(settings.frontend_origins),
        allow_credentials=True,
        allow_methods=METHODS,
        allow_headers=ASKED_HEADERS,
        expose_headers=SHOWN_HEADERS,
        max_age=600,
    )
    app.add_middleware(SecurityHeaders, hsts=settings.hsts)
    app.add_middleware(RequestContext)

    @app.api_route(PREFIX + "/{rest:path}", methods=METHODS)
    async def api(request: Request) -> Response:
        path = request.scope["path"].removeprefix(PREFIX)
        route = route_of(path)
        if route is None:
            raise NOT_FOUND()
        address = await proxies.address_of(request)
        public = path in WITHOUT_TOKEN
        client = f"address {address}" if public else clients.person(request, tokens) or f"address {address}"
        verdict = limits.take(route.limit, client)
        if not verdict.allowed:
            raise RATE_LIMITED(seconds=verdict.reset_seconds, headers=verdict.headers)
        try:
            if not public:
                checked(tokens, clients.bearer(request))
            response = await forwarding.forward(services[route.service], request, path, address, settings.attempts)
        except Problem as problem:
            problem.headers = {**(problem.headers or {}), **verdict.headers}
            raise
        response.headers.update(verdict.headers)
        return response

    @app.get("/health")
    async def health() -> JSONResponse:
        """200 when everything is well, 503 when a part is not; which one stands in the body."""
        states = dict(zip(services, await asyncio.gather(*map(_state, services.values())), strict=True))
        well = all(state["status"] == "ok" for state in states.values())
        content = {"status": "ok" if well else "degraded", "service": NAME, "services": states}
        return JSONResponse(content, 200 if well else 503)

    @app.get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok", "service": NAME}

    @app.get("/openapi.json")
    async def openapi() -> JSONResponse:
        return JSONResponse(await description.document())

    @app.get("/docs")
    async def docs() -> HTMLResponse:
        page = describing.page(await description.document())
        return HTMLResponse(page, headers={"Content-Security-Policy": PAGE_POLICY})

    return app


async def _state(client: httpx.AsyncClient) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        status = "ok" if (await client.get("/health", timeout=HEALTH_SECONDS)).status_code == 200 else "failing"
    except httpx.HTTPError:
        status = "unreachable"
    return {"status": status, "milliseconds": round((time.perf_counter() - began) * 1000, 1)}
