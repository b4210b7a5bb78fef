"""Finding repositories: Docker Hub's search, and the catalog of registries that have one."""

from __future__ import annotations

from typing import NotRequired, TypedDict
from urllib.parse import urlencode

from izba._record import Record
from izba.decode import DecodeError, document
from izba.errors import Forbidden, NotFound, Unauthorized
from izba.errors import NotImplemented as NotOffered
from izba.oci.reference import DEFAULT_DOMAIN
from izba.registry.fault import RegistryError, RegistryRefused, fault, printable
from izba.registry.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.registry.client import Client
    from izba.registry.config import RegistryConfig

HUB_SEARCH = "https://index.docker.io"
MAX_RESULTS = 100
_MAX_ANSWER = 4 << 20
_MAX_CATALOG = 100_000


class Found(Record):
    """A repository. What only Docker Hub tells is empty elsewhere."""

    name: str
    description: str = ""
    stars: int = 0
    is_official: bool = False


class _Result(TypedDict):
    name: str
    description: NotRequired[str | None]
    star_count: NotRequired[int]
    is_official: NotRequired[bool]


class _Answer(TypedDict):
    results: list[_Result]


class CannotSearch(NotOffered):
    """The registry offers neither a search nor a catalog."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(
            f"registry {host} cannot be searched: it has neither a search nor a catalog ({reason})",
            hint=f"if you know a repository: izba image ls-remote {host}/REPOSITORY",
        )


def search(
    client: Client, config: RegistryConfig, words: str, *, limit: int, environ: Mapping[str, str]
) -> list[Found]:
    """Up to `limit` repositories that have to do with `words`. Raises `CannotSearch`, `RegistryUnreachable`."""
    base = config.search or (HUB_SEARCH if config.host == DEFAULT_DOMAIN else "")
    if base:
        return _by_index(base, config, words, limit, environ)
    try:
        return _by_catalog(client, words, limit)
    except (NotFound, NotOffered, Forbidden, Unauthorized, RegistryRefused, RegistryError) as error:
        raise CannotSearch(config.host, error.message) from error


def _by_index(base: str, config: RegistryConfig, words: str, limit: int, environ: Mapping[str, str]) -> list[Found]:
    """Docker's search API, version 1."""
    url = f"{base.rstrip('/')}/v1/search?{urlencode({'q': words, 'n': limit})}"
    answer = Transport(config, environ, base).request("GET", url)
    what = f"search for {words!r}"
    body = answer.body.read_all(_MAX_ANSWER, what)
    if answer.status != 200:
        raise fault(answer.status, answer.headers, body, what=what, host=config.host)
    try:
        results = document(body, _Answer, what=what)["results"]
    except DecodeError as error:
        raise RegistryError(f"{config.host} answered with something else: {error.message}") from None
    return [
        Found(
            name=printable(result["name"]),
            description=printable(result.get("description") or ""),
            stars=result.get("star_count", 0),
            is_official=result.get("is_official", False),
        )
        for result in results[:limit]
    ]


def _by_catalog(client: Client, words: str, limit: int) -> list[Found]:
    found: list[Found] = []
    for number, name in enumerate(client.repositories()):
        if len(found) >= limit or number >= _MAX_CATALOG:
            break
        if words.lower() in name:
            found.append(Found(name=f"{client.host}/{printable(name)}"))
    return found
