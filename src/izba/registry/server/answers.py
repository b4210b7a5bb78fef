"""What a registry answers: responses and the errors of the distribution-spec, section "Error Codes"."""

from __future__ import annotations

from izba.jsonio import dumps_ordered
from izba.registry.server.http import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

API_VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}


class Refusal(Exception):
    """A request that is answered with an error: status, the spec's code, and a sentence."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})

    def response(self) -> Response:
        """The error's JSON."""
        return json(self.status, {"errors": [{"code": self.code, "message": str(self)}]}, self.headers)


def json(status: int, document: object, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON document."""
    body = dumps_ordered(document).encode()
    return Response(status, {"Content-Type": "application/json", **API_VERSION, **(headers or {})}, body)


def empty(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """No body."""
    return Response(status, {**API_VERSION, **(headers or {})})


def blob_unknown(digest: str) -> Refusal:
    """404: the repository does not show the blob."""
    return Refusal(404, "BLOB_UNKNOWN", f"blob {digest} is unknown to this repository")


def manifest_unknown(reference: str) -> Refusal:
    """404: no such tag or digest."""
    return Refusal(404, "MANIFEST_UNKNOWN", f"manifest {reference} is unknown to this repository")


def name_unknown(name: str) -> Refusal:
    """404: nothing was ever put into the repository."""
    return Refusal(404, "NAME_UNKNOWN", f"repository {name} is unknown to this registry")


def digest_invalid(why: str) -> Refusal:
    """400: not a digest, or not that of what was sent."""
    return Refusal(400, "DIGEST_INVALID", why)


def unsupported(why: str) -> Refusal:
    """405: known and not offered."""
    return Refusal(405, "UNSUPPORTED", why)
