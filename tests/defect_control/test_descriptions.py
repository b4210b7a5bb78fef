"""schemathesis: each service does what its OpenAPI description says, and nothing makes it fail."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.defect_control.pictures import photo
from tests.defect_control.stack import Person, Stack

SERVICES = ["auth-service", "projects-service", "defects-service", "reports-service"]
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))


def running(app: ASGIApp) -> ASGIApp:
    """The application without its lifespan: the stack began it already, and schemathesis would begin it again."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})

    return serve


@pytest.fixture
def known(
    stack: Stack, manager: Person, engineer: Person, project: dict, record: Callable[..., dict]
) -> dict[str, str]:
    """Ids of things that exist, so that more is tried than what a 404 is like."""
    stage = manager.post(f"/api/projects/{project['id']}/stages", json={"name": "Этап"}).json()
    defect = record()
    file = {"file": ("a.jpg", photo((64, 64)), "image/jpeg")}
    attachment = engineer.post(f"/api/defects/{defect['id']}/attachments", files=file).json()
    return {
        "project_id": project["id"],
        "stage_id": stage["id"],
        "defect_id": defect["id"],
        "attachment_id": attachment["id"],
        "user_id": stack.register().id,
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_keeps_to_its_description(stack: Stack, known: dict[str, str], service: str) -> None:
    headers = {"Authorization": f"Bearer {stack.administrator().token}", "If-Match": '"1"'}
    schema = schemathesis.openapi.from_asgi("/openapi.json", running(stack.network.apps[service]))
    for operation in (result.ok() for result in schema.get_all_operations()):
        _check(operation.as_strategy(generation_mode=GenerationMode.POSITIVE), headers, known)
        if operation.body or operation.query or operation.path_parameters:
            _check(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE), headers, {})


def _check(cases: SearchStrategy[Case], headers: dict[str, str], known: dict[str, str]) -> None:
    @given(case=cases)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def keeps_to_it(case: Case) -> None:
        if case.path_parameters:
            case.path_parameters.update({name: known[name] for name in case.path_parameters if name in known})
        case.call_and_validate(headers=headers, checks=CHECKS)

    keeps_to_it()
