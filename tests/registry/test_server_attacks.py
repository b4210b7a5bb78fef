"""What attackers and broken clients try at izba's registry: paths, other people's uploads, lies, bytes that drip."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import urllib3

from izba.oci.digest import Digest
from izba.oci.mediatype import OCI_CONFIG, OCI_MANIFEST
from izba.registry.credentials import Credentials
from izba.registry.fault import RegistryRefused
from izba.registry.server import http as server_http
from tests.registry.izba_server import ask, client, izba_registry
from tests.registry.test_client import blob_of, read


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with izba_registry(tmp_path_factory.mktemp("served")) as (host, _):
        yield host


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
    with socket.create_connection((served.partition(":")[0], int(served.partition(":")[2])), timeout=60) as raw:
        raw.sendall(f"GET /v2/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while data := raw.recv(65536):
            answer += data

    assert answer == b"" or answer.split()[1] in {b"400", b"404"}
    assert b"root:" not in answer


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
        with socket.create_connection((name, int(port)), timeout=60) as raw:
            raw.sendall(b"GET /v2/ HTTP/1.1\r\nHost:")
            assert raw.recv(10) == b""
        assert time.monotonic() - started < 3


def test_garbage_ends_its_connection_and_nothing_else(served: str) -> None:
    name, _, port = served.partition(":")
    for data in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"A" * 100_000, b"GET /v2/ HTTP/1.1\r\n\r\n"):
        with socket.create_connection((name, int(port)), timeout=60) as raw:
            try:
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                raw.recv(100)
            except OSError:
                continue
    client(served).check_access()


def test_a_head_that_drips_is_let_go(served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """E6, E7: as a client that stalls, though it is never still for long."""
    monkeypatch.setattr(server_http, "STALL_SECONDS", 0.4)
    host, _, port = served.partition(":")
    with socket.create_connection((host, int(port))) as dripping:
        started = time.monotonic()
        try:
            dripping.sendall(b"GET /v2/ HTTP/1.1\r\nHost: ")
            while time.monotonic() - started < 30:
                dripping.sendall(b"x")
                time.sleep(0.02)
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
            while time.monotonic() - started < 30:
                dripping.sendall(b"x")
                time.sleep(0.02)
        except OSError:
            pass  # it hung up
        assert time.monotonic() - started < 3


@contextmanager
def half_sent(host: str, path: str, data: bytes) -> Iterator[socket.socket]:
    """A PATCH of one byte more than `data`, which the server has when this begins."""
    name, _, port = host.partition(":")
    with socket.create_connection((name, int(port)), timeout=60) as raw:
        head = f"PATCH {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(data) + 1}\r\n\r\n"
        raw.sendall(head.encode() + data)
        yield raw


def wait_until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("end", ["cancelled", "finished by another request"])
def test_an_upload_that_ends_while_a_piece_of_it_comes_writes_to_no_other_file(tmp_path: Path, end: str) -> None:
    """E7: the descriptor of a file that is closed is that of the next one that is opened."""
    with izba_registry(tmp_path) as (host, app):
        target = client(host)
        path = target.start_upload().removeprefix(f"http://{host}")
        [session] = app.uploads._sessions.values()
        with half_sent(host, path, b"x" * 1000) as raw:
            wait_until(lambda: session.ingest.offset == 1000)
            if end == "cancelled":
                with ask(host, path, "DELETE") as answer:
                    assert answer.status == 204
            else:
                finishing = threading.Thread(
                    target=lambda: ask(host, f"{path}?digest={Digest.of(b'x' * 1001)}", "PUT").__enter__()
                )
                finishing.start()
            data = os.urandom(5000)
            target.put_blob(blob_of(data), lambda: [data])
            raw.sendall(b"x")
            status = raw.recv(100).split()[1]
        if end == "cancelled":
            assert status == b"404"
        else:
            finishing.join()
            assert status == b"202"
            assert target.has_blob(Digest.of(b"x" * 1001))
        with ask(host, path, "PATCH") as answer:
            assert answer.status == 404
        assert read(target, blob_of(data)) == data
        assert app.store.content.ingests() == []


def test_a_piece_that_waited_until_its_upload_was_over_is_refused(tmp_path: Path) -> None:
    """E7."""
    with izba_registry(tmp_path) as (host, app):
        target = client(host)
        path = target.start_upload().removeprefix(f"http://{host}")
        [session] = app.uploads._sessions.values()
        with half_sent(host, path, b"x" * 10) as first, half_sent(host, path, b"y" * 10) as second:
            wait_until(lambda: session.ingest.offset == 10)
            with ask(host, path, "DELETE") as answer:
                assert answer.status == 204
            for raw in (first, second):
                raw.sendall(b"z")
                assert raw.recv(100).split()[1] == b"404"
        assert app.store.content.ingests() == []


def test_idle_connections_keep_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """E6: hundreds of them, as browsers and engines keep them; who has asked nothing for the longest time goes."""
    monkeypatch.setattr(server_http, "MAX_CONNECTIONS", 8)
    with izba_registry(tmp_path) as (host, _), ExitStack() as stack:
        name, _, port = host.partition(":")
        for _ in range(200):
            stack.enter_context(socket.create_connection((name, int(port)), timeout=60))
        started = time.monotonic()
        data = os.urandom(100_000)
        target = client(host)
        target.put_blob(blob_of(data), lambda: [data])
        assert read(target, blob_of(data)) == data
        assert time.monotonic() - started < server_http.STALL_SECONDS / 2


def test_a_registry_without_descriptors_goes_on_when_it_has_some_again(tmp_path: Path) -> None:
    """E6: the command, since the limit is its process's."""
    limited = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
    argv = ["registry", "serve", "--listen=127.0.0.1:0"]
    run = f"{limited}from izba.cli.main import main; sys.exit(main({['--root', str(tmp_path / 'izba'), *argv]!r}))"
    with subprocess.Popen(
        [sys.executable, "-c", run], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        host = process.stdout.readline().strip().rpartition("//")[2]
        name, _, port = host.partition(":")
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(socket.create_connection((name, int(port)), timeout=60))
            assert "Too many open files" in process.stderr.readline()
            client(host).check_access()
        client(host).check_access()
        process.terminate()
        process.stderr.read()
        assert process.wait(60) == 0
