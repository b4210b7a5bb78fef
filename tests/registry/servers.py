"""Registries that izba did not write, and servers that misbehave, all on loopback."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import bcrypt

from tests.support.ports import free_port

USER, PASSWORD = "ivan", "Изба:1"


@contextmanager
def debian_registry(directory: Path, auth: str = "") -> Iterator[str]:
    """Debian's docker-registry on a free port, its storage below `directory`; yields host:port."""
    port = free_port()
    config = directory / "config.yml"
    config.write_text(
        f"""version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {directory}/storage}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
{auth}
"""
    )
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/v2/", process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the server of {url} ended with {process.returncode}")
        try:
            opener.open(url, timeout=10)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing answers at {url}")


def htpasswd_auth(directory: Path) -> str:
    """The registry's configuration for one user with a bcrypt hash."""
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(5)).decode()
    (directory / "htpasswd").write_text(f"{USER}:{hashed}\n")
    return f"auth: {{htpasswd: {{realm: izba, path: {directory}/htpasswd}}}}"


Handler = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """A request with shortcuts; the server's `handle` decides what is answered."""

    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        for name, value in {"Content-Length": str(len(body)), **names}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _any(self) -> None:
        # One handler serves all requests of a connection: what is kept must not change with the next one.
        seen = Seen(self.command, self.path, dict(self.headers.items()))
        self.server.seen.append(seen)  # type: ignore[attr-defined]
        self.server.handler(self)  # type: ignore[attr-defined]

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = do_DELETE = _any

    def log_message(self, *args: object) -> None: ...


@dataclass(frozen=True)
class Seen:
    """A request that a scripted server was sent."""

    command: str
    path: str
    headers: dict[str, str]


class Server(ThreadingHTTPServer):
    """An HTTP server whose every answer the test writes; `seen` has the requests."""

    daemon_threads = True

    def __init__(self, handler: Handler, address: str) -> None:
        super().__init__((address, 0), Request)
        self.handler = handler
        self.seen: list[Seen] = []

    @property
    def host(self) -> str:
        return f"{self.server_address[0]}:{self.server_address[1]}"

    def handle_error(self, *args: object) -> None: ...


@contextmanager
def scripted(handler: Handler, address: str = "127.0.0.1") -> Iterator[Server]:
    server = Server(handler, address)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class TokenServer:
    """Issues the tokens that a docker-registry with `auth: token` trusts; `requests` has the queries it was asked."""

    def __init__(self, directory: Path) -> None:
        self._key, self._certificate = directory / "token.key", directory / "token.crt"
        self.requests: list[str] = []
        self.lifetime = 300
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=izba-test"),
                *("-keyout", self._key, "-out", self._certificate),
            ],
            check=True,
            capture_output=True,
        )

    def configuration(self, host: str) -> str:
        return (
            f"auth: {{token: {{realm: 'http://{host}/token', service: test-registry, issuer: izba-test, "
            f"rootcertbundle: {self._certificate}}}}}"
        )

    def __call__(self, request: Request) -> None:
        from urllib.parse import parse_qs, urlsplit

        self.requests.append(request.path)
        expected = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {expected}":
            request.answer(401, b'{"errors": [{"code": "UNAUTHORIZED", "message": "who are you"}]}')
            return
        scopes = [scope for value in parse_qs(urlsplit(request.path).query).get("scope", []) for scope in value.split()]
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            access.append({"type": kind, "name": name, "actions": actions.split(",")})
        now = int(time.time())
        claims = {
            "iss": "izba-test",
            "sub": USER,
            "aud": "test-registry",
            "jti": os.urandom(8).hex(),
            "iat": now,
            "nbf": now - 5,
            "exp": now + self.lifetime,
            "access": access,
        }
        body = {"token": self._sign(claims), "expires_in": self.lifetime}
        request.answer(200, json.dumps(body).encode())

    def _sign(self, claims: dict[str, object]) -> str:
        der = subprocess.run(
            ["openssl", "x509", "-in", self._certificate, "-outform", "DER"], check=True, capture_output=True
        ).stdout
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(der).decode()]}
        signed = ".".join(_base64url(json.dumps(part).encode()) for part in (header, claims))
        signature = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sign", self._key], input=signed.encode(), check=True, capture_output=True
        ).stdout
        return f"{signed}.{_base64url(signature)}"


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


have_registry = shutil.which("docker-registry") is not None
