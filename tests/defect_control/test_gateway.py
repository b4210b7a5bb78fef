"""The one way in: what it lets through, how it limits, retries, hides and describes."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api_gateway.app import create_app
from api_gateway.limits import RateLimits
from api_gateway.settings import GatewaySettings
from common.logs import JsonLines
from tests.defect_control.stack import NO_LIMITS, SECRET, Client, Person, Stack, code, registration


class Flaky(httpx.AsyncBaseTransport):
    """Answers what it is told to, in turn, and remembers what it was asked."""

    def __init__(self, *answers: int | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        headers = {"Connection": "close", "Content-Type": "application/json"}
        return httpx.Response(answer, stream=httpx.ByteStream(b"{}"), headers=headers)


@pytest.fixture
def gateway(stack: Stack, engineer: Person):
    """`gateway(transport, …)` is a client of a gateway of its own, signed in."""

    def make(transport: httpx.AsyncBaseTransport = stack.network, **options: object) -> Client:
        settings = GatewaySettings(secret_key=SECRET, **(NO_LIMITS | {"trusted_proxies": ""} | options))
        app = create_app(settings, transport)
        client = Client(stack.portal, httpx.ASGITransport(app), "http://gateway")
        client.http.headers["Authorization"] = f"Bearer {engineer.token}"
        return client

    return make


@pytest.fixture
def logged() -> Iterator[list[dict]]:
    lines: list[dict] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonLines("test").format(record)))

    handler = Keep()
    logger = logging.getLogger("requests")
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield lines
    logger.removeHandler(handler)
    logger.setLevel("NOTSET")


@pytest.mark.parametrize(
    "path", ["/api/projects", "/api/defects", "/api/reports/summary", "/api/users", "/api/auth/me"]
)
def test_without_a_token_nothing_is_forwarded(stack: Stack, path: str) -> None:
    stack.network.requests.clear()
    answer = stack.client().get(path)

    assert (answer.status_code, code(answer)) == (401, "token_missing")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert [request.url.host for request in stack.network.requests] == ["api-gateway"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/internal/facts",
        "/api/internal/users/1",
        "/api/defects/../internal/facts",
        "/api/defects/%2e%2e/internal/facts",
        "/api/defects/..%2finternal%2ffacts",
        "/api/defects/%2e%2e%5cinternal",
        "/api//internal/facts",
        "/api/defects//internal",
        "/api/health",
        "/api/openapi.json",
        "/api/http://evil.example/",
        "/api/projects@evil.example",
        "/api/",
    ],
)
def test_only_routes_of_the_table_exist(administrator: Person, path: str) -> None:
    """SSRF and smuggled paths: a path is a table's key first, and only plain words after."""
    assert administrator.get(path).status_code == 404


def test_internal_routes_refuse_a_persons_token_even_from_within(stack: Stack, administrator: Person) -> None:
    headers = {"Authorization": f"Bearer {administrator.token}"}

    for url in (
        "http://defects-service:8003/internal/facts",
        f"http://auth-service:8001/internal/users/{administrator.id}",
    ):
        assert code(stack.client().get(url, headers=headers)) == "token_invalid"


def test_a_request_id_is_kept_or_made_and_stands_in_every_services_line(
    engineer: Person, project: dict, logged: list[dict]
) -> None:
    answer = engineer.get("/api/defects", headers={"X-Request-ID": "call-42"})

    assert answer.headers.get_list("x-request-id") == ["call-42"]
    assert {line["path"] for line in logged if line["request_id"] == "call-42"} == {
        "/api/defects",
        "/defects",
        "/projects/names",
    }
    made = engineer.get("/api/projects", headers={"X-Request-ID": "evil\tid {}"}).headers["x-request-id"]
    assert len(made) == 32


def test_no_token_password_or_query_is_logged(stack: Stack, logged: list[dict], engineer: Person) -> None:
    stack.client().post("/api/auth/login", json={"email": "someone@example.com", "password": "very secret words"})
    engineer.get("/api/defects", params={"q": "private words"})
    text = json.dumps(logged)

    assert "/api/auth/login" in text
    assert not any(secret in text for secret in ("very secret", "someone@", "private", engineer.token))


def test_a_client_that_asks_too_often_is_told_when_to_come_back(gateway) -> None:
    client = gateway(rate_projects=2)
    answers = [client.get("/api/projects") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["x-ratelimit-remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].headers["x-ratelimit-limit"] == "2"
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    assert code(answers[2]) == "rate_limited"
    assert client.get("/api/defects").status_code == 200, "another group is counted by itself"


def test_guessing_passwords_is_limited_by_address_whatever_token_comes_along(gateway, stack: Stack) -> None:
    client = gateway(rate_auth=2)
    statuses = []
    for _ in range(3):
        client.http.headers["Authorization"] = f"Bearer {stack.register().token}"
        statuses.append(client.post("/api/auth/login", json={"email": "a@b.ru", "password": "x"}).status_code)

    assert statuses == [401, 401, 429]


def test_an_office_behind_one_address_may_load_pages_when_passwords_are_no_longer_tried(gateway) -> None:
    client = gateway(rate_auth=1, rate_refresh=3)
    client.http.headers.pop("Authorization")
    tried = [client.post("/api/auth/login", json={"email": "a@b.ru", "password": "x"}).status_code for _ in range(2)]
    renewed = [code(client.post("/api/auth/refresh")) for _ in range(4)]

    assert tried == [401, 429]
    assert renewed == ["refresh_missing"] * 3 + ["rate_limited"]


def test_a_forwarded_address_is_believed_from_a_known_proxy_only(gateway) -> None:
    def statuses(client: Client) -> list[int]:
        client.http.headers.pop("Authorization")
        return [
            client.post(
                "/api/auth/login", json={"email": "a@b.ru", "password": "x"}, headers={"X-Forwarded-For": ip}
            ).status_code
            for ip in ("10.0.0.1", "10.0.0.2")
        ]

    assert statuses(gateway(rate_auth=1)) == [401, 429]
    assert statuses(gateway(rate_auth=1, trusted_proxies="localhost")) == [401, 401]


def test_the_window_of_a_limit_slides() -> None:
    moments = [0, 30, 59, 61, 62, 91]
    limits = RateLimits({"auth": 2}, clock=iter(moments).__next__)

    assert [limits.take("auth", "somebody").allowed for _ in moments] == [True, True, False, True, False, True]


@pytest.mark.parametrize("trouble", [503, 502, httpx.ConnectError("no"), httpx.RemoteProtocolError("gone")])
def test_an_idempotent_call_is_tried_again(gateway, trouble: int | Exception) -> None:
    transport = Flaky(trouble, 200)

    assert gateway(transport).get("/api/projects").status_code == 200
    assert len({request.headers["x-request-id"] for request in transport.asked}) == 1


def test_a_post_is_tried_again_only_if_it_never_arrived(gateway) -> None:
    lost = Flaky(httpx.RemoteProtocolError("gone"))
    never_arrived = Flaky(httpx.ConnectError("no"), 201)
    failed = Flaky(503)

    assert code(gateway(lost).post("/api/projects", json={"name": "x"})) == "service_unavailable"
    assert gateway(never_arrived).post("/api/projects", json={"name": "x"}).status_code == 201
    assert never_arrived.asked[1].content == b'{"name":"x"}'
    assert gateway(failed).post("/api/projects", json={"name": "x"}).status_code == 503


def test_a_service_that_is_slow_or_gone_is_told_in_words(gateway) -> None:
    slow = gateway(Flaky(httpx.ReadTimeout("slow"))).get("/api/projects")
    gone = gateway(Flaky(*[httpx.ConnectError("no")] * 3)).get("/api/projects")

    assert (slow.status_code, code(slow)) == (504, "service_timeout")
    assert (gone.status_code, code(gone)) == (502, "service_unavailable")


def test_what_a_client_sends_beside_the_request_stays_outside(gateway) -> None:
    transport = Flaky(200)
    headers = {"X-Forwarded-For": "8.8.8.8", "X-Forwarded-Host": "evil", "Cookie": "refresh_token=x", "X-User": "root"}
    answer = gateway(transport).get("/api/projects?q=%D0%B4", headers=headers)
    sent = transport.asked[0]

    assert sent.url == "http://projects-service:8002/projects?q=%D0%B4"
    assert sent.headers["x-forwarded-for"] == "127.0.0.1"
    assert not {"cookie", "x-user", "x-forwarded-host"} & set(sent.headers)
    assert "connection" not in answer.headers


def test_a_big_body_is_streamed_and_a_bigger_one_refused(gateway) -> None:
    transport = Flaky(201)
    client = gateway(transport, body_limit=300_000)

    assert client.post("/api/defects", content=b"x" * 200_000).status_code == 201
    assert len(transport.asked[0].content) == 200_000
    assert code(client.post("/api/defects", content=b"x" * 300_001)) == "body_too_large"


def test_a_chunked_body_is_counted_as_it_comes(gateway) -> None:
    async def endless():
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)

    class Reading(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.aread()
            raise AssertionError("it was read to its end")

    assert code(gateway(Reading(), body_limit=300_000).post("/api/defects", content=endless())) == "body_too_large"


def test_every_answer_carries_security_headers(gateway) -> None:
    client = gateway(hsts=True)

    for path in ("/api/projects", "/api/nothing", "/health", "/docs"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert headers["strict-transport-security"]


def test_only_named_origins_may_read_answers(stack: Stack) -> None:
    def preflight(origin: str) -> httpx.Response:
        headers = {
            "Origin": origin,
            "Access-Control-Request-Method": "PATCH",
            "Access-Control-Request-Headers": "If-Match",
        }
        return stack.client().request("OPTIONS", "/api/defects", headers=headers)

    good, evil = preflight("http://localhost:3000"), preflight("http://localhost:3000.evil.example")

    assert good.headers["access-control-allow-origin"] == "http://localhost:3000"
    assert good.headers["access-control-allow-credentials"] == "true"
    assert evil.status_code == 400
    assert "access-control-allow-origin" not in evil.headers
    with pytest.raises(ValueError, match="not \\*"):
        GatewaySettings(secret_key=SECRET, frontend_origins="*")


def test_health_tells_the_state_of_each(stack: Stack) -> None:
    well = stack.client().get("/health")
    stack.network.down.add("reports-service")
    try:
        ill = stack.client().get("/health")
    finally:
        stack.network.down.clear()

    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert (ill.status_code, ill.json()["status"]) == (503, "degraded")
    assert {name: state["status"] for name, state in ill.json()["services"].items()} == {
        "auth": "ok",
        "projects": "ok",
        "defects": "ok",
        "reports": "unreachable",
    }


def test_one_description_for_all_services(stack: Stack) -> None:
    document = stack.client().get("/openapi.json").json()
    page = stack.client().get("/docs")
    referred = set(_references(document))

    assert {"/api/auth/login", "/api/projects", "/api/defects/{defect_id}", "/api/reports/summary"} <= set(
        document["paths"]
    )
    assert not [path for path in document["paths"] if "internal" in path or path.endswith("/health")]
    assert referred <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert "/api/defects/{defect_id}/transition" in page.text
    assert "<script" not in page.text


def test_api_md_names_every_route(stack: Stack) -> None:
    text = (Path(__file__).parents[2] / "examples/defect-control/docs/api.md").read_text()
    for path, item in stack.client().get("/openapi.json").json()["paths"].items():
        written = path
        for name in ("project_id", "defect_id", "user_id", "attachment_id", "filter_id"):
            written = written.replace("{%s}" % name, "{id}", 1) if written.count("{id}") == 0 else written
        for method in item:
            assert f"`{method.upper()} {written}`" in text, f"{method} {path} is not in api.md"


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _references(one)


@pytest.mark.parametrize("content", [b"[" * 100_000, b"{", b'{"email": ' + b"9" * 5000 + b"}", b"\xff\xfe", b""])
def test_a_body_that_is_no_sensible_json_is_refused_in_words(stack: Stack, content: bytes) -> None:
    answer = stack.client().post("/api/auth/login", content=content, headers={"Content-Type": "application/json"})

    assert code(answer) in {"bad_request", "validation_failed"}


def test_an_address_of_another_kind_is_answered_in_the_readers_language(stack: Stack) -> None:
    client = stack.client()

    assert client.get("/nothing").json()["error"]["message"] == "Такого адреса нет."
    assert client.request("TRACE", "/api/defects").status_code == 405
    assert (
        code(client.post("/api/auth/login", content=b"{", headers={"Content-Type": "application/json"}))
        == "bad_request"
    )
    assert code(client.post("/api/auth/login", json=registration())) == "validation_failed"
