"""`--cache-to` and `--cache-from`: what one store built, another need not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from izba.errors import InvalidArgument, IzbaError
from tests.build.builder import Builder
from tests.registry import servers

pytestmark = pytest.mark.root

STAGES = """
    FROM busybox AS tools
    RUN echo made > /tool
    FROM busybox
    COPY --from=tools /tool /tool
    RUN cat /tool > /used
    COPY file /file
"""
FILES = {"file": "content\n"}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.debian_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


def test_a_directory_carries_the_cache_and_the_image_is_the_same(
    new_store: Callable[[], Builder], tmp_path: Path
) -> None:
    first, second = new_store(), new_store()
    made = first(STAGES, FILES, cache_to=(f"type=local,dest={tmp_path}/cache",))

    taken = second(STAGES, FILES, cache_from=(f"type=local,src={tmp_path}/cache",))

    assert [name for name in taken.executed if name.startswith(("RUN", "COPY --from"))] == []
    assert "made" not in taken.output
    assert taken.image.id == made.image.id
    assert taken.read("/used") == "made\n"


def test_what_was_taken_is_of_this_cache_from_then_on(new_store: Callable[[], Builder], tmp_path: Path) -> None:
    first, second = new_store(), new_store()
    first(STAGES, FILES, cache_to=(f"type=local,dest={tmp_path}/cache",))
    second(STAGES, FILES, cache_from=(f"type=local,src={tmp_path}/cache",))

    again = second(STAGES, FILES)

    assert again.executed == []
    assert "RUN cat /tool > /used" in again.cached


def test_the_mode_says_whether_the_steps_of_other_stages_go_too(
    new_store: Callable[[], Builder], tmp_path: Path
) -> None:
    first, second = new_store(), new_store()
    places = tuple(f"type=local,dest={tmp_path}/{mode},mode={mode}" for mode in ("min", "max"))
    first(STAGES, FILES, cache_to=places)
    changed = STAGES.replace("RUN cat", "RUN cat /tool &&cat")

    with_all = second(changed, FILES, cache_from=(f"type=local,src={tmp_path}/max",))

    def descriptions(mode: str) -> set[str]:
        directory = tmp_path / mode
        [entry] = json.loads((directory / "index.json").read_text())["manifests"]
        manifest = json.loads((directory / "blobs/sha256" / entry["digest"][7:]).read_text())
        config = json.loads((directory / "blobs/sha256" / manifest["config"]["digest"][7:]).read_text())
        return {record["description"].partition("] ")[2] for record in config["records"]}

    assert "RUN echo made > /tool" not in descriptions("min")
    assert "RUN echo made > /tool" in descriptions("max")
    assert "RUN cat /tool &&cat /tool > /used" in with_all.executed
    assert not [name for name in with_all.executed if "echo made" in name]


@pytest.mark.peer("docker-registry")
def test_a_registry_carries_the_cache(new_store: Callable[[], Builder], registry: str) -> None:
    first, second = new_store(), new_store()
    made = first(STAGES, FILES, cache_to=(f"type=registry,ref={registry}/project/cache:main,mode=max",))

    taken = second(STAGES, FILES, cache_from=(f"{registry}/project/cache:main",))

    assert [name for name in taken.executed if name.startswith("RUN")] == []
    assert taken.image.id == made.image.id


def test_a_cache_that_is_not_there_is_told_and_the_build_goes_on(build: Builder, tmp_path: Path) -> None:
    done = build("FROM busybox\nRUN echo anyway", cache_from=(f"type=local,src={tmp_path}/nowhere",))

    assert any("is not used: there is no directory" in warning for warning in done.warnings)
    assert done.image.id


def test_a_layer_that_is_not_what_its_record_says_is_refused(new_store: Callable[[], Builder], tmp_path: Path) -> None:
    first, second = new_store(), new_store()
    first("FROM busybox\nRUN echo good > /good", cache_to=(f"type=local,dest={tmp_path}/cache",))
    first("FROM busybox\nRUN echo evil > /evil", cache_to=(f"type=local,dest={tmp_path}/other",))
    _swap_layers(tmp_path / "cache", tmp_path / "other")

    with pytest.raises(IzbaError, match="tar of layer"):
        second("FROM busybox\nRUN echo good > /good", cache_from=(f"type=local,src={tmp_path}/cache",))

    assert second("FROM busybox\nRUN echo good > /good").executed == ["RUN echo good > /good"]


def _swap_layers(directory: Path, other: Path) -> None:
    """Let the records of one cache point at the layer of another."""

    def load(where: Path) -> tuple[dict[str, object], dict[str, object]]:
        index = json.loads((where / "index.json").read_text())
        path = where / "blobs/sha256" / index["manifests"][0]["digest"][7:]
        return index, json.loads(path.read_text())

    import hashlib

    index, manifest = load(directory)
    _, others = load(other)
    manifest["layers"] = others["layers"]
    [layer] = manifest["layers"]  # type: ignore[misc]
    blob = str(layer["digest"])[7:]  # type: ignore[index]
    (directory / "blobs/sha256" / blob).write_bytes((other / "blobs/sha256" / blob).read_bytes())
    data = json.dumps(manifest).encode()
    digest = hashlib.sha256(data).hexdigest()
    (directory / "blobs/sha256" / digest).write_bytes(data)
    index["manifests"][0] |= {"digest": f"sha256:{digest}", "size": len(data)}  # type: ignore[index]
    (directory / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("type=inline", "type=inline is not supported"),
        ("type=s3,bucket=x", "type=s3 is not supported"),
        ("type=local", "does not say where"),
        ("type=loco,dest=x", "invalid --cache-to"),
        ("type=local,dest=x,mode=all", "invalid --cache-to"),
        ("type=local,dest=x,colour=red", "unknown key colour"),
    ],
)
def test_places_that_cannot_be_are_refused_with_what_can(build: Builder, text: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as caught:
        build("FROM busybox", cache_to=(text,))

    assert caught.value.hint or "unknown key" in said
