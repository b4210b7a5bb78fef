"""`make seed`: a demonstration that looks like a site after some weeks."""

from __future__ import annotations

import httpx

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


def test_an_empty_installation_is_filled_once(fresh: Stack, monkeypatch) -> None:
    monkeypatch.setattr(seed, "COUNT", 12)
    settings = fresh.network.apps["defects-service"].state.settings

    def fill() -> bool:
        with (
            httpx.Client(transport=Bridge(fresh), base_url="http://auth-service:8001") as auth,
            httpx.Client(transport=Bridge(fresh), base_url="http://projects-service:8002") as projects,
        ):
            return seed.fill(settings, auth, projects, PASSWORD)

    assert fill() is True
    assert fill() is False
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
