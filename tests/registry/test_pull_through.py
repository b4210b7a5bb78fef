"""A registry that is a cache of another: what is kept, what is shown while it comes, and what when the other lies."""

from __future__ import annotations

import http.client
import json
import os
import threading
from pathlib import Path

import pytest

from izba.errors import Unavailable
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.registry.config import RegistryConfig
from izba.registry.fault import ManifestUnknown, RegistryRefused
from izba.registry.server.app import Application, Policy
from izba.registry.server.passthrough import Upstream
from tests.registry.fakes import Fake
from tests.registry.izba_server import ask, client, izba_registry
from tests.registry.servers import Request, scripted
from tests.registry.test_client import blob_of, push_image, read


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
        assert is_read.wait(60)
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


def test_a_tag_that_is_deleted_upstream_is_gone_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the registry behind is away later: it may have been taken away for a reason."""
    monkeypatch.setattr("izba.registry.transport._backoff", lambda attempt: 0.0)
    (tmp_path / "front").mkdir()
    with izba_registry(tmp_path) as (behind, _):
        push_image(client(behind), "v1", payload=b"bad")
        digest = push_image(client(behind), "v2", payload=b"good")
        with izba_registry(tmp_path / "front", upstream=upstream(behind)) as (front, _):
            for tag in ("v1", "v2"):
                client(front).manifest(tag)
            client(behind).delete_manifest("v1")
            with pytest.raises(ManifestUnknown):
                client(front).manifest("v1")
        host = behind
    with izba_registry(tmp_path / "front", upstream=upstream(host)) as (front, _):
        assert client(front).manifest("v2").descriptor.digest == digest
        with pytest.raises(Unavailable, match="cannot be reached"):
            client(front).manifest("v1")


def test_a_pull_through_registry_with_a_quota_forgets_what_nobody_asked_for_for_the_longest_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was forgotten can be had again, and what the disk holds is never more than was allowed."""
    monkeypatch.setattr("izba.registry.server.passthrough.IN_USE_SECONDS", 0)
    monkeypatch.setattr("izba.registry.server.catalog.USES_SECONDS", 0)
    (tmp_path / "front").mkdir()
    payloads = {tag: os.urandom(40_000) for tag in ("v1", "v2", "v3", "v4")}
    with (
        izba_registry(tmp_path) as (behind, _),
        izba_registry(tmp_path / "front", upstream=upstream(behind), policy=Policy(quota=100_000)) as (front, app),
    ):
        for tag, payload in payloads.items():
            push_image(client(behind), tag, payload)

        def pull(tag: str) -> None:
            client(front).manifest(tag)
            assert read(client(front), blob_of(payloads[tag])) == payloads[tag]
            assert app.catalog.size() <= 100_000
            assert on_disk(app) <= 100_000

        def kept() -> set[str]:
            return {tag for tag, payload in payloads.items() if app.store.content.has(Digest.of(payload))}

        pull("v1")
        pull("v2")
        assert kept() == {"v1", "v2"}
        pull("v1")
        pull("v3")
        assert kept() == {"v1", "v3"}
        pull("v4")
        assert kept() == {"v3", "v4"}
        pull("v2")
        assert kept() == {"v2", "v4"}
        assert app.store.check(verify=True) == []


def test_a_blob_that_the_quota_has_no_room_for_goes_through_and_is_not_kept(tmp_path: Path) -> None:
    """An image in use, of which a part may still be asked for, does not make room either."""
    (tmp_path / "front").mkdir()
    first, large, second = os.urandom(60_000), os.urandom(3_000_000), os.urandom(50_000)
    with (
        izba_registry(tmp_path) as (behind, _),
        izba_registry(tmp_path / "front", upstream=upstream(behind), policy=Policy(quota=100_000)) as (front, app),
    ):
        for tag, payload in (("first", first), ("large", large), ("second", second)):
            push_image(client(behind), tag, payload)
        for tag, payload in (("first", first), ("large", large), ("second", second)):
            client(front).manifest(tag)
            for _ in range(2):
                assert read(client(front), blob_of(payload)) == payload
        assert read(client(front), blob_of(large), offset=2_000_001) == large[2_000_001:]
        path = f"/v2/team/app/blobs/{Digest.of(large)}"
        with ask(front, path, "HEAD") as answer:
            assert (answer.status, answer.headers["Content-Length"]) == (200, "3000000")
        with ask(front, path, headers={"Range": "bytes=9000000-"}) as answer:
            assert answer.status == 416

        assert [app.store.content.has(Digest.of(payload)) for payload in (first, large, second)] == [True, False, False]
        assert on_disk(app) <= 100_000
        assert app.store.content.ingests() == []


@pytest.mark.parametrize("lie", ["other bytes", "too few", "none"])
def test_a_blob_that_goes_through_and_lies_is_never_whole(
    tmp_path: Path, lie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("izba.registry.transport._backoff", lambda attempt: 0.0)
    fake = Fake()
    image = fake.image({"big": os.urandom(300_000)})
    fake.manifest(image, tag="v1")
    digest = image["layers"][0]["digest"]
    size = len(fake.blobs[digest])

    def lies(request: Request) -> bool:
        if not request.path.endswith(digest):
            return False
        if lie == "none":
            request.answer(503)
        elif lie == "other bytes":
            request.answer(200, bytes(size))
        else:
            request.send_response(200)
            request.send_header("Content-Length", str(size))
            request.end_headers()
            request.wfile.write(fake.blobs[digest][:1000])
            request.close_connection = True
        return True

    fake.before = lies
    with (
        scripted(fake) as behind,
        izba_registry(tmp_path, upstream=upstream(behind.host), policy=Policy(quota=100_000)) as (front, app),
    ):
        client(front).manifest("v1")
        if lie == "none":
            with ask(front, f"/v2/team/app/blobs/{digest}") as answer:
                assert answer.status == 503
        else:
            with (
                ask(front, f"/v2/team/app/blobs/{digest}") as answer,
                pytest.raises((http.client.IncompleteRead, ConnectionError)),
            ):
                answer.read()
        assert not app.store.content.has(digest)


def test_what_was_pushed_makes_no_room_for_what_is_cached(tmp_path: Path) -> None:
    """A store may have been served as a registry of its own before, or be at the same time."""
    (tmp_path / "front").mkdir()
    pushed, cached = os.urandom(60_000), os.urandom(60_000)
    with izba_registry(tmp_path / "front") as (before, _):
        push_image(client(before, "own/app"), "v1", pushed)
    with (
        izba_registry(tmp_path) as (behind, _),
        izba_registry(tmp_path / "front", upstream=upstream(behind), policy=Policy(quota=100_000)) as (front, app),
    ):
        push_image(client(behind), "v1", cached)
        client(front).manifest("v1")
        assert read(client(front), blob_of(cached)) == cached
        assert read(client(front, "own/app"), blob_of(pushed)) == pushed
        assert on_disk(app) <= 100_000


def test_manifests_without_end_stay_within_the_quota(tmp_path: Path) -> None:
    """A client that asks for one tag after the other fills no disk."""
    (tmp_path / "front").mkdir()
    with (
        izba_registry(tmp_path) as (behind, _),
        izba_registry(tmp_path / "front", upstream=upstream(behind), policy=Policy(quota=10_000)) as (front, app),
    ):
        for number in range(60):
            push_image(client(behind), f"v{number}", str(number).encode())
        for number in range(60):
            client(front).manifest(f"v{number}")
            assert read(client(front), blob_of(str(number).encode())) == str(number).encode()
            assert app.catalog.size() <= 10_000
        assert app.catalog.manifest("team/app", "v59") is not None
        assert app.catalog.manifest("team/app", "v0") is None


def on_disk(app: Application) -> int:
    """The bytes of all blobs in the store, and of those that are coming."""
    content = app.store.content
    return sum(os.stat(path).st_size for path in [*map(content.path, walked(app)), *content.ingests()])


def walked(app: Application) -> list[Digest]:
    return [blob.digest for blob in app.store.content.walk()]
