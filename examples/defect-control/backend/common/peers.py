"""Calls from one service to another: the request's id, language and token go with them; failures are Problems."""

from collections.abc import Mapping
from typing import Any

import httpx
from anyio import from_thread
from fastapi import Request
from fastapi.responses import Response

from common.context import language, request_id
from common.problems import Kind, answer_problem

UNAVAILABLE = Kind(
    502,
    "service_unavailable",
    ru="Часть системы сейчас недоступна, попробуйте через минуту.",
    en="A part of the system is not available, please try again in a minute.",
)
TIMEOUT = Kind(
    504, "service_timeout", ru="Часть системы не ответила вовремя.", en="A part of the system did not answer."
)
TIMEOUTS = httpx.Timeout(10, connect=2)


class Peer:
    """Another service, called from a synchronous route (a worker thread of the running event loop)."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    def get(self, path: str, *, token: str, params: Mapping[str, Any] | None = None) -> httpx.Response:
        return self._call("GET", path, token, params=params)

    def put(self, path: str, *, token: str, json: Any) -> httpx.Response:
        return self._call("PUT", path, token, json=json)

    def _call(self, method: str, path: str, token: str, **content: Any) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {token}",
            "X-Request-ID": request_id.get(),
            "Accept-Language": language.get(),
        }
        answer = from_thread.run(self._send, self._client.build_request(method, path, headers=headers, **content))
        if answer.status_code >= 400 and answer.status_code != 404:
            raise Relayed(answer)
        return answer

    async def _send(self, request: httpx.Request) -> httpx.Response:
        for attempt in (1, 2):
            try:
                return await self._client.send(request)
            except httpx.TimeoutException:
                raise TIMEOUT() from None
            except httpx.TransportError:
                if attempt == 2:
                    raise UNAVAILABLE() from None
        raise AssertionError


class Relayed(Exception):
    """The other service refused; its words are for the person who asked."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


async def relay(request: Request, error: Exception) -> Response:
    assert isinstance(error, Relayed)
    if error.answer.status_code >= 500:
        return await answer_problem(request, UNAVAILABLE())
    return Response(error.answer.content, error.answer.status_code, media_type="application/json")


def connect(urls: Mapping[str, str], transport: httpx.AsyncBaseTransport | None) -> dict[str, httpx.AsyncClient]:
    return {
        name: httpx.AsyncClient(base_url=url, transport=transport, timeout=TIMEOUTS, trust_env=False)
        for name, url in urls.items()
    }
