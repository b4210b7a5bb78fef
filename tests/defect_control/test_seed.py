"""`make seed`: a demonstration that looks like a site after some weeks."""

from __future__ import annotations

import httpx
import pytest

from service_defects import seed
from tests.defect_control.stack import PASSWORD, Network, Person, Stack


class Bridge(httpx.BaseTransport):
    """The in-process network for a client without async, such as a container of its own has."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def call(network: Network) -> httpx.Response:
            answer = await network.handle_async_request(
                httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
            )
            await answer.aread()
            return answer

        answer = self.stack.portal.call(call, self.stack.network)
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def seed_with(stack: Stack, password: str = PASSWORD, count: int = 4) -> int:
    """The program's run, its exit status; what it says is on the standard streams."""
    settings = stack.network.apps["defects-service"].state.settings
    with (
        httpx.Client(transport=Bridge(stack), base_url="http://auth-service:8001") as auth,
        httpx.Client(transport=Bridge(stack), base_url="http://projects-service:8002") as projects,
    ):
        return seed.run(settings, auth, projects, password, count)


def test_an_empty_installation_is_filled_once(fresh: Stack, capsys) -> None:
    assert seed_with(fresh, count=12) == 0
    assert f"Sign in with password {PASSWORD}" in capsys.readouterr().out
    assert seed_with(fresh) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: somebody has registered here already")
    assert "hint: `make demo-clean` (after `make demo`) or `make empty SURE=yes`" in told
    customer = Person(fresh.portal, fresh.network, "http://api-gateway:8000")
    session = customer.post("/api/auth/login", json={"email": "customer@demo.example", "password": PASSWORD}).json()
    customer.signed_in(session)
    listed = customer.get("/api/defects", params={"sort": "number"}).json()["items"]
    history = customer.get(f"/api/defects/{listed[0]['id']}/history").json()["items"]

    assert [item["number"] for item in listed] == list(range(1, 13))
    assert sum(item["cover_id"] is not None for item in listed) == 6
    assert all(item["created_at"] <= item["updated_at"] for item in listed)
    assert history[-1]["action"] == "created"
    assert [event["at"] for event in history] == sorted((event["at"] for event in history), reverse=True)
    assert customer.get(f"/api/attachments/{listed[0]['cover_id']}/preview").status_code == 200


def test_where_somebody_registered_nothing_is_changed(fresh: Stack) -> None:
    administrator = fresh.register()

    assert seed_with(fresh) == 1

    assert [user["email"] for user in administrator.get("/api/users").json()["items"]] == [
        administrator.get("/api/auth/me").json()["email"]
    ]


@pytest.mark.parametrize("service", ["auth-service", "projects-service"])
def test_a_service_that_is_down_is_named_with_the_remedy(fresh: Stack, capsys, service: str) -> None:
    fresh.network.down.add(service)

    assert seed_with(fresh) == 1

    told = capsys.readouterr().err
    assert told.startswith(f"error: {service} does not answer: ")
    assert "hint: all services have to run: `izba compose up -d --wait`" in told


def test_a_password_that_is_too_short_is_said_to_be(fresh: Stack, capsys) -> None:
    assert seed_with(fresh, "short") == 1

    assert "auth-service refused: Please check these fields: password. password: " in capsys.readouterr().err
