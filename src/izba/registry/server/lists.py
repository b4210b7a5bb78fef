"""Lists: tags, repositories, referrers (distribution-spec, "Content Discovery")."""

from __future__ import annotations

from urllib.parse import urlencode

from izba.oci.mediatype import OCI_INDEX
from izba.registry.server.answers import Refusal, json
from izba.registry.server.blobs import parse_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.registry.server.app import Application
    from izba.registry.server.http import Request, Response

PAGE = 1000


def tags(app: Application, request: Request, name: str) -> Response:
    """The tags of a repository, page by page."""
    if app.upstream:
        app.upstream.refuse_list()
    app.require_repository(name)
    count, after = _page(request)
    found = app.catalog.tags(name, after=after, count=count + 1) if count else []
    return json(200, {"name": name, "tags": found[:count]}, _next(f"/v2/{name}/tags/list", found, count))


def repositories(app: Application, request: Request) -> Response:
    """The repositories that have a manifest; Docker's extension of the spec."""
    count, after = _page(request)
    found = app.catalog.repositories(after=after, count=count + 1) if count else []
    return json(200, {"repositories": found[:count]}, _next("/v2/_catalog", found, count))


def referrers(app: Application, request: Request, name: str, text: str) -> Response:
    """The manifests about another one, as an index; a digest that is unknown has none."""
    wanted = request.query.get("artifactType")
    rows = app.catalog.referrers(name, parse_digest(text))
    entries = []
    for row in rows:
        if wanted is not None and row.artifact_type != wanted:
            continue
        entry: dict[str, object] = {**row.descriptor.to_document(), "artifactType": row.artifact_type}
        if row.annotations:
            entry["annotations"] = dict(row.annotations)
        entries.append(entry)
    headers = {"Content-Type": OCI_INDEX}
    if wanted is not None:
        headers["OCI-Filters-Applied"] = "artifactType"
    return json(200, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, headers)


def _page(request: Request) -> tuple[int, str]:
    text = request.query.get("n", str(PAGE))
    if not text.isascii() or not text.isdigit():
        raise Refusal(400, "PAGINATION_NUMBER_INVALID", "n is a number of entries")
    return min(int(text[:9]), PAGE), request.query.get("last", "")


def _next(path: str, found: list[str], count: int) -> dict[str, str]:
    if len(found) <= count or not count:
        return {}
    return {"Link": f'<{path}?{urlencode({"n": count, "last": found[count - 1]})}>; rel="next"'}
