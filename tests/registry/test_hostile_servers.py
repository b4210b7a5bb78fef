"""Registries that lie, stall and send without end (attacks E3, E6), and uploads that break."""

from __future__ import annotations

import json
import time

import pytest

from izba.errors import IzbaError
from izba.oci import mediatype
from izba.oci.digest import Digest, DigestMismatch
from izba.registry import transport
from izba.registry.client import Client, Mirror
from izba.registry.config import RegistryConfig
from izba.registry.credentials import Credentials
from izba.registry.fault import RegistryError, RegistryUnreachable, TooManyRequests
from izba.registry.transport import Transport
from tests.registry.clients import blob, client
from tests.registry.servers import Request, scripted


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_backoff", lambda attempt: 0.0)


def test_a_range_that_is_another_one_than_asked_for_is_refused() -> None:
    """E6."""

    def lie(request: Request) -> None:
        request.answer(206, b"0123456789", Content_Range="bytes 0-9/10")

    with scripted(lie) as registry, pytest.raises(RegistryError, match="another range"):
        client(registry.host).blob(blob(b"0123456789"), offset=4)


def test_a_server_without_ranges_sends_the_whole_and_says_so() -> None:
    """E6."""
    with scripted(lambda request: request.answer(200, b"0123456789")) as registry:
        body, begins = client(registry.host).blob(blob(b"0123456789"), offset=4)
        assert (begins, body.read_all(10, "blob")) == (0, b"0123456789")


def test_an_endless_manifest_is_read_no_further_than_a_manifest_can_be_long() -> None:
    """B2, E6."""
    sent = []

    def endless(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", mediatype.OCI_MANIFEST)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        try:
            for _ in range(100):
                request.wfile.write(b"100000\r\n" + b"a" * 0x100000 + b"\r\n")
                sent.append(1)
        except OSError:
            request.close_connection = True

    with scripted(endless) as registry, pytest.raises(IzbaError, match="more than the 4194304 bytes"):
        client(registry.host).manifest("v1")
    assert len(sent) < 50


def test_a_manifest_that_is_not_what_its_digest_says_is_refused() -> None:
    """A9, E3."""
    with scripted(lambda request: request.answer(200, b"{}", Content_Type=mediatype.OCI_MANIFEST)) as registry:
        with pytest.raises(DigestMismatch):
            client(registry.host).manifest(Digest.of(b"something else"))
        with pytest.raises(DigestMismatch):
            client(registry.host).manifest("v1", expected=blob(b"something else"))


def test_a_mirror_that_serves_other_bytes_is_passed_over() -> None:
    """E3."""
    good = b'{"schemaVersion": 2}'
    with (
        scripted(lambda request: request.answer(200, b"{}", Content_Type=mediatype.OCI_MANIFEST)) as mirror,
        scripted(lambda request: request.answer(200, good, Content_Type=mediatype.OCI_MANIFEST)) as registry,
    ):
        target = Client(
            RegistryConfig(host=registry.host),
            "team/app",
            environ={},
            credentials=Credentials(username="u", password="p"),
            mirrors=[Mirror(url=f"http://{mirror.host}", config=RegistryConfig(host=mirror.host))],
        )
        reached = target.manifest(Digest.of(good))
        assert reached.data == good
        assert mirror.seen
        assert all("Authorization" not in request.headers for request in mirror.seen)


def test_a_wait_of_an_hour_is_an_error_at_once_that_shows_the_limits() -> None:
    """E6: Docker Hub's rate limit."""
    body = json.dumps({"errors": [{"code": "TOOMANYREQUESTS", "message": "pull rate limit \x1b[31mreached"}]}).encode()

    def limited(request: Request) -> None:
        request.answer(429, body, Retry_After="3600", RateLimit_Limit="100;w=21600", RateLimit_Remaining="0;w=21600")

    started = time.monotonic()
    with scripted(limited) as registry, pytest.raises(TooManyRequests) as caught:
        client(registry.host).manifest("v1")

    assert time.monotonic() - started < 5
    assert "ratelimit-remaining 0;w=21600" in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_short_wait_is_waited_for() -> None:
    good = b'{"schemaVersion": 2}'

    def busy_once(request: Request) -> None:
        if len(registry.seen) == 1:
            request.answer(429, Retry_After="0")
        else:
            request.answer(200, good, Content_Type=mediatype.OCI_MANIFEST)

    with scripted(busy_once) as registry:
        assert client(registry.host).manifest("v1").data == good


def test_a_failing_server_is_asked_four_times_and_no_more() -> None:
    with scripted(lambda request: request.answer(503)) as registry:
        with pytest.raises(IzbaError, match="503"):
            client(registry.host).manifest("v1")
        assert [seen.path for seen in registry.seen].count("/v2/a/b/manifests/v1") == transport.ATTEMPTS


def test_bytes_that_trickle_are_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """E6: slow-loris."""
    monkeypatch.setattr(transport.Body, "WINDOW", 0.3)

    def trickle(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        try:
            for _ in range(1200):
                request.wfile.write(b"a")
                request.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass
        request.close_connection = True

    started = time.monotonic()
    with scripted(trickle) as registry:
        body, _ = client(registry.host).blob(blob(b"a" * 1_000_000))
        with pytest.raises(RegistryUnreachable, match="no answer"):
            body.read_all(1_000_000, "blob")
        assert time.monotonic() - started < 3


def test_a_list_that_never_ends_ends() -> None:
    def again(request: Request) -> None:
        request.answer(200, b'{"name": "a/b", "tags": ["v1"]}', Link='</v2/a/b/tags/list?n=1>; rel="next"')

    with scripted(again) as registry:
        assert set(client(registry.host).tags(page=1)) == {"v1"}
        assert len(registry.seen) <= 3


def test_a_list_with_ever_new_pages_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """E6."""
    monkeypatch.setattr("izba.registry.endpoint.MAX_PAGES", 20)

    def further(request: Request) -> None:
        number = len(registry.seen)
        request.answer(200, b'{"tags": ["v1"]}', Link=f'</v2/a/b/tags/list?n=1&last={number}>; rel="next"')

    with scripted(further) as registry:
        with pytest.raises(RegistryError, match="continues its list after 20 pages"):
            list(client(registry.host).tags(page=1))
        assert len([seen for seen in registry.seen if "tags" in seen.path]) == 20


def test_what_is_no_tag_is_not_taken_for_one() -> None:
    """A name is put into a path, into the store and onto the terminal (`pull --all-tags`, `ls-remote`)."""
    tags = ["v1", "../../../x", "a\x1b[2J", "x@sha256:1", "", "a b", "a\n", "_ok"]
    with scripted(lambda request: request.answer(200, json.dumps({"tags": tags}).encode())) as registry:
        assert list(client(registry.host).tags()) == ["v1", "_ok"]


def test_a_head_that_comes_byte_by_byte_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """E6: slow loris, in the headers."""
    monkeypatch.setattr(transport, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(transport, "HEADER_SECONDS", 0.2)
    monkeypatch.setattr(transport, "ATTEMPTS", 1)

    def drip(request: Request) -> None:
        if request.path == "/v2/":
            request.answer(200)
            return
        try:
            request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            for _ in range(1200):
                request.wfile.write(b"x")
                request.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass
        request.close_connection = True

    with scripted(drip) as registry:
        started = time.monotonic()
        with pytest.raises(RegistryUnreachable):
            Transport(RegistryConfig(host=registry.host), {}).request("GET", f"http://{registry.host}/x", attempts=1)
        assert time.monotonic() - started < 3


def test_a_document_that_comes_steadily_and_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """E6."""
    monkeypatch.setattr(transport, "DOCUMENT_SECONDS", 0.3)

    def steady(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "1000000")
        request.end_headers()
        try:
            while True:
                request.wfile.write(b" " * 100)
                request.wfile.flush()
                time.sleep(0.02)
        except OSError:
            request.close_connection = True

    with scripted(steady) as registry, pytest.raises(RegistryUnreachable, match="takes more than"):
        answer = Transport(RegistryConfig(host=registry.host), {}).request("GET", f"http://{registry.host}/x")
        answer.body.read_all(1_000_000, "a document")


def test_an_upload_that_breaks_is_begun_again_whole() -> None:
    received: list[int] = []

    def fragile(request: Request) -> None:
        if request.command == "POST":
            request.answer(202, Location=f"/v2/a/b/blobs/uploads/{len(received)}")
        elif request.command == "PUT":
            data = request.body()
            received.append(len(data))
            if len(received) == 1:
                request.answer(503)
            elif len(received) == 2:
                request.close_connection = True
            else:
                request.answer(201)
        else:
            request.answer(200)

    data = bytes(200_000)
    with scripted(fragile) as registry:
        client(registry.host).put_blob(blob(data), lambda: [data[:100_000], data[100_000:]])
        sessions = [request.path for request in registry.seen if request.command == "PUT"]
    assert received == [200_000] * 3
    assert len({path.partition("?")[0] for path in sessions}) == 3


def test_an_upload_that_is_refused_is_not_sent_again() -> None:
    def refuses(request: Request) -> None:
        if request.command == "POST":
            request.answer(202, Location="/v2/a/b/blobs/uploads/1")
        elif request.command == "PUT":
            request.body()
            request.answer(400, b'{"errors": [{"code": "DIGEST_INVALID", "message": "no"}]}')
        else:
            request.answer(200)

    with scripted(refuses) as registry, pytest.raises(IzbaError, match="digest invalid: no"):
        client(registry.host).put_blob(blob(b"x"), lambda: [b"x"])
    assert [request.command for request in registry.seen].count("PUT") == 1


def test_docker_hub_s_limits_are_shown_as_it_tells_them() -> None:
    """The headers of its documentation, and the wait."""
    body = json.dumps({"errors": [{"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}]})
    headers = {"RateLimit_Limit": "100;w=21600", "RateLimit_Remaining": "0;w=21600", "Retry_After": "7200"}
    with (
        scripted(lambda request: request.answer(429, body.encode(), **headers)) as hub,
        pytest.raises(TooManyRequests) as caught,
    ):
        client(hub.host).manifest("v1")
    for words in ("100;w=21600", "0;w=21600", "7200", "You have reached your pull rate limit"):
        assert words in str(caught.value)
    assert "izba login" in (caught.value.hint or "")
