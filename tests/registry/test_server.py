"""izba's registry as its operator wants it: passwords, quotas, what is removed, and the command."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from izba.oci.digest import Digest
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.credentials import Credentials
from izba.registry.fault import RegistryDenied, RegistryRefused, RegistryUnauthorized
from izba.registry.server.app import Policy
from izba.registry.server.passwords import BadPasswords, Passwords
from tests.containers.conftest import Izba, eventually
from tests.registry import servers
from tests.registry.izba_server import ask, client, izba_registry
from tests.registry.test_client import blob_of, push_image, read


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with izba_registry(tmp_path_factory.mktemp("served")) as (host, _):
        yield host


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


def test_a_quota_is_a_limit(tmp_path: Path) -> None:
    """E7."""
    with izba_registry(tmp_path, policy=Policy(quota=10_000)) as (host, app):
        target = client(host)
        target.put_blob(blob_of(b"a" * 6000), lambda: [b"a" * 6000])

        with pytest.raises(RegistryDenied, match="quota"):
            target.put_blob(blob_of(b"b" * 6000), lambda: [b"b" * 6000])
        with pytest.raises(RegistryDenied, match="quota"):  # said while most of it is still to come
            target.put_blob(blob_of(b"c" * 30_000_000), lambda: [b"c" * 30_000_000])
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
        assert process.wait(60) == 0


def test_uploads_that_come_at_once_do_not_exceed_the_quota_together(tmp_path: Path) -> None:
    """E7: what is under way counts, so that the disk holds no more than was allowed."""
    with izba_registry(tmp_path, policy=Policy(quota=10_000)) as (host, app):
        target = client(host)
        first, second = target.start_upload(), target.start_upload()
        with ask(host, first.removeprefix(f"http://{host}"), "PATCH", b"a" * 6000) as answer:
            assert answer.status == 202
        with ask(host, second.removeprefix(f"http://{host}"), "PATCH", b"b" * 6000) as answer:
            assert answer.status == 403
        with ask(host, second.removeprefix(f"http://{host}"), "DELETE") as answer:
            assert answer.status == 204

        target.put_blob(blob_of(b"c" * 3000), lambda: [b"c" * 3000])
        path = f"{first.removeprefix(f'http://{host}')}?digest={Digest.of(b'a' * 6000)}"
        with ask(host, path, "PUT") as answer:
            assert answer.status == 201
        assert app.catalog.size() == 9000


def test_two_who_push_the_same_blob_at_once_both_have_it(tmp_path: Path) -> None:
    with izba_registry(tmp_path) as (host, app):
        data = os.urandom(3_000_000)
        together = threading.Barrier(2)

        def content() -> Iterator[bytes]:
            yield data[:1_000_000]
            together.wait(60)
            yield data[1_000_000:]

        with ThreadPoolExecutor(2) as pool:
            pushes = [pool.submit(client(host, f"team/{n}").put_blob, blob_of(data), content) for n in range(2)]
            for push in pushes:
                push.result()

        assert [read(client(host, f"team/{n}"), blob_of(data)) == data for n in range(2)] == [True, True]
        assert [blob.size for blob in app.store.content.walk()] == [3_000_000]
        assert app.store.content.ingests() == []


def test_a_blob_that_is_deleted_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    with izba_registry(tmp_path) as (host, app):
        target = client(host)
        data = os.urandom(20_000_000)  # more than the sockets hold
        target.put_blob(blob_of(data), lambda: [data])
        body, _ = target.blob(blob_of(data))
        begin = body.read(1000)
        target.delete_blob(Digest.of(data))
        app.store.collect()

        assert list(app.store.content.walk()) == []
        assert begin + b"".join(iter(body.read, b"")) == data
        assert not target.has_blob(Digest.of(data))
        body.close()


@pytest.mark.root
def test_a_registry_killed_during_uploads_shows_nothing_of_them_and_takes_them_then(own_izba: Izba) -> None:
    data = os.urandom(2_000_000)
    for kept in (1, 1_500_000, len(data)):
        with serving(own_izba) as (host, process):
            path = client(host).start_upload().removeprefix(f"http://{host}")
            with ask(host, path, "PATCH", data[:kept]) as answer:
                assert answer.status == 202
            process.kill()
    ingests = own_izba.root / "content" / "ingest"
    assert list(ingests.iterdir())
    with serving(own_izba) as (host, process):
        target = client(host)
        assert not target.has_blob(Digest.of(data))
        eventually(lambda: not list(ingests.iterdir()))  # nobody can go on with them
        target.put_blob(blob_of(data), lambda: [data])
        process.kill()  # what was said to be there is there
    with serving(own_izba) as (host, process):
        assert read(client(host), blob_of(data)) == data
        process.terminate()
        assert process.wait(60) == 0
    assert own_izba.ok("system", "check", "--verify") == "no problem found"


@pytest.mark.root
def test_a_registry_whose_disk_is_full_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", disk], check=True)
    try:
        with izba_registry(disk) as (host, app):
            target = client(host)
            small = os.urandom(100_000)
            target.put_blob(blob_of(small), lambda: [small])
            large = os.urandom(20_000_000)
            for _ in range(2):
                path = target.start_upload().removeprefix(f"http://{host}")
                with ask(host, path, "PATCH", large) as answer:
                    assert answer.status == 507
                    assert b"No space left" in answer.read()
                with ask(host, path, "DELETE") as answer:
                    assert answer.status == 404
            assert read(target, blob_of(small)) == small
            target.put_blob(blob_of(small[1:]), lambda: [small[1:]])
            assert read(target, blob_of(small[1:])) == small[1:]
            assert app.store.content.ingests() == []
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("line", ["ivan:$2y$rubbish", "ivan:$2y$05$short", "ivan", "ivan:plain"])
def test_a_password_file_with_a_line_that_is_none_is_named_with_the_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "htpasswd").write_text(f"# users\n{line}\n")
    with pytest.raises(BadPasswords, match=r"htpasswd:2: not a user"):
        Passwords(str(tmp_path / "htpasswd"))


def test_a_password_with_a_nul_byte_and_an_unknown_user_are_wrong(tmp_path: Path) -> None:
    servers.htpasswd_auth(tmp_path)
    passwords = Passwords(str(tmp_path / "htpasswd"))
    for pair in (f"{servers.USER}:a\0b", f"nobody:{servers.PASSWORD}", servers.USER, f"{servers.USER}:"):
        assert passwords.user(f"Basic {b64encode(pair.encode()).decode()}") is None
    right = f"{servers.USER}:{servers.PASSWORD}"
    assert passwords.user(f"Basic {b64encode(right.encode()).decode()}") == servers.USER


@contextmanager
def serving(izba: Izba) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    with izba.popen("registry", "serve", "--listen=127.0.0.1:0", stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip().rpartition("//")[2], process
        finally:
            process.kill()
