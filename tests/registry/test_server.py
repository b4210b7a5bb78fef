"""izba's registry beyond the spec's cases: other people's clients, passwords, quotas, and what attackers try."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import urllib3

from izba.image.push import push
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.oci.mediatype import OCI_CONFIG, OCI_MANIFEST
from izba.oci.reference import Reference
from izba.paths import roots
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.credentials import Credentials
from izba.registry.fault import RegistryDenied, RegistryRefused, RegistryUnauthorized
from izba.registry.server import http as server_http
from izba.registry.server.app import Policy
from izba.registry.server.passthrough import Upstream
from izba.store.store import Store
from tests.archive import peers
from tests.containers.conftest import Izba
from tests.registry import servers
from tests.registry.fakes import Fake
from tests.registry.izba_server import REGISTRIES, izba_registry, registry_of
from tests.registry.servers import Request, scripted
from tests.registry.test_client import blob_of, push_image, read
from tests.registry.test_transfer import build, pull, tree


def client(host: str, name: str = "team/app", credentials: Credentials | None = None) -> Client:
    return Client(RegistryConfig(host=host), name, environ={}, credentials=credentials)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(roots({}, os.geteuid(), root=str(tmp_path / "store"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with izba_registry(tmp_path_factory.mktemp("served")) as (host, _):
        yield host


@pytest.fixture(scope="module", params=REGISTRIES)
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """izba's registry, of root or of an ordinary user, and Debian's: izba is on the other side of each."""
    with registry_of(request, tmp_path_factory.mktemp("either")) as host:
        yield host


@pytest.mark.root
def test_izba_pushes_to_and_pulls_from_itself(served: str, store: Store, tmp_path: Path) -> None:
    name = Reference.parse(f"{served}/own/app:1")
    image = build(store, name, {"a": b"a" * 5000}, {"b": os.urandom(200_000)})

    pushed = push(store, image, name, client(served, "own/app"))
    with Store.open(roots({}, 0, root=str(tmp_path / "other"))) as other:
        pulled = pull(other, name, client(served, "own/app"))

        assert (pulled.id, pulled.descriptor.digest) == (image.id, pushed.digest)
        assert tree(other, pulled) == tree(store, image)


@pytest.mark.root
@pytest.mark.peer("skopeo")
def test_skopeo_copies_in_and_out(either: str, store: Store, tmp_path: Path) -> None:
    name = Reference.parse(f"{either}/peers/skopeo:1")
    image = build(store, name, {"a": os.urandom(50_000)})
    push(store, image, name, client(either, "peers/skopeo"))

    peers.skopeo("copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/out:1", directory=tmp_path)
    peers.skopeo(
        "copy",
        "--dest-tls-verify=false",
        f"oci:{tmp_path}/out:1",
        f"docker://{either}/peers/back:2",
        directory=tmp_path,
    )

    back = Reference.parse(f"{either}/peers/back:2")
    assert pull(store, back, client(either, "peers/back")).id == image.id
    listed = peers.skopeo("list-tags", "--tls-verify=false", f"docker://{either}/peers/back", directory=tmp_path)
    assert json.loads(listed)["Tags"] == ["2"]


@pytest.mark.root
@pytest.mark.peer("podman")
def test_podman_pulls_and_pushes(either: str, store: Store, tmp_path: Path) -> None:
    name = Reference.parse(f"{either}/peers/podman:1")
    image = build(store, name, {"a": os.urandom(50_000)})
    push(store, image, name, client(either, "peers/podman"))
    with tempfile.TemporaryDirectory(prefix="izba-") as short:  # podman allows 50 characters
        podman = peers.Podman(Path(short) / "p")
        podman("pull", "--tls-verify=false", *podman.policy, str(name))
        podman("push", "--tls-verify=false", *podman.policy, str(name), f"{either}/peers/podman:back")

    back = name.replace(tag="back")
    assert tree(store, pull(store, back, client(either, "peers/podman"))) == tree(store, image)


@pytest.mark.root
@pytest.mark.peer("dockerd")
@pytest.mark.slow
def test_docker_pulls_and_pushes(either: str, store: Store, tmp_path: Path) -> None:
    name = Reference.parse(f"{either}/peers/docker:1")
    image = build(store, name, {"a": os.urandom(50_000)})
    push(store, image, name, client(either, "peers/docker"))

    # The sockets of dockerd and its containerd have to fit into 108 characters.
    with tempfile.TemporaryDirectory(prefix="izba-", dir="/var/tmp") as short, peers.docker(Path(short)) as docker:
        docker("pull", str(name))
        assert docker.image(str(name))["Id"] == image.id
        docker("tag", str(name), f"{either}/peers/docker:back")
        docker("push", f"{either}/peers/docker:back")

    pulled = pull(store, name.replace(tag="back"), client(either, "peers/docker"))
    assert pulled.id == image.id


def test_only_those_with_the_password_come_in(tmp_path: Path) -> None:
    servers.htpasswd_auth(tmp_path)
    with izba_registry(tmp_path, htpasswd=tmp_path / "htpasswd") as (host, _):
        push_image(client(host, credentials=Credentials(username=servers.USER, password=servers.PASSWORD)), "v1")

        for who in (
            None,
            Credentials(username=servers.USER, password="wrong"),
            Credentials(username="x", password="y"),
        ):
            with pytest.raises(RegistryUnauthorized):
                client(host, credentials=who).manifest("v1")


def test_an_upload_belongs_to_who_began_it(tmp_path: Path) -> None:
    """E7."""
    import bcrypt

    lines = [f"{name}:{bcrypt.hashpw(name.encode(), bcrypt.gensalt(4)).decode()}" for name in ("anna", "boris")]
    (tmp_path / "htpasswd").write_text("\n".join(lines))
    with izba_registry(tmp_path, htpasswd=tmp_path / "htpasswd") as (host, _):
        anna, boris = (client(host, credentials=Credentials(username=n, password=n)) for n in ("anna", "boris"))
        upload = anna.start_upload()

        with pytest.raises(Exception, match="not found"):
            boris.put_blob(blob_of(b"taken over"), lambda: [b"taken over"], upload=upload)
        anna.put_blob(blob_of(b"mine"), lambda: [b"mine"], upload=upload)
        assert anna.has_blob(Digest.of(b"mine"))


def test_a_blob_of_another_repository_is_not_shown_to_who_knows_its_digest(served: str) -> None:
    """E7."""
    client(served, "secret/project").put_blob(blob_of(b"secret"), lambda: [b"secret"])

    assert not client(served, "other/project").has_blob(Digest.of(b"secret"))


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/passwd/manifests/v1",
        "a/../../b/manifests/v1",
        "%2e%2e/%2e%2e/etc/manifests/v1",
        "a%2f..%2fb/manifests/v1",
        "a/blobs/sha256:..%2f..%2f..%2fetc%2fpasswd",
        "a/blobs/uploads/..%2f..%2fizba.db",
        "A/manifests/v1",
        "a//b/manifests/v1",
        "a/manifests/" + "v" * 129,
        "a" * 300 + "/manifests/v1",
        "a\x00b/manifests/v1",
    ],
)
def test_a_name_that_is_a_path_leads_nowhere(served: str, path: str) -> None:
    """E7."""
    with socket.create_connection((served.partition(":")[0], int(served.partition(":")[2])), timeout=5) as raw:
        raw.sendall(f"GET /v2/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := raw.recv(65536):
            answer += data

    assert answer == b"" or answer.split()[1] in {b"400", b"404"}
    assert b"root:" not in answer


def test_a_quota_is_a_limit(tmp_path: Path) -> None:
    """E7."""
    with izba_registry(tmp_path, policy=Policy(quota=10_000)) as (host, app):
        target = client(host)
        target.put_blob(blob_of(b"a" * 6000), lambda: [b"a" * 6000])

        with pytest.raises(RegistryDenied, match="quota"):
            target.put_blob(blob_of(b"b" * 6000), lambda: [b"b" * 6000])
        assert app.catalog.size() == 6000
        assert len(app.store.content.ingests()) == 0


def test_a_read_only_registry_takes_nothing(tmp_path: Path) -> None:
    with (
        izba_registry(tmp_path, policy=Policy(read_only=True)) as (host, _),
        pytest.raises(RegistryRefused, match="read-only"),
    ):
        client(host).put_blob(blob_of(b"x"), lambda: [b"x"])


def test_unneeded_blobs_are_dropped_after_a_day_and_needed_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with izba_registry(tmp_path) as (host, app):
        target = client(host)
        push_image(target, "v1", payload=b"needed")
        target.put_blob(blob_of(b"unneeded"), lambda: [b"unneeded"])
        app.store.collect()
        assert target.has_blob(Digest.of(b"unneeded"))

        later = time.time_ns() + 2 * 24 * 3600 * 10**9
        monkeypatch.setattr("izba.registry.server.catalog.time.time_ns", lambda: later)
        assert app.catalog.sweep() == 1
        app.store.collect()

        assert not app.store.content.has(Digest.of(b"unneeded"))
        assert read(target, blob_of(b"needed")) == b"needed"


def test_a_deleted_image_makes_room(tmp_path: Path) -> None:
    with izba_registry(tmp_path) as (host, app):
        target = client(host)
        digest = push_image(target, "v1", payload=b"x" * 1000)

        target.delete_manifest(digest)
        app.store.db.execute("UPDATE registry_blobs SET created = 0")
        app.catalog.sweep()
        app.store.collect()

        assert app.catalog.size() == 0
        assert list(app.store.content.walk()) == []


@pytest.mark.parametrize(
    "document",
    [
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {}, "layers": []},
        {"schemaVersion": 2, "config": {"mediaType": OCI_CONFIG, "digest": "sha256:x", "size": 1}, "layers": []},
        {"schemaVersion": 2, "layers": [], "manifests": []},
        {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []},
    ],
)
def test_a_manifest_that_lies_about_itself_is_refused(served: str, document: object) -> None:
    """B1."""
    with pytest.raises(RegistryRefused, match="manifest invalid"):
        client(served).put_manifest("v1", json.dumps(document).encode(), OCI_MANIFEST)


def test_a_manifest_of_100_megabytes_is_not_read(served: str) -> None:
    """B2."""
    with urllib3.PoolManager() as http:
        try:
            answer = http.request(
                "PUT",
                f"http://{served}/v2/a/manifests/v1",
                body=b" " * (100 << 20),
                headers={"Content-Type": OCI_MANIFEST},
                retries=False,
            )
        except urllib3.exceptions.HTTPError:
            return  # closed in our face: as good
        assert answer.status == 413


def test_a_client_that_stalls_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E6, seen from the server."""
    monkeypatch.setattr(server_http, "STALL_SECONDS", 0.3)
    with izba_registry(tmp_path) as (host, _):
        name, _, port = host.partition(":")
        started = time.monotonic()
        with socket.create_connection((name, int(port)), timeout=5) as raw:
            raw.sendall(b"GET /v2/ HTTP/1.1\r\nHost:")
            assert raw.recv(10) == b""
        assert time.monotonic() - started < 3


def test_garbage_ends_its_connection_and_nothing_else(served: str) -> None:
    name, _, port = served.partition(":")
    for data in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100_000, b"GET /v2/ HTTP/1.1\r\n\r\n"):
        with socket.create_connection((name, int(port)), timeout=5) as raw:
            try:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                raw.recv(100)
            except OSError:
                continue
    client(served).check_access()


def test_thirty_clients_at_once(served: str) -> None:
    failures = []

    def work(number: int) -> None:
        try:
            data = os.urandom(200_000)
            target = client(served, f"many/app{number % 5}")
            target.put_blob(blob_of(data), lambda: [data])
            assert read(target, blob_of(data)) == data
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def upstream(host: str) -> Upstream:
    return Upstream(RegistryConfig(host=host), {}, None)


def test_a_pull_through_registry_keeps_what_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / "front").mkdir()
    with izba_registry(tmp_path) as (behind, _):
        digest = push_image(client(behind), "v1", payload=b"layer" * 1000)
        with izba_registry(tmp_path / "front", upstream=upstream(behind)) as (front, app):
            assert client(front).manifest("v1").descriptor.digest == digest
            assert read(client(front), blob_of(b"layer" * 1000)) == b"layer" * 1000
            with pytest.raises(RegistryRefused, match="read-only"):
                client(front).put_blob(blob_of(b"x"), lambda: [b"x"])
            assert app.catalog.size() > 5000

            newer = push_image(client(behind), "v1", payload=b"newer")
            assert client(front).manifest("v1").descriptor.digest == newer


def test_when_upstream_is_away_a_pull_through_registry_serves_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("izba.registry.transport._backoff", lambda attempt: 0.0)
    (tmp_path / "front").mkdir()
    with izba_registry(tmp_path) as (behind, _):
        digest = push_image(client(behind), "v1", payload=b"layer")
        host = behind
        with izba_registry(tmp_path / "front", upstream=upstream(behind)) as (front, _):
            client(front).manifest("v1")
    with izba_registry(tmp_path / "front", upstream=upstream(host)) as (front, _):
        assert client(front).manifest("v1").descriptor.digest == digest


@pytest.mark.root
def test_the_command_serves_https_to_who_has_the_password_and_ends_on_a_signal(own_izba: Izba) -> None:
    directory = own_izba.root.parent
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", directory / "key", "-out", directory / "crt"),
        ],
        check=True,
        capture_output=True,
    )
    servers.htpasswd_auth(directory)
    if own_izba.user:
        for path in directory.iterdir():
            os.chown(path, own_izba.user.uid, own_izba.user.gid)
    flags = [f"--tls-cert={directory}/crt", f"--tls-key={directory}/key", f"--htpasswd={directory}/htpasswd"]
    with own_izba.popen("registry", "serve", "--listen=127.0.0.1:0", *flags, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip().rpartition("//")[2]
        config = RegistryConfig(host=address, ca=f"{directory}/crt")
        password = Credentials(username=servers.USER, password=servers.PASSWORD)
        target = Client(config, "a/b", environ={}, credentials=password)
        target.put_blob(blob_of(b"by tls"), lambda: [b"by tls"])
        assert read(target, blob_of(b"by tls")) == b"by tls"
        with pytest.raises(RegistryUnauthorized):
            Client(config, "a/b", environ={}, credentials=None).manifest("v1")
        with (
            pytest.raises(Exception, match="certificate verify failed"),
            socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as raw,
        ):
            ssl.create_default_context().wrap_socket(raw, server_hostname="localhost")
        process.terminate()
        assert process.wait(10) == 0


def test_a_head_that_drips_is_let_go(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """E6, E7: as a client that stalls, though it is never still for long."""
    monkeypatch.setattr(server_http, "STALL_SECONDS", 0.4)
    host, _, port = served.partition(":")
    with socket.create_connection((host, int(port))) as dripping:
        started = time.monotonic()
        try:
            for byte in b"GET /v2/ HTTP/1.1\r\nHost: " + b"x" * 200:
                dripping.sendall(bytes([byte]))
                time.sleep(0.02)
                if time.monotonic() - started > 3:
                    break
        except OSError:
            pass  # it hung up
        assert time.monotonic() - started < 3


def test_a_body_that_drips_is_let_go(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """E6, E7."""
    upload = client(served).start_upload()
    monkeypatch.setattr(server_http, "STALL_SECONDS", 0.4)
    host, _, port = served.partition(":")
    with socket.create_connection((host, int(port))) as dripping:
        path = upload.removeprefix(f"http://{served}")
        dripping.sendall(f"PATCH {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode())
        started = time.monotonic()
        try:
            while time.monotonic() - started < 3:
                dripping.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            pass  # it hung up
        assert time.monotonic() - started < 3


def test_a_pull_through_that_breaks_goes_on_where_it_stopped(tmp_path: Path) -> None:
    fake = Fake()
    image = fake.image({"big": os.urandom(500_000)})
    fake.manifest(image, tag="v1")
    layer = image["layers"][0]
    ranges: list[str] = []

    def breaks_off(request: Request) -> bool:
        if not request.path.endswith(layer["digest"]):
            return False
        ranges.append(request.headers.get("Range", ""))
        if len(ranges) > 1:
            return False
        request.send_response(200)
        request.send_header("Content-Length", str(layer["size"]))
        request.end_headers()
        request.wfile.write(fake.blobs[layer["digest"]][:200_000])
        request.close_connection = True
        return True

    fake.before = breaks_off
    with scripted(fake) as behind:
        upstream = Upstream(RegistryConfig(host=behind.host), {}, None)
        with izba_registry(tmp_path, upstream=upstream) as (front, _):
            manifest = json.loads(client(front).manifest("v1").data)
            found = Descriptor.from_document(manifest["layers"][0])
            assert Digest.of(read(client(front), found)) == layer["digest"]
    assert ranges == ["", "bytes=200000-"]


@contextmanager
def ask(front: str, path: str) -> Iterator[http.client.HTTPResponse]:
    host, _, port = front.partition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=10)) as connection:
        connection.request("GET", path)
        with connection.getresponse() as answer:
            yield answer


def test_a_pull_through_blob_is_shown_while_it_comes_and_fetched_once_for_all_who_ask(tmp_path: Path) -> None:
    fake = Fake()
    image = fake.image({"big": os.urandom(3_000_000)})
    fake.manifest(image, tag="v1")
    layer = image["layers"][0]
    whole = fake.blobs[layer["digest"]]
    is_read, asked = threading.Event(), []

    def halts(request: Request) -> bool:
        if not request.path.endswith(layer["digest"]):
            return False
        asked.append(request.path)
        request.send_response(200)
        request.send_header("Content-Length", str(len(whole)))
        request.end_headers()
        request.wfile.write(whole[:1_500_000])
        request.wfile.flush()
        assert is_read.wait(10)
        request.wfile.write(whole[1_500_000:])
        return True

    fake.before = halts
    with (
        scripted(fake) as behind,
        izba_registry(tmp_path, upstream=Upstream(RegistryConfig(host=behind.host), {}, None)) as (front, app),
    ):
        client(front).manifest("v1")
        path = f"/v2/team/app/blobs/{layer['digest']}"
        with ask(front, path) as first, ask(front, path) as second:
            halves = [answer.read(1_000_000) for answer in (first, second)]
            assert not app.store.content.has(layer["digest"])
            is_read.set()
            assert [half + answer.read() for half, answer in zip(halves, (first, second), strict=True)] == [whole] * 2
        assert app.store.content.has(layer["digest"])
        with ask(front, path) as third:
            assert third.read() == whole
    assert len(asked) == 1


@pytest.mark.parametrize("lie", ["other bytes", "too few"])
def test_a_pull_through_blob_that_is_not_what_it_should_be_is_never_whole_and_not_kept(
    tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """E3, E6: and the next who asks gets it, if it is right by then."""
    monkeypatch.setattr("izba.registry.transport._backoff", lambda attempt: 0.0)
    fake = Fake()
    image = fake.image({"big": os.urandom(300_000)})
    fake.manifest(image, tag="v1")
    layer = image["layers"][0]
    whole = fake.blobs[layer["digest"]]
    lying = [True]

    def lies(request: Request) -> bool:
        if not request.path.endswith(layer["digest"]) or not lying[0]:
            return False
        if lie == "other bytes":
            request.answer(200, bytes(len(whole)))
            return True
        if request.headers.get("Range"):
            request.answer(503)
            return True
        request.send_response(200)
        request.send_header("Content-Length", str(len(whole)))
        request.end_headers()
        request.wfile.write(whole[:1000])
        request.close_connection = True
        return True

    fake.before = lies
    with (
        scripted(fake) as behind,
        izba_registry(tmp_path, upstream=Upstream(RegistryConfig(host=behind.host), {}, None)) as (front, app),
    ):
        client(front).manifest("v1")
        path = f"/v2/team/app/blobs/{layer['digest']}"
        with ask(front, path) as answer, pytest.raises((http.client.IncompleteRead, ConnectionError)):
            assert answer.status == 200
            answer.read()
        assert not app.store.content.has(layer["digest"])
        assert not app.catalog.has_blob("team/app", layer["digest"])
        lying[0] = False
        with ask(front, path) as answer:
            assert answer.read() == whole
