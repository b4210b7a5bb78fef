"""The whole backend in one process: real applications, real databases, and a transport that finds them by host name."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

BACKEND = Path(__file__).parents[2] / "examples/defect-control/backend"
sys.path.insert(0, str(BACKEND))

from api_gateway.app import create_app as create_gateway  # noqa: E402
from api_gateway.settings import GatewaySettings  # noqa: E402
from service_auth.app import create_app as create_auth  # noqa: E402
from service_auth.settings import AuthSettings  # noqa: E402
from service_defects.app import create_app as create_defects  # noqa: E402
from service_defects.settings import DefectsSettings  # noqa: E402
from service_projects.app import create_app as create_projects  # noqa: E402
from service_projects.settings import ProjectsSettings  # noqa: E402
from service_reports.app import create_app as create_reports  # noqa: E402
from service_reports.settings import ReportsSettings  # noqa: E402

SECRET = "a secret of the tests, long enough to be one"
PASSWORD = "correct horse battery"
GATEWAY = "http://api-gateway:8000"
NO_LIMITS = {
    f"rate_{group}": 100_000 for group in ("auth", "refresh", "users", "projects", "defects", "reports", "files")
}
CHEAP_ARGON = {"argon2_memory_kib": 64, "argon2_passes": 1}
CSRF = {"X-Requested-With": "defect-control"}


class Network(httpx.AsyncBaseTransport):
    """Where `http://auth-service:8001` is an application of this process. A host in `down` refuses connections."""

    def __init__(self) -> None:
        self.apps: dict[str, FastAPI] = {}
        self.down: set[str] = set()
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.host in self.down or request.url.host not in self.apps:
            raise httpx.ConnectError("connection refused", request=request)
        return await httpx.ASGITransport(self.apps[request.url.host]).handle_async_request(request)


class Client:
    """An httpx client for tests without async: every call runs in the stack's event loop."""

    def __init__(
        self, portal: BlockingPortal, transport: httpx.AsyncBaseTransport, base_url: str, **options: Any
    ) -> None:
        self._portal = portal
        self.http = httpx.AsyncClient(transport=transport, base_url=base_url, **options)

    def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            return await self.http.request(method, path, **content)

        return self._portal.call(call)

    def get(self, path: str, **content: Any) -> httpx.Response:
        return self.request("GET", path, **content)

    def post(self, path: str, **content: Any) -> httpx.Response:
        return self.request("POST", path, **content)

    def put(self, path: str, **content: Any) -> httpx.Response:
        return self.request("PUT", path, **content)

    def patch(self, path: str, version: int | None = None, **content: Any) -> httpx.Response:
        return self.request("PATCH", path, headers=if_match(version), **content)

    def delete(self, path: str, **content: Any) -> httpx.Response:
        return self.request("DELETE", path, **content)


class Person(Client):
    """Somebody who has signed in."""

    id: str
    role: str
    name: str
    email: str
    token: str

    def signed_in(self, session: Mapping[str, Any]) -> Person:
        self.id = session["user"]["id"]
        self.role = session["user"]["role"]
        self.name = session["user"]["full_name"]
        self.email = session["user"]["email"]
        self.token = session["access_token"]
        self.http.headers["Authorization"] = f"Bearer {self.token}"
        return self

    def move(self, defect: Mapping[str, Any], status: str, comment: str | None = None) -> httpx.Response:
        body = {"status": status} | ({"comment": comment} if comment else {})
        return self.post(f"/api/defects/{defect['id']}/transition", json=body, headers=if_match(defect["version"]))


class Stack:
    first: Person

    def __init__(self, directory: Path, *, database: str | None = None, **gateway: Any) -> None:
        """`database` is PostgreSQL's address with `{}` for the service's name; without it each has its SQLite file."""
        self.directory = directory
        self._database = database
        self.network = Network()
        self._gateway = gateway
        self._exit = ExitStack()

    def __enter__(self) -> Self:
        self.portal = self._exit.enter_context(start_blocking_portal())
        common = {"secret_key": SECRET, "nightly_backup": False}
        auth = AuthSettings(**self._data("auth"), **common, **CHEAP_ARGON)
        projects = ProjectsSettings(**self._data("projects"), **common)
        defects = DefectsSettings(**self._data("defects"), file_limit=512 * 1024, **common)
        reports = ReportsSettings(**self._data("reports"), **common)
        gateway = GatewaySettings(secret_key=SECRET, **(NO_LIMITS | {"trusted_proxies": ""} | self._gateway))
        self.run("auth-service", create_auth(auth, self.network))
        self.run("projects-service", create_projects(projects, self.network))
        self.run("defects-service", create_defects(defects, self.network))
        self.run("reports-service", create_reports(reports, self.network))
        self.run("api-gateway", create_gateway(gateway, self.network))
        return self

    def __exit__(self, *exception: object) -> None:
        self._exit.close()

    def run(self, host: str, app: FastAPI) -> None:
        self.network.apps[host] = app
        self._exit.enter_context(self.portal.wrap_async_context_manager(app.router.lifespan_context(app)))

    def client(self, base_url: str = GATEWAY, **options: Any) -> Client:
        return Client(self.portal, self.network, base_url, **options)

    def register(self, name: str = "Иван Новый") -> Person:
        person = Person(self.portal, self.network, GATEWAY)
        answer = person.post("/api/auth/register", json=registration(name))
        assert answer.status_code == 201, answer.text
        person.signed_in(answer.json())
        if not hasattr(self, "first"):
            self.first = person
        return person

    def administrator(self) -> Person:
        """The first who registered, signed in anew: a session does not last as long as all tests do."""
        answer = self.first.post("/api/auth/login", json={"email": self.first.email, "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        return self.first.signed_in(answer.json())

    def person(self, role: str) -> Person:
        """A new user of that role, made by the administrator and signed in."""
        body = registration(f"{role.title()} {uuid.uuid4().hex[:6]}")
        made = self.administrator().post("/api/users", json={**body, "role": role})
        assert made.status_code == 201, made.text
        person = Person(self.portal, self.network, GATEWAY)
        answer = person.post("/api/auth/login", json={"email": body["email"], "password": PASSWORD})
        return person.signed_in(answer.json())

    def _data(self, service: str) -> dict[str, Any]:
        path = self.directory / service
        path.mkdir(exist_ok=True)
        return {"data_directory": path, "database_url": self._database and self._database.format(service, service)}


def registration(name: str = "Иван Новый") -> dict[str, Any]:
    return {"email": f"{uuid.uuid4().hex[:12]}@example.com", "password": PASSWORD, "full_name": name}


def if_match(version: int | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": f'"{version}"'}


def code(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])
