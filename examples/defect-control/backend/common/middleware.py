"""Around every request of every service: its id, its language, its log line, and a limit to its body."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.context import language, preferred_language, request_id
from common.problems import BODY_TOO_LARGE

ACCEPTABLE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
QUIET_PATHS = ("/health", "/health/live")

log = logging.getLogger("requests")


class RequestContext:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        identifier = given if ACCEPTABLE_ID.fullmatch(given) else uuid.uuid4().hex
        request_id.set(identifier)
        language.set(preferred_language(headers.get("accept-language", "")))
        began = time.perf_counter()
        status = 500

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = identifier
            await send(message)

        try:
            await self.app(scope, receive, send_marked)
        finally:
            facts = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "milliseconds": round((time.perf_counter() - began) * 1000, 1),
                "client": (scope.get("client") or ("-",))[0],
            }
            level = logging.DEBUG if scope["path"] in QUIET_PATHS and status < 400 else logging.INFO
            log.log(level, "%s %s %d", scope["method"], scope["path"], status, extra=facts)


class BodyLimit:
    """Refuses by Content-Length at once, and a body without one as soon as it has grown too long."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        taken = 0

        async def receive_bounded() -> Message:
            nonlocal taken
            if announced.isdigit() and int(announced) > self.limit:
                raise BODY_TOO_LARGE(limit=self.limit)
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.limit:
                raise BODY_TOO_LARGE(limit=self.limit)
            return message

        await self.app(scope, receive_bounded, send)
