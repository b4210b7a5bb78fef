"""The client against Debian's docker-registry: every request that pull and push are made of."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.credentials import Credentials
from izba.registry.fault import ManifestUnknown, RegistryUnauthorized
from tests.registry import servers

pytestmark = pytest.mark.peer("docker-registry")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.debian_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


def client(host: str, name: str = "team/app", *, credentials: Credentials | None = None, **config: object) -> Client:
    return Client(RegistryConfig(host=host, **config), name, environ={}, credentials=credentials)


def blob_of(data: bytes, media_type: str = mediatype.OCI_LAYER) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(data), size=len(data))


def push_image(target: Client, tag: str, payload: bytes = b"layer") -> Digest:
    config, layer = blob_of(b"{}", mediatype.OCI_CONFIG), blob_of(payload)
    target.put_blob(config, lambda: [b"{}"])
    target.put_blob(layer, lambda: [payload])
    manifest = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": config.to_document(),
        "layers": [layer.to_document()],
    }
    return target.put_manifest(tag, json.dumps(manifest).encode(), mediatype.OCI_MANIFEST)


def read(target: Client, descriptor: Descriptor, offset: int = 0) -> bytes:
    body, begin = target.blob(descriptor, offset=offset)
    assert begin == offset
    return body.read_all(1 << 24, "blob")


def test_an_image_pushed_under_a_tag_is_read_back_by_tag_and_by_digest(registry: str) -> None:
    target = client(registry)
    digest = push_image(target, "v1")

    by_tag, by_digest = target.manifest("v1"), target.manifest(digest)

    assert by_tag.data == by_digest.data
    assert by_tag.descriptor.digest == digest == target.exists("v1").digest  # type: ignore[union-attr]
    assert by_tag.descriptor.media_type == mediatype.OCI_MANIFEST


def test_a_blob_is_read_from_an_offset(registry: str) -> None:
    target = client(registry)
    data = os.urandom(100_000)
    target.put_blob(blob_of(data), lambda: [data[:40_000], data[40_000:]])

    assert read(target, blob_of(data), offset=60_000) == data[60_000:]


def test_a_blob_of_unknown_size_goes_up_in_chunks(registry: str) -> None:
    target = client(registry)
    parts = [os.urandom(50_000) for _ in range(3)]

    target.put_blob_in_chunks(lambda: parts, Digest.of(b"".join(parts)))

    assert read(target, blob_of(b"".join(parts))) == b"".join(parts)


def test_a_blob_of_another_repository_is_mounted_instead_of_sent(registry: str) -> None:
    data = os.urandom(1000)
    client(registry, "base/os").put_blob(blob_of(data), lambda: [data])

    assert client(registry, "team/mounted").mount_blob(Digest.of(data), "base/os") is None
    assert client(registry, "team/mounted").has_blob(Digest.of(data))


def test_a_mount_of_what_is_not_there_gives_a_place_to_upload(registry: str) -> None:
    target = client(registry, "team/mounted")
    upload = target.mount_blob(Digest.of(b"nowhere"), "base/os")

    assert upload is not None
    target.put_blob(blob_of(b"nowhere"), lambda: [b"nowhere"], upload=upload)
    assert target.has_blob(Digest.of(b"nowhere"))


def test_tags_come_page_by_page_and_all_of_them(registry: str) -> None:
    target = client(registry, "team/tagged")
    for number in range(7):
        push_image(target, f"v{number}")

    assert sorted(target.tags(page=2)) == [f"v{number}" for number in range(7)]


def test_a_deleted_manifest_is_unknown(registry: str) -> None:
    target = client(registry, "team/deleted")
    digest = push_image(target, "gone", payload=b"to be deleted")

    target.delete_manifest(digest)

    with pytest.raises(ManifestUnknown, match=r"manifest for .*:gone not found: manifest unknown"):
        target.manifest("gone")
    assert target.exists("gone") is None


def test_referrers_are_found_where_the_registry_has_only_the_tag_scheme(registry: str) -> None:
    target = client(registry, "team/signed")
    subject = push_image(target, "v1")
    signature = push_image(target, "sig", payload=b"signature")
    listed = {
        "mediaType": mediatype.OCI_MANIFEST,
        "digest": signature,
        "size": target.manifest(signature).descriptor.size,
        "artifactType": "application/vnd.example.signature",
    }
    index = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [listed]}
    target.put_manifest(subject.replace(":", "-"), json.dumps(index).encode(), mediatype.OCI_INDEX)

    assert [one["digest"] for one in target.referrers(subject)] == [signature]
    assert target.referrers(subject, artifact_type="application/vnd.example.other") == ()
    assert target.referrers(Digest.of(b"no referrers")) == ()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    directory = tmp_path_factory.mktemp("guarded")
    auth = servers.htpasswd_auth(directory)
    with servers.debian_registry(directory, auth) as host:
        yield host


def test_the_right_password_opens(guarded: str) -> None:
    who = Credentials(username=servers.USER, password=servers.PASSWORD)
    target = client(guarded, credentials=who)

    digest = push_image(target, "v1")

    assert target.manifest("v1").descriptor.digest == digest


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_wrong_one_does_not_and_is_not_in_the_error(guarded: str, password: str | None) -> None:
    who = Credentials(username="ivan", password=password) if password else None

    with pytest.raises(RegistryUnauthorized) as caught:
        client(guarded, credentials=who).manifest("v1")

    assert "wants other credentials" in str(caught.value)
    assert "izba login" in str(caught.value.hint)
    assert "wrong" not in str(caught.value)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> servers.TokenServer:
    return servers.TokenServer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture
def token_guarded(issuer: servers.TokenServer, tmp_path: Path) -> Iterator[str]:
    with (
        servers.scripted(issuer) as token_server,
        servers.debian_registry(tmp_path, issuer.configuration(token_server.host)) as host,
    ):
        yield host


def test_a_token_is_fetched_for_each_scope_once(token_guarded: str, issuer: servers.TokenServer) -> None:
    target = client(token_guarded, credentials=Credentials(username=servers.USER, password=servers.PASSWORD))
    issuer.requests.clear()

    digest = push_image(target, "v1")

    assert target.manifest("v1").descriptor.digest == digest
    assert len(issuer.requests) == 2  # pull,push and pull


def test_an_expired_token_is_replaced(
    token_guarded: str, issuer: servers.TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = client(token_guarded, credentials=Credentials(username=servers.USER, password=servers.PASSWORD))
    push_image(target, "v1")
    issuer.requests.clear()
    now = time.monotonic
    monkeypatch.setattr("time.monotonic", lambda: now() + 10_000)

    assert target.manifest("v1")
    assert len(issuer.requests) == 1


def test_an_image_travels_with_tokens_and_a_password(
    token_guarded: str, guarded: str, issuer: servers.TokenServer, tmp_path: Path
) -> None:
    """Layers, config and manifest, several at a time; another repository's scope for a mount included."""
    from izba.image.copying.graph import copy
    from izba.image.copying.sources import FromRegistry
    from izba.image.copying.targets import ToLayout, ToRegistry
    from izba.oci.reference import Reference

    who = Credentials(username=servers.USER, password=servers.PASSWORD)
    config_bytes = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'
    config = blob_of(config_bytes)
    first = client(token_guarded, "team/first", credentials=who)
    first.put_blob(config.replace(media_type=mediatype.OCI_CONFIG), lambda: [config_bytes])
    manifest = {
        "schemaVersion": 2,
        "mediaType": mediatype.OCI_MANIFEST,
        "config": {**config.to_document(), "mediaType": mediatype.OCI_CONFIG},
        "layers": [],
    }
    first.put_manifest("1", json.dumps(manifest).encode(), mediatype.OCI_MANIFEST)

    def place(host: str, name: str) -> tuple[Client, Reference]:
        return client(host, name, credentials=who), Reference.parse(f"{host}/{name}:1")

    source = FromRegistry(*place(token_guarded, "team/first"))
    copy(source, ToRegistry(*place(token_guarded, "team/second"), source="team/first", compression="gzip"))
    copy(source, ToRegistry(*place(guarded, "team/third"), source=None, compression="gzip"))
    there = copy(FromRegistry(*place(guarded, "team/third")), ToLayout(str(tmp_path / "layout"), "1"))

    assert there.digest == first.manifest("1").descriptor.digest
    assert any("team%2Ffirst%3Apull" in asked and "team%2Fsecond" in asked for asked in issuer.requests)
