"""A request handed on to its service and the answer handed back, both as streams."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
from anyio import CancelScope
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api_gateway.settings import GatewaySettings
from common.context import request_id
from common.peers import TIMEOUT, UNAVAILABLE
from common.problems import BAD_REQUEST

REQUEST_HEADERS = (
    "accept", "accept-language", "authorization", "content-type", "if-match", "if-none-match", "if-range", "range",
    "user-agent", "x-requested-with",
)  # fmt: skip
# Hop-by-hop (RFC 9110, 7.6.1), and what the gateway says itself.
NOT_HANDED_BACK = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "date", "server",
    "x-request-id",
})  # fmt: skip
IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
WORTH_ANOTHER_TRY = frozenset({502, 503, 504})
KEPT_BODY = 64 * 1024
FIRST_PAUSE_SECONDS = 0.1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outgoing:
    """`body` is bytes where it is small enough to be sent again, else a stream that can be read once."""

    method: str
    url: httpx.URL
    headers: dict[str, str]
    body: bytes | AsyncIterator[bytes]

    @property
    def repeatable(self) -> bool:
        return isinstance(self.body, bytes)


async def forward(client: httpx.AsyncClient, request: Request, path: str, address: str, attempts: int) -> Response:
    outgoing = await _outgoing(client, request, path, address)
    answer = await _send(client, outgoing, attempts)
    response = StreamingResponse(_handed_back(answer), answer.status_code)
    response.raw_headers = [
        (name.lower(), value)
        for name, value in answer.headers.raw
        if name.decode("latin-1").lower() not in NOT_HANDED_BACK
    ]
    return response


async def _handed_back(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for part in answer.aiter_raw():
            yield part
    finally:
        with CancelScope(shield=True):  # the client may have gone: the connection goes back to the pool all the same
            await answer.aclose()


async def _outgoing(client: httpx.AsyncClient, request: Request, path: str, address: str) -> Outgoing:
    query: bytes = request.scope["query_string"]
    if not query.isascii():
        raise BAD_REQUEST()
    url = client.base_url.copy_with(raw_path=path.encode() + (b"?" + query if query else b""))
    headers = {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers}
    headers |= {"x-request-id": request_id.get(), "x-forwarded-for": address}
    if path.startswith("/auth/") and "cookie" in request.headers:
        headers["cookie"] = request.headers["cookie"]
    length = request.headers.get("content-length")
    if length is None and "transfer-encoding" not in request.headers:
        return Outgoing(request.method, url, headers, b"")
    if length is not None and length.isdigit() and int(length) <= KEPT_BODY:
        return Outgoing(request.method, url, headers, await request.body())
    if length is not None:
        headers["content-length"] = length
    return Outgoing(request.method, url, headers, request.stream())


async def _send(client: httpx.AsyncClient, outgoing: Outgoing, attempts: int) -> httpx.Response:
    """Whatever never reached a service is tried again; what did reach one, only where twice is the same as once."""
    safe_twice = outgoing.method in IDEMPOTENT
    for attempt in range(1, attempts + 1):
        last = attempt == attempts or not outgoing.repeatable
        message = client.build_request(outgoing.method, outgoing.url, headers=outgoing.headers, content=outgoing.body)
        try:
            answer = await client.send(message, stream=True)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if last:
                raise UNAVAILABLE() from None
        except httpx.TimeoutException:
            raise TIMEOUT() from None
        except httpx.TransportError:
            if last or not safe_twice:
                raise UNAVAILABLE() from None
        else:
            if last or not safe_twice or answer.status_code not in WORTH_ANOTHER_TRY:
                return answer
            await answer.aclose()
        facts = {"upstream": outgoing.url.host, "attempt": attempt}
        log.warning("%s %s is tried again", outgoing.method, outgoing.url.path, extra=facts)
        await asyncio.sleep(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
    raise AssertionError


def connect(settings: GatewaySettings, transport: httpx.AsyncBaseTransport | None) -> dict[str, httpx.AsyncClient]:
    timeout = httpx.Timeout(settings.answer_seconds, connect=settings.connect_seconds)
    # Shorter than the services keep a silent connection (75 s): we hang up first and never write to a closing one.
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=20)
    return {
        name: httpx.AsyncClient(base_url=url, transport=transport, timeout=timeout, limits=limits, trust_env=False)
        for name, url in settings.urls.items()
    }
