"""Downloads by HTTP and from local files: pooled, resumed where they broke off, several at a time, verified."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from urllib.parse import unquote, urlsplit

from izba import __version__
from izba._record import Record
from izba.bootstrap.errors import BadConfiguration, Corrupt, Unreachable
from izba.bootstrap.host.transport import tls_context
from izba.bootstrap.progress import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import urllib3

    from izba.bootstrap.fetch.cache import Cache, Part, Promise
    from izba.bootstrap.host.aptauth import Login
    from izba.bootstrap.host.transport import Route, Routes
    from izba.bootstrap.progress import Progress

_PARALLEL = 6
_CHUNK = 1 << 18
_ATTEMPTS = 4


class Download(Record):
    """A file to have. The places in `urls` are tried in order; only "not there" (404) leads to the next one."""

    urls: tuple[str, ...]
    promise: Promise


class Downloader:
    """Brings files into the cache."""

    def __init__(self, cache: Cache, routes: Routes, progress: Progress) -> None:
        self._cache = cache
        self._routes = routes
        self._progress = progress
        self._pools: dict[Route, urllib3.PoolManager] = {}
        self._logins: list[Login] = []
        self._lock = threading.Lock()

    def log_in(self, login: Login) -> None:
        """Show `login` to the server of the URLs it is for, and to no other that it may send us to."""
        self._logins.append(login)

    def text(self, url: str, *, limit: int = 1 << 26, headers: Mapping[str, str] | None = None) -> bytes:
        """The bytes at `url`, which nothing verifies: the caller does. Raises `Unreachable`."""
        data = bytearray()
        try:
            for chunk in self._stream(url, 0, headers or {}):
                data += chunk
                if len(data) > limit:
                    raise Corrupt(url, f"longer than {limit} bytes")
        except BrokenOff as error:
            raise Unreachable(url, str(error)) from error
        return bytes(data)

    def files(self, downloads: Sequence[Download], *, text: str) -> list[str]:
        """The paths of the verified files, in order. The first failure ends the others."""
        tally = _Tally(text, self._progress)
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="download") as pool:
            cached = list(pool.map(lambda download: self._cache.find(download.promise), downloads))
            missing = [download for download, path in zip(downloads, cached, strict=True) if path is None]
            tally.expect(sum(download.promise.size or 0 for download in missing))
            futures = {pool.submit(self._fetch, download, tally): download for download in missing}
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
                failures = [error for future in done if (error := future.exception()) is not None]
                if failures:
                    raise next((error for error in failures if not isinstance(error, Stopped)), failures[0])
            except BaseException:
                tally.stop()
                pool.shutdown(cancel_futures=True)
                raise
            fetched = {download.promise: future.result() for future, download in futures.items()}
        return [path or fetched[download.promise] for download, path in zip(downloads, cached, strict=True)]

    def _fetch(self, download: Download, tally: _Tally) -> str:
        with self._cache.part(download.promise) as part:
            resumed = part.size > 0
            try:
                return self._complete(part, download, tally)
            except Corrupt:
                if not resumed:
                    raise
        # What was left of an earlier download was damaged, and is gone now.
        return self._fetch(download, tally)

    def _complete(self, part: Part, download: Download, tally: _Tally) -> str:
        # While we waited for the lock another process may have brought it.
        if part.size == 0 and (path := self._cache.find(download.promise)):
            part.discard()
            return path
        tally.add(part.size)
        for url in download.urls[:-1]:
            try:
                self._fill(part, url, tally)
                return part.commit()
            except Unreachable as error:
                if error.status != 404:
                    raise
        self._fill(part, download.urls[-1], tally)
        return part.commit()

    def _fill(self, part: Part, url: str, tally: _Tally) -> None:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                for chunk in self._stream(url, part.size, {}, part):
                    part.write(chunk)
                    tally.add(len(chunk))
            except BrokenOff as error:
                if attempt == _ATTEMPTS:
                    raise Unreachable(url, str(error)) from error
            else:
                return

    def _stream(self, url: str, offset: int, headers: Mapping[str, str], part: Part | None = None) -> Iterator[bytes]:
        scheme = urlsplit(url).scheme
        if scheme in {"file", "copy"}:
            return _local(url, offset)
        if scheme not in {"http", "https"}:
            raise BadConfiguration(f"{url}: izba downloads by http, https and file, not by {scheme or 'nothing'}")
        return self._http(url, offset, headers, part)

    def _http(self, url: str, offset: int, headers: Mapping[str, str], part: Part | None) -> Iterator[bytes]:
        import urllib3
        from urllib3.exceptions import HTTPError, MaxRetryError

        login = next((login for login in self._logins if login.covers(url)), None)
        if login is not None:
            headers = {**headers, **urllib3.make_headers(basic_auth=f"{login.user}:{login.password}")}
        ranged = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            response = self._pool(url).request(
                "GET", url, preload_content=False, decode_content=False, headers={**_AGENT, **headers, **ranged}
            )
        except MaxRetryError as error:
            raise Unreachable(url, _reason(error.reason or error), hint=_HINT) from error
        except HTTPError as error:
            raise Unreachable(url, _reason(error), hint=_HINT) from error
        with response:
            if part is not None and offset and response.status != 206:
                part.restart()
            if response.status == 416:
                raise BrokenOff("the server knows less of the file than we have")
            if response.status not in {200, 206}:
                reason = f"HTTP {response.status} {response.reason or ''}".rstrip()
                raise Unreachable(url, reason, status=response.status)
            try:
                # As it comes: one that waits for a whole chunk of a slow mirror hears late that another failed.
                yield from iter(lambda: response.read1(_CHUNK), b"")
            except urllib3.exceptions.HTTPError as error:
                raise BrokenOff(_reason(error)) from error

    def _pool(self, url: str) -> urllib3.PoolManager:
        route = self._routes.route(url)
        with self._lock:
            if route not in self._pools:
                self._pools[route] = _new_pool(route)
            return self._pools[route]


class BrokenOff(Exception):
    """A transfer ended before the file did; what came is kept."""


class Stopped(Exception):
    """Another download failed, and this one is not wanted any more."""


class _Tally:
    """Adds up what several threads bring; tells the progress some fifty times altogether."""

    def __init__(self, text: str, progress: Progress) -> None:
        self._text = text
        self._progress = progress
        self._lock = threading.Lock()
        self._stopped = False
        self._done = self._total = self._told = 0

    def expect(self, size: int) -> None:
        self._total = size

    def add(self, size: int) -> None:
        with self._lock:
            if self._stopped:
                raise Stopped
            self._done += size
            if self._done == self._total or self._done - self._told > self._total // 50:
                self._told = self._done
                self._progress(Step(text=self._text, done=self._done, total=max(self._total, self._done)))

    def stop(self) -> None:
        with self._lock:
            self._stopped = True


_AGENT = {"User-Agent": f"izba/{__version__}", "Accept-Encoding": "identity"}
_HINT = "is the mirror right, and does this machine need a proxy (http_proxy, https_proxy)?"


def _new_pool(route: Route) -> urllib3.PoolManager:
    import urllib3

    retries = urllib3.Retry(
        total=5,
        connect=2,
        read=2,
        redirect=5,
        status=3,
        backoff_factor=0.3,
        status_forcelist=(429, 502, 503, 504),
        raise_on_status=False,
    )
    timeout = urllib3.Timeout(connect=10, read=60)
    context = tls_context(route.ca_file)
    if route.proxy is None:
        return urllib3.PoolManager(maxsize=_PARALLEL, retries=retries, timeout=timeout, ssl_context=context)
    parts = urlsplit(route.proxy)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
    return urllib3.ProxyManager(
        route.proxy,
        proxy_headers=urllib3.make_headers(proxy_basic_auth=login),
        maxsize=_PARALLEL,
        retries=retries,
        timeout=timeout,
        ssl_context=context,
    )


def _local(url: str, offset: int) -> Iterator[bytes]:
    path = unquote(urlsplit(url).path)
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            while chunk := file.read(_CHUNK):
                yield chunk
    except FileNotFoundError:
        raise Unreachable(url, "no such file", status=404) from None
    except OSError as error:
        raise Unreachable(url, error.strerror or str(error)) from error


def _reason(error: BaseException) -> str:
    text = str(error)
    # urllib3 puts the connection object in front: `<…HTTPConnection(host=…) at 0x…>: Failed to establish …`
    return text.rpartition(">: ")[2] or type(error).__name__
