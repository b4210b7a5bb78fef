from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.defect_control.stack import Person, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All five applications in this process, each with its own SQLite file; rates are out of the way."""
    with Stack(tmp_path_factory.mktemp("defect-control")) as running:
        running.register("Анна Администратор")
        yield running


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Stack]:
    """A stack where nobody has registered yet."""
    with Stack(tmp_path) as running:
        yield running


@pytest.fixture
def administrator(stack: Stack) -> Person:
    return stack.administrator()


@pytest.fixture
def engineer(stack: Stack) -> Person:
    return stack.person("engineer")


@pytest.fixture
def manager(stack: Stack) -> Person:
    return stack.person("manager")


@pytest.fixture
def observer(stack: Stack) -> Person:
    return stack.person("observer")


@pytest.fixture
def project(manager: Person, engineer: Person, observer: Person) -> dict:
    """A site of the manager's, with the engineer and the observer as members."""
    made = manager.post("/api/projects", json={"name": f"Дом {uuid.uuid4().hex[:6]}"}).json()
    for member in (engineer, observer):
        assert manager.put(f"/api/projects/{made['id']}/members/{member.id}").status_code == 200
    return manager.get(f"/api/projects/{made['id']}").json()


@pytest.fixture
def record(engineer: Person, project: dict) -> Callable[..., dict]:
    """`record(title=…)` is a new defect of that site, recorded by the engineer."""

    def make(**fields: object) -> dict:
        answer = engineer.post("/api/defects", json={"project_id": project["id"], "title": "Трещина в стене", **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    return make
