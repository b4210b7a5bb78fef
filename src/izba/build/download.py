"""Fetching what ADD names by URL: bounded, checked, kept, and asked for again only if it changed.

Only http and https are spoken, after a redirect too. The name, the time and the type that a server gives are not
looked at: the same bytes make the same layer.
"""

from __future__ import annotations

import os
from _hashlib import openssl_sha256 as sha256

from izba import jsonio
from izba.errors import DataLoss, InvalidArgument, Unavailable
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import urllib3

    from izba.build.progress import RunningStep

LIMIT = 16 << 30
"""Bytes of one download. More than any image should hold."""
REDIRECTS = 10
_CHUNK = 1 << 20


class DownloadFailed(Unavailable):
    """A URL did not give a file."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{_public(url)}: {reason}")


class ChecksumMismatch(DataLoss):
    """A URL gave something else than --checksum says."""

    def __init__(self, url: str, *, expected: Digest, actual: Digest) -> None:
        super().__init__(f"digest mismatch {_public(url)}: {actual}, expected {expected}")
        self.expected = expected
        self.actual = actual


def download(directory: str, url: str, checksum: Digest | None, step: RunningStep) -> str:
    """The file that `url` gives, in `directory`, named by its digest. Raises `DownloadFailed`, `ChecksumMismatch`."""
    os.makedirs(directory, mode=0o700, exist_ok=True)
    if checksum is not None and os.path.exists(f"{directory}/{checksum.hex}"):
        return f"{directory}/{checksum.hex}"
    notes = f"{directory}/{sha256(url.encode()).hexdigest()}.json"
    # What is here is not what the checksum wants, so "not modified" would be no answer.
    known = _read_notes(notes, directory) if checksum is None else {}
    response = _open(url, known.get("validators", {}))
    try:
        if response.status == 304:
            return f"{directory}/{known['digest']}"
        if response.status != 200:
            raise DownloadFailed(url, f"the server answers {response.status}")
        digest = _receive(response, directory, url, checksum, step)
        validators = {
            header: response.headers[field]
            for field, header in (("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since"))
            if field in response.headers
        }
    finally:
        response.close()
    jsonio.write(notes, {"digest": digest.hex, "validators": validators}, mode=0o600, durable=False)
    return f"{directory}/{digest.hex}"


def open_url(url: str) -> urllib3.BaseHTTPResponse:
    """What `url` gives, to be read once and in a `with`. Raises `DownloadFailed`."""
    response = _open(url, {})
    if response.status != 200:
        response.close()
        raise DownloadFailed(url, f"the server answers {response.status}")
    return response


def _read_notes(path: str, directory: str) -> dict[str, Any]:
    try:
        notes: dict[str, Any] = jsonio.read(path)
    except (OSError, jsonio.BadJSON):
        return {}
    return notes if os.path.exists(f"{directory}/{notes['digest']}") else {}


def _open(url: str, validators: dict[str, str]) -> urllib3.BaseHTTPResponse:
    """Ask, and go where the server sends us."""
    from urllib.parse import urljoin

    import urllib3

    pool = _pool(url)
    where = url
    for _ in range(REDIRECTS + 1):
        if not where.startswith(("http://", "https://")):
            raise DownloadFailed(url, f"redirects to {_public(where)}, which is neither http nor https")
        try:
            response = pool.request(
                "GET",
                where,
                headers={"User-Agent": "izba", "Accept-Encoding": "identity", **validators},
                redirect=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=30, read=120),
                retries=urllib3.Retry(3, redirect=0, backoff_factor=0.5),
            )
        except urllib3.exceptions.HTTPError as error:
            raise DownloadFailed(url, str(getattr(error, "reason", None) or error)) from error
        if response.status not in {301, 302, 303, 307, 308}:
            return response
        location = response.headers.get("Location", "")
        response.close()
        where = urljoin(where, location)
        if _is_inward(where) and not _is_inward(url):
            raise DownloadFailed(url, f"redirects to {_public(where)}, which only this machine can reach")
    raise DownloadFailed(url, f"redirects more than {REDIRECTS} times")


def _is_inward(url: str) -> bool:
    """Whether a URL is for an address that means something only on this machine, such as a cloud's metadata service."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    host = urlsplit(url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_link_local or address.is_unspecified


def _pool(url: str) -> urllib3.PoolManager:
    from urllib.request import getproxies, proxy_bypass

    import urllib3

    from izba.hosttrust import host_bundle

    bundle = host_bundle(os.environ)
    scheme, _, rest = url.partition("://")
    host = rest.partition("/")[0].rpartition("@")[2]
    proxy = None if proxy_bypass(host) else getproxies().get(scheme)
    if proxy:
        return urllib3.ProxyManager(proxy, ca_certs=bundle)
    return urllib3.PoolManager(ca_certs=bundle)


def _receive(
    response: urllib3.BaseHTTPResponse, directory: str, url: str, checksum: Digest | None, step: RunningStep
) -> Digest:
    import urllib3

    total = int(response.headers.get("Content-Length", "0") or 0) or None
    temporary = f"{directory}/{os.getpid()}-{id(response):x}.tmp"
    hasher = sha256()
    size = 0
    try:
        with open(temporary, "wb") as file:
            for data in response.stream(_CHUNK, decode_content=False):
                size += len(data)
                if size > LIMIT:
                    raise InvalidArgument(f"{_public(url)} is larger than {LIMIT >> 30} GiB")
                hasher.update(data)
                file.write(data)
                step.advanced(_public(url), size, total)
            os.fchmod(file.fileno(), 0o600)
        digest = Digest(f"sha256:{hasher.hexdigest()}")
        if checksum is not None and digest != checksum:
            raise ChecksumMismatch(url, expected=checksum, actual=digest)
        os.rename(temporary, f"{directory}/{digest.hex}")
    except urllib3.exceptions.HTTPError as error:
        raise DownloadFailed(url, str(error)) from error
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return digest


def _public(url: str) -> str:
    """The URL without a password and without a query, which may hold a token."""
    scheme, separator, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    path = path.partition("?")[0].partition("#")[0]
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
