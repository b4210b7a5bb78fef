"""izba's own registry in the test's process, and as the command that people run; Debian's beside it."""

from __future__ import annotations

import http.client
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from izba.paths import roots
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.credentials import Credentials
from izba.registry.server.app import Application, Policy
from izba.registry.server.http import HttpServer
from izba.registry.server.passthrough import Upstream
from izba.registry.server.passwords import Passwords
from izba.store.store import Store
from tests.registry import servers
from tests.support.users import User

REGISTRIES = [
    "izba",
    pytest.param("debian", marks=pytest.mark.peer("docker-registry")),
    pytest.param("range", marks=pytest.mark.root),
    pytest.param("single", marks=pytest.mark.root),
]
"""For a fixture's `params`: izba's in this process, Debian's, and the command of both kinds of ordinary user."""


def client(host: str, name: str = "team/app", credentials: Credentials | None = None) -> Client:
    """Of a registry on loopback, with no proxy."""
    return Client(RegistryConfig(host=host), name, environ={}, credentials=credentials)


@contextmanager
def ask(
    host: str, path: str, method: str = "GET", body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Iterator[http.client.HTTPResponse]:
    """A request as it is, on a connection of its own; the answer's body is not read yet."""
    name, _, port = host.partition(":")
    with closing(http.client.HTTPConnection(name, int(port), timeout=60)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        with connection.getresponse() as answer:
            yield answer


@contextmanager
def registry_of(request: pytest.FixtureRequest, directory: Path) -> Iterator[str]:
    """The registry that the fixture's parameter, one of `REGISTRIES`, names; yields host:port."""
    if request.param == "debian":
        with servers.debian_registry(directory) as host:
            yield host
    elif request.param == "izba":
        with izba_registry(directory) as (host, _):
            yield host
    else:
        with registry_by(request.getfixturevalue(f"{request.param}_user")) as host:
            yield host


@contextmanager
def registry_by(user: User) -> Iterator[str]:
    """`izba registry serve` as an ordinary user, on a store of its own; yields host:port."""
    root = f"{user.home}/served-{uuid.uuid4().hex[:8]}"
    serve = ("registry", "serve", "--listen", "127.0.0.1:0")
    with user.popen("--root", root, *serve, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip().rpartition("//")[2]
        finally:
            process.terminate()
        assert process.wait(60) == 0
    assert user.run("--root", root, "system", "check", "--verify", check=True).stdout == "no problem found\n"


@contextmanager
def izba_registry(
    directory: Path,
    *,
    policy: Policy = Policy(),  # noqa: B008 - a frozen value
    htpasswd: Path | None = None,
    upstream: Upstream | None = None,
) -> Iterator[tuple[str, Application]]:
    """Serve the store below `directory`; yields host:port and the application."""
    store = Store.open(roots({}, os.geteuid(), root=str(directory / "registry-store")))
    passwords = Passwords(str(htpasswd)) if htpasswd else None
    application = Application(store, policy=policy, passwords=passwords, upstream=upstream)
    server = HttpServer(application, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.address[1]}", application
    finally:
        server.close()
        application.close()
        thread.join()
        assert store.check(verify=False) == []
        store.close()
