"""Routes, and who may take them."""

from __future__ import annotations

import errno
import re
from contextlib import AbstractContextManager, nullcontext
from threading import Lock

from izba import log
from izba._record import Record
from izba.errors import IzbaError, Unavailable
from izba.registry.server import blobs, lists, manifests
from izba.registry.server.answers import Refusal, empty, name_unknown, unsupported
from izba.registry.server.catalog import Catalog
from izba.registry.server.http import BodyError, Request, Response
from izba.registry.server.uploads import Uploads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.registry.server.passthrough import Upstream
    from izba.registry.server.passwords import Passwords
    from izba.store.store import Store

# distribution-spec, "Pulling manifests": <name> and <reference>
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = rf"(?P<name>{_COMPONENT}(?:/{_COMPONENT})*)"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_DIGEST = r"[a-z0-9]+(?:[+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+"
_ROUTES = (
    (re.compile(rf"/v2/{_NAME}/blobs/uploads/?"), "uploads"),
    (re.compile(rf"/v2/{_NAME}/blobs/uploads/(?P<id>[0-9a-f]{{32}})"), "upload"),
    (re.compile(rf"/v2/{_NAME}/blobs/(?P<digest>{_DIGEST})"), "blob"),
    (re.compile(rf"/v2/{_NAME}/manifests/(?P<reference>{_TAG}|{_DIGEST})"), "manifest"),
    (re.compile(rf"/v2/{_NAME}/tags/list"), "tags"),
    (re.compile(rf"/v2/{_NAME}/referrers/(?P<digest>{_DIGEST})"), "referrers"),
)
MAX_NAME = 255


class Policy(Record):
    """What the operator allows. `quota` is in bytes, 0 for none."""

    read_only: bool = False
    quota: int = 0


class Application:
    """Answers requests; safe for many threads."""

    def __init__(
        self,
        store: Store,
        *,
        policy: Policy,
        passwords: Passwords | None = None,
        upstream: Upstream | None = None,
    ) -> None:
        self.store = store
        self.policy = policy
        self.catalog = Catalog(store)
        self.uploads = Uploads(store.content)
        self.upstream = upstream
        self._passwords = passwords
        self._settling = Lock()

    def __call__(self, request: Request) -> Response:
        """The answer to one request, whatever happens."""
        try:
            response = self._answer(request)
        except Refusal as refusal:
            response = refusal.response()
        except BodyError:
            raise
        except Unavailable as error:
            response = Refusal(503, "UNAVAILABLE", str(error)).response()
        except IzbaError as error:
            response = Refusal(500, "UNKNOWN", str(error)).response()
        except OSError as error:
            log.warning(f"registry: {request.method} {request.path}: {error}")
            status = 507 if error.errno in {errno.ENOSPC, errno.EDQUOT} else 500
            response = Refusal(status, "UNKNOWN", f"the registry's storage failed: {error.strerror}").response()
        log.debug("answered", method=request.method, path=request.path, status=response.status, peer=request.peer)
        return response

    def close(self) -> None:
        """Give up what is under way, before the store is closed."""
        self.uploads.close()
        if self.upstream is not None:
            self.upstream.close()

    def _answer(self, request: Request) -> Response:
        user = self._user(request)
        if request.path in {"/v2", "/v2/"}:
            return empty(200) if request.method in {"GET", "HEAD"} else _not_allowed(request)
        if request.path == "/v2/_catalog" and request.method == "GET":
            return lists.repositories(self, request)
        # What is decoded once more, or has an encoded slash, is another path than the one that was allowed.
        if "%" in request.path or "%2f" in request.raw_path.lower():
            raise Refusal(400, "NAME_INVALID", "encoded slashes have no meaning here")
        for pattern, route in _ROUTES:
            if found := pattern.fullmatch(request.path):
                words = found.groupdict()
                if len(words["name"]) > MAX_NAME:
                    break
                if request.method not in {"GET", "HEAD"}:
                    self._require_writable()
                return self._route(route, request, words, user)
        if request.path.startswith("/v2/"):
            raise Refusal(404, "NAME_INVALID", "not a name, a reference or a path of this API")
        raise Refusal(404, "NAME_UNKNOWN", "this is a registry; its API is under /v2/")

    def _route(self, route: str, request: Request, words: dict[str, str], user: str) -> Response:
        name = words["name"]
        match route, request.method:
            case "blob", "GET" | "HEAD":
                return blobs.read(self, request, name, words["digest"])
            case "blob", "DELETE":
                return blobs.delete(self, name, words["digest"])
            case "uploads", "POST":
                return blobs.begin(self, request, name, user)
            case "upload", "PATCH":
                return blobs.append(self, request, name, user, words["id"])
            case "upload", "PUT":
                return blobs.finish(self, request, name, user, words["id"])
            case "upload", "GET":
                return blobs.status(self, name, user, words["id"])
            case "upload", "DELETE":
                return blobs.cancel(self, name, user, words["id"])
            case "manifest", "GET" | "HEAD":
                return manifests.read(self, name, words["reference"])
            case "manifest", "PUT":
                return manifests.put(self, request, name, words["reference"])
            case "manifest", "DELETE":
                return manifests.delete(self, name, words["reference"])
            case "tags", "GET":
                return lists.tags(self, request, name)
            case "referrers", "GET":
                return lists.referrers(self, request, name, words["digest"])
        return _not_allowed(request)

    def require_repository(self, name: str) -> None:
        """Raise NAME_UNKNOWN for a repository that nothing was ever put into."""
        if not self.catalog.exists(name):
            raise name_unknown(name)

    def room(self) -> int:
        """How many bytes the quota still allows; a very large number where there is none."""
        return self.policy.quota - self.catalog.size() if self.policy.quota else 1 << 62

    def require_room(self, size: int, room: int | None = None) -> None:
        """Raise DENIED if `size` more bytes would exceed the quota, or the `room` that was asked for before."""
        if size > (self.room() if room is None else room):
            raise Refusal(403, "DENIED", f"the registry's quota of {self.policy.quota} bytes is used up")

    def settling(self) -> AbstractContextManager[object]:
        """Held while something becomes a part of what the quota counts, where there is one: two may not both fit."""
        return self._settling if self.policy.quota else nullcontext()

    def collect(self) -> None:
        """Take from the disk what the registry, and all else in the store, needs no more. A failure is a warning."""
        try:
            self.catalog.sweep()
            self.store.collect()
        except (IzbaError, OSError) as error:  # a full disk, another process's lock: it may be gone the next time
            log.warning("the registry could not remove what nobody needs", why=str(error))

    def _require_writable(self) -> None:
        if self.policy.read_only or self.upstream is not None:
            raise unsupported("this registry is read-only")

    def _user(self, request: Request) -> str:
        if self._passwords is None:
            return ""
        user = self._passwords.user(request.headers.get("authorization", ""))
        if user is None:
            challenge = {"WWW-Authenticate": 'Basic realm="izba registry"'}
            raise Refusal(401, "UNAUTHORIZED", "a user name and password are needed", challenge)
        return user


def _not_allowed(request: Request) -> Response:
    return unsupported(f"{request.method} has no meaning here").response()
