"""Registries behind HTTP proxies, and TLS that is checked (attacks.md E3, E8). The proxy is a small one of our own."""

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from izba.errors import IzbaError
from izba.oci import mediatype
from izba.registry.client import Client, Mirror
from izba.registry.config import ConfigError, RegistryConfig
from izba.registry.credentials import Credentials
from izba.registry.fault import RegistryUnreachable
from tests.registry.fakes import Fake
from tests.registry.servers import Request, Server, scripted
from tests.support.ports import free_port

SECRET = "p%40ss:wort"
PLAIN_SECRET = "p@ss:wort"


class Proxy:
    """Forwards `CONNECT` and absolute URLs, whatever their host, to one server; with a password if it has one."""

    def __init__(self, target: tuple[str, int], password: str = "") -> None:
        self.asked: list[str] = []
        self.headers: list[str] = []
        self._target = target
        self._password = password
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(connection,), daemon=True).start()

    def _handle(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head and (data := connection.recv(65536)):
                head += data
            first, _, rest = head.partition(b"\r\n")
            method, target, _ = first.decode().split(" ")
            self.asked.append(f"{method} {target}")
            self.headers.append(rest.partition(b"\r\n\r\n")[0].decode().lower())
            wanted = base64.b64encode(f"user:{self._password}".encode()).decode().lower()
            if self._password and f"proxy-authorization: basic {wanted}" not in self.headers[-1]:
                connection.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                return
            with socket.create_connection(self._target) as server:
                if method == "CONNECT":
                    connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                else:
                    path = "/" + target.split("/", 3)[3]
                    server.sendall(f"{method} {path} HTTP/1.1\r\nConnection: close\r\n".encode() + rest)
                back = threading.Thread(target=_pump, args=(server, connection), daemon=True)
                back.start()
                _pump(connection, server)
                back.join(5)


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def proxy(server: Server, password: str = "") -> Iterator[Proxy]:
    found = Proxy(("127.0.0.1", server.server_address[1]), password)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def fake() -> Fake:
    found = Fake()
    found.manifest(found.image({"a": b"b"}))
    return found


def certificate(directory: Path, name: str, *, signer: str = "") -> None:
    """`name`.crt and .key for a host of that name, signed by itself or by `signer`."""
    request = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    by = ["-CA", f"{signer}.crt", "-CAkey", f"{signer}.key"] if signer else []
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *request, *by]
    subprocess.run(
        [*command, "-keyout", f"{name}.key", "-out", f"{name}.crt"], cwd=directory, check=True, capture_output=True
    )


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    certificate(directory, "registry.test")
    certificate(directory, "client.test")
    return directory


@contextmanager
def tls(fake: Fake, certificates: Path, *, client_ca: Path | None = None) -> Iterator[Server]:
    with scripted(fake) as server:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "registry.test.crt", certificates / "registry.test.key")
        if client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        yield server


def client(environ: dict[str, str], host: str = "registry.test", **config: object) -> Client:
    who = Credentials(username="ivan", password="for the registry")
    return Client(RegistryConfig(host=host, **config), "a/b", environ=environ, credentials=who)  # type: ignore[arg-type]


class TestE8Proxies:
    """E8."""

    def test_plain_http_goes_through_the_proxy_with_its_password(self, fake: Fake) -> None:
        with scripted(fake) as server, proxy(server, PLAIN_SECRET) as through:
            environ = {"http_proxy": f"http://user:{SECRET}@{through.address}", "https_proxy": "http://127.0.0.1:9"}
            found = client(environ, insecure=True).manifest("1")

        assert found.descriptor.media_type == mediatype.OCI_MANIFEST
        assert through.asked[-1] == "GET http://registry.test/v2/a/b/manifests/1"

    def test_https_is_tunnelled_by_connect_and_the_proxy_sees_no_secret_of_the_registry(
        self, fake: Fake, certificates: Path
    ) -> None:
        def guarded(request: Request) -> bool:
            if not request.headers.get("Authorization"):
                request.answer(401, WWW_Authenticate='Basic realm="r"')
                return True
            return False

        fake.before = guarded
        with tls(fake, certificates) as server, proxy(server, PLAIN_SECRET) as through:
            environ = {"HTTPS_PROXY": f"http://user:{SECRET}@{through.address}"}
            target = client(environ, ca=str(certificates / "registry.test.crt"))
            assert target.manifest("1").data == fake.manifests["1"][0]

        assert set(through.asked) == {"CONNECT registry.test:443"}
        assert all("\r\nauthorization:" not in f"\r\n{head}" for head in through.headers)
        assert all("Proxy-Authorization" not in request.headers for request in server.seen)

    @pytest.mark.parametrize("userinfo", ["", "user:wrong@"])
    def test_a_proxy_that_refuses_is_named_without_its_password(self, fake: Fake, userinfo: str) -> None:
        with scripted(fake) as server, proxy(server, PLAIN_SECRET) as through:
            environ = {"HTTPS_PROXY": f"http://{userinfo}{through.address}"}
            with pytest.raises(RegistryUnreachable, match="407") as caught:
                client(environ).manifest("1")
        assert "wrong" not in f"{caught.value}{caught.value.hint}"
        assert len(through.asked) == 1, "a refusal is not asked for again"

    def test_a_proxy_that_is_away_is_told_at_once(self) -> None:
        port = free_port()
        with pytest.raises(RegistryUnreachable, match="refused"):
            client({"HTTPS_PROXY": f"http://u:{SECRET}@127.0.0.1:{port}"}).manifest("1")

    def test_no_proxy_goes_past_it(self, fake: Fake) -> None:
        with scripted(fake) as server, proxy(server) as through:
            environ = {"ALL_PROXY": f"http://{through.address}", "NO_PROXY": ".test,10.0.0.0/8"}
            with pytest.raises(RegistryUnreachable):
                client(environ).manifest("1")
            assert client(environ, host=server.host).manifest("1")
        assert through.asked == []

    def test_a_proxy_of_an_unknown_kind_is_an_error(self) -> None:
        with pytest.raises(RegistryUnreachable):
            client({"HTTPS_PROXY": "socks9://127.0.0.1:1"}).manifest("1")


class TestE3Tls:
    """E3."""

    def test_a_certificate_of_another_name_is_refused(self, fake: Fake, certificates: Path) -> None:
        with tls(fake, certificates) as server, proxy(server) as through:
            environ = {"HTTPS_PROXY": f"http://{through.address}"}
            with pytest.raises(RegistryUnreachable, match="TLS"):
                client(environ, "other.test", ca=str(certificates / "registry.test.crt")).manifest("1")
            assert server.seen == []

    def test_a_certificate_that_nobody_vouches_for_is_refused(self, fake: Fake, certificates: Path) -> None:
        with tls(fake, certificates) as server, proxy(server) as through:
            with pytest.raises(RegistryUnreachable, match="TLS") as caught:
                client({"HTTPS_PROXY": f"http://{through.address}"}).manifest("1")
            assert "registries.toml" in (caught.value.hint or "")
            assert server.seen == []

    def test_a_client_certificate_opens_what_wants_one(self, fake: Fake, certificates: Path) -> None:
        ca = str(certificates / "registry.test.crt")
        own = {
            "client_certificate": str(certificates / "client.test.crt"),
            "client_key": str(certificates / "client.test.key"),
        }
        with tls(fake, certificates, client_ca=certificates / "client.test.crt") as server, proxy(server) as through:
            environ = {"HTTPS_PROXY": f"http://{through.address}"}
            assert client(environ, ca=ca, **own).manifest("1")
            with pytest.raises(RegistryUnreachable):
                client(environ, ca=ca).manifest("1")

    def test_a_certificate_that_cannot_be_read_is_named(self, certificates: Path) -> None:
        with pytest.raises(ConfigError, match=r'registry\."registry\.test"'):
            client({}, client_certificate=str(certificates / "missing.crt")).manifest("1")

    def test_https_is_not_downgraded_by_a_redirect(self, fake: Fake, certificates: Path) -> None:
        with scripted(fake) as plain:
            fake_tls = Fake()
            fake_tls.before = lambda request: (
                request.answer(307, Location=f"http://{plain.host}{request.path}") or True  # type: ignore[func-returns-value]
            )
            with tls(fake_tls, certificates) as server, proxy(server) as through:
                environ = {"HTTPS_PROXY": f"http://{through.address}"}
                with pytest.raises(RegistryUnreachable, match="from HTTPS to plain HTTP"):
                    client(environ, ca=str(certificates / "registry.test.crt")).manifest("1")
            assert plain.seen == []

    def test_a_registry_that_is_away_is_not_asked_by_plain_http(self, fake: Fake) -> None:
        """Only loopback and what is called insecure may be."""
        with scripted(fake) as server, proxy(server) as through:
            environ = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": f"http://{through.address}"}
            with pytest.raises(RegistryUnreachable):
                client(environ).manifest("1")
        assert through.asked == []

    def test_a_mirror_is_reached_by_its_own_settings(self, fake: Fake, certificates: Path) -> None:
        """The registry's leniency and certificates are not the mirror's, and its own login is."""
        with tls(fake, certificates) as server, proxy(server) as through:
            environ = {"HTTPS_PROXY": f"http://{through.address}"}
            mirror = Mirror(url="https://registry.test", config=RegistryConfig(host="registry.test"), credentials=None)
            lenient = RegistryConfig(host="127.0.0.1:9", insecure=True)
            target = Client(lenient, "a/b", environ=environ, credentials=None, mirrors=[mirror])
            with pytest.raises(IzbaError):
                target.manifest("1")
            assert server.seen == []
            trusting = mirror.replace(config=RegistryConfig(host="m", ca=str(certificates / "registry.test.crt")))
            assert Client(lenient, "a/b", environ=environ, credentials=None, mirrors=[trusting]).manifest("1")
