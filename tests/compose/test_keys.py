"""No key of the specification is dropped in silence: each is used, named in a warning, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from izba.compose.errors import ComposeFileError
from izba.compose.load.bind import bind
from izba.compose.load.phases import LoadRequest, load
from izba.compose.project import Project, Service
from tests.compose import keys

FILES = {
    "a.env": "A='x'\n",
    "raw.env": "B=x\n",
    "a": "text\n",
    "b": "other\n",
    "labels": "a=b\n",
    "base.yaml": "services: {other: {image: x, init: true}}",
    "inc.yaml": "services: {included: {image: x, environment: {V: '${W:-none}'}, volumes: ['.:/t']}}",
    "other.yaml": "services: {included: {image: y}}",
    "inc.env": "W=given\n",
}


def outcome(directory: Path, tree: dict[str, Any]) -> tuple[object, tuple[str, ...]]:
    """What a file says to the engine, and what is warned of; an error stands in place of the first."""
    (directory / "compose.yaml").write_text(json.dumps(tree))  # JSON is YAML
    request = LoadRequest(
        files=((str(directory / "compose.yaml"), None),), directory=str(directory), environment={"V": "v"}
    )
    try:
        found = load(request)
    except ComposeFileError as error:
        return str(error), ()
    return _without_models(bind(found, str(directory), ())), found.warnings


def _without_models(project: Project) -> Project:
    """The tree that a service was made of is no use of a key."""

    def bare(service: Service) -> Service:
        return service.replace(model={})

    return project.replace(services=tuple(map(bare, project.services)), disabled=tuple(map(bare, project.disabled)))


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "p"
    path.mkdir()
    for name, text in FILES.items():
        (path / name).write_text(text)
    return path


def test_the_samples_are_those_of_the_schema() -> None:
    assert sorted(keys.SAMPLES) == sorted(keys.schema_keys())


@pytest.mark.parametrize("key", sorted(keys.SAMPLES))
def test_a_key_is_used_or_named(key: str, directory: Path) -> None:
    without, before = outcome(directory, keys.document(key, given=False))
    given, warnings = outcome(directory, keys.document(key, given=True))

    new = [each for each in warnings if each not in before]
    assert given != without or any(keys.shown(key) in each for each in new)
    if isinstance(given, str):  # refused: then by its name, and not by an accident of the sample
        assert key.rpartition(".")[2] in given
