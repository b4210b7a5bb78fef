"""HTTP to one host: TLS, proxies, redirects, retries and time limits; nothing about registries' own API.

What leaves with a request to one host never follows a redirect to another: credentials belong to an origin, which is
scheme, host and port.
"""

from __future__ import annotations

import socket
import ssl
import time
from threading import Event, Lock, Timer
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, ProxySchemeUnknown

from izba import __version__, log
from izba._record import Record
from izba.errors import IzbaError
from izba.registry.config import ConfigError
from izba.registry.fault import RegistryUnreachable, printable
from izba.registry.inward import LedInward, Outward, leads_inward
from izba.registry.proxy import proxy_for

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from izba.registry.config import RegistryConfig

CONNECT_SECONDS = 10.0
STALL_SECONDS = 60.0
FINISH_SECONDS = 600.0
"""How long a registry may think about an upload: some move the whole blob before they answer."""
HEADER_SECONDS = 30.0
"""How long the rest of an answer's head may take after its first byte could be waited for."""
DOCUMENT_SECONDS = 300.0
"""How long a document may take, however steadily it comes."""
ATTEMPTS = 4
MAX_RETRY_AFTER = 60.0
MAX_REDIRECTS = 10
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
REPEATABLE = frozenset({"GET", "HEAD", "PUT", "DELETE", "POST"})
"""A registry's POSTs open sessions, of which one too many is harmless; PATCH appends."""
_SECRET_HEADERS = frozenset({"authorization", "cookie", "proxy-authorization"})
_NOBODY_THERE = (NewConnectionError, ConnectTimeoutError, ProxyError, ProxySchemeUnknown)
"""Asked once: who waits for a registry to come up asks again by himself."""


class Answer(Record):
    """A status, headers with lower-case names, the URL that gave them, and a body that streams."""

    status: int
    headers: dict[str, str]
    url: str
    body: Body


class RedirectRefused(RegistryUnreachable):
    """A redirect led where izba does not follow."""

    def __init__(self, host: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(host, reason, hint=hint, lasting=True)


class Transport:
    """Connections to the hosts of one registry. Not shared between threads' processes; safe between threads.

    `base` is the registry's own URL, or that of a mirror. What it names must not be on this machine, unless it is, too.
    """

    def __init__(self, config: RegistryConfig, environ: Mapping[str, str], base: str = "") -> None:
        self._config = config
        self._environ = environ
        self._own_host = (urlsplit(base or config.endpoint).hostname or "").lower()
        self._is_inward: bool | None = None
        self._pools: dict[tuple[str | None, bool, bool], urllib3.PoolManager] = {}
        self._making = Lock()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterable[bytes] | None = None,
        attempts: int = ATTEMPTS,
    ) -> Answer:
        """Send, and retry what may be sent again. The status is the caller's to judge; the body must be closed.

        A `body` that is not bytes can be sent once only, so such a request is not retried.
        """
        again = method in REPEATABLE and (body is None or isinstance(body, bytes))
        attempt = 0
        while True:
            attempt += 1
            last = attempt >= attempts or not again
            try:
                answer = self._follow(method, url, dict(headers or {}), body)
            except RegistryUnreachable as error:
                if last or error.lasting:
                    raise
                log.debug("retry", url=redacted(url), reason=str(error))
                time.sleep(_backoff(attempt))
                continue
            if last or answer.status not in RETRIED:
                return answer
            pause = _retry_after(answer.headers.get("retry-after"), attempt)
            if pause is None:
                return answer
            answer.body.close()
            log.debug("retry", url=redacted(url), status=answer.status, after=pause)
            time.sleep(pause)

    def _follow(self, method: str, url: str, headers: dict[str, str], body: bytes | Iterable[bytes] | None) -> Answer:
        for _ in range(MAX_REDIRECTS):
            answer = self._send(method, url, headers, body)
            location = answer.headers.get("location")
            if answer.status not in {301, 302, 303, 307, 308} or not location:
                return answer
            answer.body.close()
            target = resolved(url, location)
            self._check_redirect(url, target)
            if origin(target) != origin(url):
                headers = {name: value for name, value in headers.items() if name.lower() not in _SECRET_HEADERS}
            url = target
        raise RedirectRefused(urlsplit(url).netloc, f"more than {MAX_REDIRECTS} redirects")

    def _check_redirect(self, url: str, target: str) -> None:
        scheme, host = urlsplit(target).scheme, urlsplit(url).netloc
        if scheme not in {"http", "https"}:
            raise RedirectRefused(host, f"a redirect to {printable(scheme)!r}, which is not HTTP")
        if url.startswith("https:") and scheme == "http" and not self._config.insecure:
            raise RedirectRefused(
                host, "a redirect from HTTPS to plain HTTP", hint="insecure = true in registries.toml allows it"
            )

    def _send(self, method: str, url: str, headers: dict[str, str], body: bytes | Iterable[bytes] | None) -> Answer:
        host = urlsplit(url).netloc.rpartition("@")[2]
        stall = STALL_SECONDS if method in {"GET", "HEAD"} else FINISH_SECONDS
        try:
            response = self._pool(url, guarded=self._is_elsewhere(url)).request(
                method,
                url,
                headers={"User-Agent": f"izba/{__version__}", **headers},
                body=body,
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=stall),
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
        except LedInward as error:
            raise RedirectRefused(
                self._config.host,
                f"it sends on to where {error.message}",
                hint=f'allow it in registries.toml: [registry."{self._config.host}"] token-hosts = ["{host}"]',
            ) from None
        except urllib3.exceptions.SSLError as error:
            raise RegistryUnreachable(host, f"TLS: {_reason(error)}", hint=_tls_hint(host), lasting=True) from None
        except _NOBODY_THERE as error:
            raise RegistryUnreachable(host, _reason(error), lasting=not _was_closed(error)) from None
        except urllib3.exceptions.HTTPError as error:
            raise RegistryUnreachable(host, _reason(error)) from None
        lower = {name.lower(): value for name, value in response.headers.items()}
        return Answer(status=response.status, headers=lower, url=url, body=Body(response, host))

    def _is_elsewhere(self, url: str) -> bool:
        """Whether a registry that is not on this machine named the URL, and nobody who configured izba did."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if host == self._own_host or {host, parts.netloc.lower()} & set(self._config.token_hosts):
            return False
        if self._is_inward is None:
            self._is_inward = leads_inward(self._own_host)
        return not self._is_inward

    def _pool(self, url: str, *, guarded: bool) -> urllib3.PoolManager:
        proxy = proxy_for(url, self._environ)
        key = proxy, url.startswith("https:") or (proxy or "").startswith("https:"), guarded
        with self._making:
            if key not in self._pools:
                self._pools[key] = self._new_pool(*key)
            return self._pools[key]

    def _new_pool(self, proxy: str | None, is_secure: bool, guarded: bool) -> urllib3.PoolManager:
        # A context reads all CAs of the system, so one that is not needed is not made.
        context = self._tls() if is_secure else None
        if proxy is None:
            pool = urllib3.PoolManager(num_pools=8, maxsize=8, ssl_context=context)
        else:
            secret = _proxy_credentials(proxy)
            pool = urllib3.ProxyManager(proxy, num_pools=8, maxsize=8, proxy_headers=secret, ssl_context=context)
        plain, secure = (_OutwardHttpPool, _OutwardHttpsPool) if guarded else (_HttpPool, _HttpsPool)
        pool.pool_classes_by_scheme = {"http": plain, "https": secure}
        return pool

    def _tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        try:
            if self._config.ca:
                context.load_verify_locations(self._config.ca)
            if self._config.client_certificate:
                context.load_cert_chain(self._config.client_certificate, self._config.client_key)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f'registries.toml: registry."{self._config.host}": {error}') from None
        if self._config.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class _Hurried:
    """A connection that is given up when the head of an answer comes byte by byte for ever (slow loris)."""

    sock: socket.socket | None
    timeout: float | None

    def endheaders(self, *args: Any, **kwargs: Any) -> None:
        """As of the class this is mixed into; from here on the limit is that of stalls, not of connecting."""
        super().endheaders(*args, **kwargs)  # type: ignore[misc]
        if self.sock is not None:
            self.sock.settimeout(STALL_SECONDS)

    def getresponse(self) -> urllib3.HTTPResponse:
        """As of the class this is mixed into, within the time."""
        is_late = Event()
        timer = Timer((self.timeout or STALL_SECONDS) + HEADER_SECONDS, _hang_up, (self.sock, is_late))
        timer.daemon = True
        timer.start()
        try:
            response: urllib3.HTTPResponse = super().getresponse()  # type: ignore[misc]
        finally:
            timer.cancel()
        if is_late.is_set():  # a head that ends early is read as if it were whole
            response.close()
            raise TimeoutError("the answer's head took too long")
        return response


def _hang_up(connection: socket.socket, is_late: Event) -> None:
    is_late.set()
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError as error:
        log.debug("the connection was closed already", reason=str(error))


class _HttpConnection(_Hurried, HTTPConnection):  # type: ignore[misc]
    pass


class _HttpsConnection(_Hurried, HTTPSConnection):  # type: ignore[misc]
    pass


class _OutwardHttpConnection(Outward, _HttpConnection):  # type: ignore[misc]
    pass


class _OutwardHttpsConnection(Outward, _HttpsConnection):  # type: ignore[misc]
    pass


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _HttpConnection


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _HttpsConnection


class _OutwardHttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _OutwardHttpConnection


class _OutwardHttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _OutwardHttpsConnection


class Body:
    """The body of an answer. Bytes that trickle are as bad as none: below a kilobyte a second for a minute it fails."""

    MIN_BYTES = 1024 * 60
    WINDOW = 60.0

    def __init__(self, response: urllib3.BaseHTTPResponse, host: str) -> None:
        self._response = response
        self._host = host
        self._window_start = time.monotonic()
        self._window_bytes = 0

    def read(self, count: int = 1 << 20) -> bytes:
        """Up to `count` bytes, `b""` at the end. Raises `RegistryUnreachable` when the connection breaks."""
        try:
            data: bytes = self._response.read1(count) if count > 0 else self._response.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise RegistryUnreachable(self._host, f"the connection broke: {_reason(error)}") from None
        self._pace(len(data))
        return data

    def read_all(self, limit: int, what: str) -> bytes:
        """The whole body, of `limit` bytes at the most."""
        parts, size = [], 0
        deadline = time.monotonic() + DOCUMENT_SECONDS
        while data := self.read(min(limit + 1 - size, 1 << 20)):
            parts.append(data)
            size += len(data)
            if time.monotonic() > deadline:
                self.close()
                raise RegistryUnreachable(self._host, f"{what} takes more than {DOCUMENT_SECONDS:.0f} s")
            if size > limit:
                self.close()
                raise TooLarge(f"{what}: more than the {limit} bytes that izba reads")
        self.close()
        return b"".join(parts)

    def abort(self) -> None:
        """Let a `read` in another thread end at once."""
        try:
            self._response.shutdown()
        except (AttributeError, OSError, ValueError) as error:  # it ended by itself
            log.debug("the answer had ended", host=self._host, reason=str(error))

    def close(self) -> None:
        """Give the connection back if its body was read to the end, and drop it otherwise."""
        if self._response.length_remaining == 0:
            self._response.drain_conn()  # http.client takes the next request only after the end was read
        else:
            self._response.close()
        self._response.release_conn()

    def _pace(self, count: int) -> None:
        self._window_bytes += count
        now = time.monotonic()
        if now - self._window_start > self.WINDOW:
            if self._window_bytes < self.MIN_BYTES and count:
                self._response.close()
                raise RegistryUnreachable(self._host, f"{self._window_bytes} bytes in a minute is no answer")
            self._window_start, self._window_bytes = now, 0


class TooLarge(IzbaError):
    """An answer is longer than anything of its kind needs to be."""


def resolved(base: str, location: str) -> str:
    """The absolute URL that a host's `location` means, whose parts can be read. Raises `RedirectRefused`."""
    try:
        target = urljoin(base, location)
        urlsplit(target).port  # noqa: B018 - reading it checks it
    except ValueError:
        raise RedirectRefused(urlsplit(base).netloc, "it sends on to what is no URL") from None
    return target


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port: what credentials belong to."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or default


def redacted(url: str) -> str:
    """`url` without user information and query, where tokens hide."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _was_closed(error: BaseException) -> bool:
    """Whether a proxy closed a connection that was kept alive, as it may at any moment: another one will do."""
    return isinstance(getattr(error, "original_error", None), (ConnectionResetError, BrokenPipeError))


def _retry_after(value: str | None, attempt: int) -> float | None:
    """Seconds to wait; None if the host asks for more patience than a command should have."""
    if value is None:
        return _backoff(attempt)
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        from email.utils import parsedate_to_datetime

        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return _backoff(attempt)
    return None if seconds > MAX_RETRY_AFTER else max(seconds, 0.0)


def _backoff(attempt: int) -> float:
    import random

    return float(min(0.25 * 2**attempt, 8.0)) * random.uniform(0.5, 1.0)  # noqa: S311 - spreads retries, hides nothing


def _proxy_credentials(proxy: str) -> dict[str, str]:
    userinfo = unquote(urlsplit(proxy).netloc.rpartition("@")[0])
    return dict(urllib3.make_headers(proxy_basic_auth=userinfo)) if userinfo else {}


def _reason(error: BaseException) -> str:
    """The innermost sentence of a nested exception, short and without object addresses."""
    while isinstance(inner := getattr(error, "reason", None) or error.__cause__, BaseException) and inner is not error:
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(text.rpartition(">: ")[2] or type(error).__name__)[:200]


def _tls_hint(host: str) -> str:
    return f'name its CA in registries.toml: [registry."{host}"] ca = "FILE"; or insecure = true'
