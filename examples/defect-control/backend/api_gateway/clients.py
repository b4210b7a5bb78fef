"""Whose request it is, for the limits: the person of a valid token, else the address."""

import asyncio
import ipaddress
import socket
import time
from collections.abc import Sequence

from starlette.requests import Request

from common.tokens import TokenExpired, TokenInvalid, Tokens

REMEMBERED_SECONDS = 30


class TrustedProxies:
    """Hosts whose `X-Forwarded-For` is believed, by name: addresses in a container network change."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._addresses: frozenset[str] = frozenset()
        self._known_until = 0.0

    async def address_of(self, request: Request) -> str:
        peer = request.client.host if request.client else "unknown"
        forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        if not forwarded or peer not in await self._trusted():
            return peer
        try:
            return str(ipaddress.ip_address(forwarded))
        except ValueError:
            return peer

    async def _trusted(self) -> frozenset[str]:
        if time.monotonic() >= self._known_until:
            found = await asyncio.gather(*(_resolve(name) for name in self._names))
            self._addresses = frozenset().union(*found)
            self._known_until = time.monotonic() + REMEMBERED_SECONDS
        return self._addresses


async def _resolve(name: str) -> set[str]:
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {str(answer[4][0]) for answer in answers}


def bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def person(request: Request, tokens: Tokens) -> str | None:
    token = bearer(request)
    try:
        return str(tokens.read_access(token).user_id) if token else None
    except (TokenExpired, TokenInvalid):
        return None
