"""Challenges, realms and redirects: who is shown credentials, and who is not (attacks E1, E5)."""

from __future__ import annotations

import json

import pytest

from izba.errors import IzbaError
from izba.oci import mediatype
from izba.registry import transport
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.credentials import Credentials
from izba.registry.fault import RegistryError, RegistryUnreachable
from izba.registry.token import UntrustedRealm
from tests.registry.clients import SECRET, WHO, blob, client
from tests.registry.servers import Request, scripted


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "_backoff", lambda attempt: 0.0)


def ask_for_password(request: Request, answer: bytes = b"", **headers: str) -> bool:
    """Answer 401 until the request carries a password; whether it was answered."""
    if request.headers.get("Authorization"):
        return False
    request.answer(401, answer, WWW_Authenticate='Basic realm="a, \\"b\\""', **headers)
    return True


def test_a_redirect_to_another_host_does_not_take_the_password_along() -> None:
    """E1."""
    with scripted(lambda request: request.answer(200, b"blob")) as other:

        def redirect(request: Request) -> None:
            if not ask_for_password(request):
                request.answer(307, Location=f"http://{other.host}/blob")

        with scripted(redirect) as registry:
            body, _ = client(registry.host).blob(blob(b"blob"))
            assert body.read_all(10, "blob") == b"blob"
            assert registry.seen[-1].headers.get("Authorization")
        assert other.seen
        assert all("Authorization" not in request.headers for request in other.seen)


@pytest.mark.parametrize("realm", ["http://{other}/token", "https://token.attacker.example/token"])
def test_a_realm_on_a_foreign_host_is_not_shown_the_password(realm: str) -> None:
    """E1, CVE-2024-3727."""
    with scripted(lambda request: request.answer(200, b'{"token": "t"}')) as other:
        named = realm.format(other=other.host.replace("127.0.0.1", "127.0.0.2"))
        challenge = f'Bearer realm="{named}",service="registry",scope="repository:a/b:pull"'
        with (
            scripted(lambda request: request.answer(401, WWW_Authenticate=challenge)) as registry,
            pytest.raises(UntrustedRealm) as caught,
        ):
            client(registry.host).manifest("v1")
        assert other.seen == []
    assert "token-hosts" in str(caught.value.hint)
    assert SECRET not in str(caught.value)


def test_a_realm_that_is_no_url_is_an_error() -> None:
    """E1."""
    challenge = 'Bearer realm="file:///etc/passwd"'
    with (
        scripted(lambda request: request.answer(401, WWW_Authenticate=challenge)) as registry,
        pytest.raises(IzbaError, match="token server"),
    ):
        client(registry.host).manifest("v1")


def test_an_upload_is_not_continued_on_another_host() -> None:
    """E1."""
    with (
        scripted(lambda request: request.answer(202, Location="http://127.0.0.2:1/upload")) as registry,
        pytest.raises(RegistryError, match="another host"),
    ):
        client(registry.host).put_blob(blob(b"x"), lambda: [b"x"])


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_a_redirect_to_something_else_than_http_is_refused(location: str) -> None:
    """E1."""
    with (
        scripted(lambda request: request.answer(302, Location=location)) as registry,
        pytest.raises(RegistryUnreachable, match="not HTTP"),
    ):
        client(registry.host).manifest("v1")


def test_redirects_that_go_round_in_circles_end() -> None:
    with (
        scripted(lambda request: request.answer(302, Location=request.path)) as registry,
        pytest.raises(RegistryUnreachable, match="redirects"),
    ):
        client(registry.host).manifest("v1")


def test_no_error_shows_the_password() -> None:
    """E5."""
    with (
        scripted(lambda request: ask_for_password(request) or request.answer(403, SECRET[:0].encode())) as registry,
        pytest.raises(IzbaError) as caught,
    ):
        client(registry.host).manifest("v1")
    assert SECRET not in f"{caught.value!r} {caught.value} {caught.value.hint} {WHO!r}"


@pytest.mark.parametrize(
    "location", ["http://[::1", "http://host:port/", "http://127.0.0.1:99999/", "//", "http:///x", "\\\\evil\\x"]
)
def test_a_redirect_to_what_is_no_url_is_an_error(location: str) -> None:
    """E1."""
    with (
        scripted(lambda request: request.answer(302, Location=location)) as registry,
        pytest.raises(IzbaError),
    ):
        client(registry.host).manifest("v1")


@pytest.mark.parametrize("realm", ["http://[::1/token", "http://host:port/token", "https://", "//host/token"])
def test_a_realm_whose_parts_cannot_be_read_is_an_error(realm: str) -> None:
    """E1."""
    header = f'Bearer realm="{realm}",service="a"'
    with (
        scripted(lambda request: request.answer(401, WWW_Authenticate=header)) as registry,
        pytest.raises(RegistryError, match="no usable token server"),
    ):
        client(registry.host).manifest("v1")


def test_quotes_and_commas_in_a_challenge_stay_what_they_are() -> None:
    """E1: the realm is one parameter, whatever it contains, and the scope is what izba needs, not what is suggested."""

    def registry(request: Request) -> None:
        if request.path.startswith("/token"):
            request.answer(200, b'{"token": "t"}')
        elif request.headers.get("Authorization") == "Bearer t":
            request.answer(200, b"{}", Content_Type=mediatype.OCI_MANIFEST)
        else:
            host = request.headers["Host"]
            scope = "repository:other/secret:pull,push,delete"
            request.answer(
                401,
                WWW_Authenticate=f'Negotiate, Bearer realm="http://{host}/token?a=\\"x,y\\"", scope="{scope}"',
            )

    with scripted(registry) as server:
        assert client(server.host).manifest("v1").data == b"{}"
        asked = [request for request in server.seen if request.path.startswith("/token")]
    assert len(asked) == 1
    assert asked[0].path.startswith("/token?a=%22x,y%22&") or '/token?a="x,y"&' in asked[0].path
    assert "scope=repository%3Aa%2Fb%3Apull" in asked[0].path
    assert "secret" not in asked[0].path


def test_a_token_that_expires_during_an_upload_is_got_anew() -> None:
    tokens: list[str] = []

    def registry(request: Request) -> None:
        body = request.body() if request.command in {"PUT", "PATCH"} else b""
        if request.path.startswith("/token"):
            tokens.append(f"t{len(tokens)}")
            request.answer(200, json.dumps({"token": tokens[-1], "expires_in": 3600}).encode())
        elif request.headers.get("Authorization") != f"Bearer {tokens[-1] if tokens else '?'}" or (
            request.command == "PUT" and len(tokens) < 2
        ):
            realm = f'Bearer realm="http://{request.headers["Host"]}/token",service="s"'
            request.answer(401, WWW_Authenticate=realm)
        elif request.command == "POST":
            request.answer(202, Location="/v2/a/b/blobs/uploads/1")
        else:
            request.answer(201 if body else 200)

    with scripted(registry) as server:
        client(server.host).put_blob(blob(b"x" * 1000), lambda: [b"x" * 1000])
    assert len(tokens) >= 2


def test_an_identity_token_is_exchanged_and_sent_to_nobody_else() -> None:
    """Docker's OAuth2 form: by POST, to the registry's own token server."""

    def registry(request: Request) -> None:
        if request.path == "/token":
            form = request.body().decode()
            good = "grant_type=refresh_token" in form and "refresh_token=long-lived" in form
            request.answer(200 if good else 401, b'{"access_token": "short-lived"}')
        elif request.headers.get("Authorization") == "Bearer short-lived":
            request.answer(200, b"{}", Content_Type=mediatype.OCI_MANIFEST)
        else:
            request.answer(401, WWW_Authenticate=f'Bearer realm="http://{request.headers["Host"]}/token",service="s"')

    with scripted(registry) as server:
        who = Credentials(identity_token="long-lived")
        target = Client(RegistryConfig(host=server.host), "a/b", environ={}, credentials=who)
        assert target.manifest("v1").data == b"{}"
        assert all("long-lived" not in str(request) for request in server.seen)
