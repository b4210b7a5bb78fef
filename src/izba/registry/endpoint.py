"""One base URL of a registry or mirror: its API's paths, the answers to its challenges, and whether it speaks TLS."""

from __future__ import annotations

import re
from threading import Lock
from urllib.parse import quote, urlsplit

from izba import jsonio
from izba.errors import InvalidArgument
from izba.registry import challenge
from izba.registry.fault import RegistryError, RegistryUnreachable, fault
from izba.registry.token import Authenticator
from izba.registry.transport import Transport, origin, resolved

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from izba.registry.config import RegistryConfig
    from izba.registry.credentials import Credentials
    from izba.registry.transport import Answer

MAX_LIST = 16 << 20
MAX_PAGES = 10_000
"""Of one list: at the usual thousand entries each, more than any registry has under one name."""


class Endpoint:
    """A base URL with its transport and its answers to challenges."""

    def __init__(
        self,
        config: RegistryConfig,
        base: str,
        name: str,
        environ: Mapping[str, str],
        credentials: Credentials | None,
    ) -> None:
        self.base = base
        self.host = urlsplit(base).netloc
        self._name = name
        self._transport = Transport(config, environ, base)
        self._authenticator = Authenticator(self._transport, config, credentials)
        # Docker's rule: a registry on loopback, or one called insecure, may speak plain HTTP.
        self._settling = Lock()
        self._may_be_plain = base.startswith("https:") and (config.insecure or is_loopback(self.host))

    def call(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        also: str | None = None,
    ) -> Answer:
        """A request below `/v2/NAME/` (or to an absolute URL that this endpoint gave), with its authorisation."""
        scopes = scope if ":" in scope or not scope else f"repository:{self._name}:{scope}"
        scopes += f" repository:{also}:pull" if also else ""
        if self._may_be_plain:
            self._settle()
        replay = body is None or isinstance(body, bytes)
        if not replay and not self._authenticator.is_settled:
            # What can be sent once only must not meet the first challenge.
            self.call("GET", "/", scope=scope, also=also).body.close()
        url = self._url(path)
        authorised = {**(headers or {}), **self._authenticator.header(scopes)}
        answer = self._transport.request(method, url, headers=authorised, body=body)
        for _ in range(2):
            if answer.status != 401:
                break
            challenges = challenge.parse(answer.headers.get("www-authenticate", ""))
            if not self._authenticator.accept(challenges, scopes) or not replay:
                break
            answer.body.close()
            authorised = {**(headers or {}), **self._authenticator.header(scopes)}
            answer = self._transport.request(method, url, headers=authorised, body=body)
        return answer

    def check(self, answer: Answer, wanted: set[int], what: str) -> None:
        """Raise the registry's error if the status is none of `wanted`."""
        if answer.status not in wanted:
            body = answer.body.read_all(MAX_LIST, what) if answer.status >= 300 else b""
            raise fault(answer.status, answer.headers, body, what=what, host=self.host)

    def finish(self, answer: Answer, wanted: set[int], what: str) -> None:
        """`check`, for answers whose body says nothing."""
        self.check(answer, wanted, what)
        answer.body.close()

    def location(self, answer: Answer) -> str:
        """The absolute URL of an upload session. Raises `RegistryError` if it is not on the registry's origin.

        An upload carries the authorisation of this registry, which is not for another host to see.
        """
        where = resolved(answer.url, answer.headers.get("location", ""))
        if origin(where) != origin(answer.url):
            raise RegistryError(f"registry {self.host} sends an upload to another host, {urlsplit(where).netloc!r}")
        return where

    def pages(self, path: str, *, what: str, scope: str = "pull") -> Iterator[Any]:
        """The documents of a paginated list, by `Link: <…>; rel="next"`; a page that comes twice ends it.

        Raises `RegistryError` where there is no end of pages.
        """
        url: str | None = path
        seen: set[str] = set()
        while url and url not in seen:
            if len(seen) == MAX_PAGES:
                raise RegistryError(f"{what}: {self.host} continues its list after {MAX_PAGES} pages")
            seen.add(url)
            answer = self.call("GET", url, scope=scope)
            self.check(answer, {200}, what)
            try:
                yield jsonio.loads(answer.body.read_all(MAX_LIST, what))
            except InvalidArgument as error:
                raise RegistryError(f"{what}: {self.host} answered with something else: {error}") from None
            follows = re.search(r"<([^>]*)>\s*;\s*rel=\"?next\"?", answer.headers.get("link", ""))
            url = resolved(answer.url, follows[1]) if follows else None
            if url and origin(url) != origin(answer.url):
                raise RegistryError(f"{what}: {self.host} continues its list on another host")

    def _settle(self) -> None:
        """Find out, once, whether a registry that may speak plain HTTP speaks TLS. Nothing secret is sent before.

        On loopback plain HTTP is what is spoken nearly always, and there is nobody between, so it is tried first. A
        TLS server tells who speaks plainly to it with 400.
        """
        with self._settling:
            if not self._may_be_plain:
                return
            plain = "http" + self.base.removeprefix("https")
            first = self._status(plain) if is_loopback(self.host) else None
            if first in {200, 401}:
                self.base = plain
            elif isinstance(self._status(self.base), RegistryUnreachable) and first != 400:
                if isinstance(problem := first or self._status(plain), RegistryUnreachable):
                    raise problem
                self.base = plain
            self._may_be_plain = False

    def _status(self, base: str) -> int | RegistryUnreachable:
        try:
            answer = self._transport.request("GET", f"{base}/v2/", attempts=1)
        except RegistryUnreachable as error:
            return error
        answer.body.close()
        return answer.status

    def _url(self, path: str) -> str:
        if path.startswith(("http://", "https://")):
            return path
        return f"{self.base}/v2{path}" if path.startswith("/") else f"{self.base}/v2/{quote(self._name)}/{path}"


def is_loopback(host: str) -> bool:
    """Whether a host (with or without a port) names this machine itself."""
    from ipaddress import ip_address

    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost"
