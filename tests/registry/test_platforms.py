"""An image without an index, asked for by a platform: what its config says decides, before any layer is fetched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from izba.image.choose import OtherPlatform
from izba.image.pull import Pulled, pull
from izba.oci import mediatype
from izba.oci.platform import Platform
from izba.oci.reference import Reference
from izba.paths import roots
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.store.store import Store
from tests.registry.fakes import Fake
from tests.registry.servers import Request, Server, scripted

SOURCE = Path(__file__).parents[2] / "src"
pytestmark = pytest.mark.root

Pull = Callable[[str], Pulled]


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest.fixture
def asked(fake: Fake) -> list[str]:
    """The paths that were asked for."""
    paths: list[str] = []

    def note(request: Request) -> bool:
        paths.append(request.path)
        return False

    fake.before = note
    return paths


@pytest.fixture
def served(fake: Fake) -> Iterator[Server]:
    with scripted(fake) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(roots({}, os.geteuid(), root=str(tmp_path / "izba"))) as opened:
        yield opened


@pytest.fixture
def pulled(store: Store, served: Server) -> Pull:
    """Pull `a/b:1` for a platform, or for none in particular."""

    def run(platform: str) -> Pulled:
        client = Client(RegistryConfig(host=served.host), "a/b", environ={}, credentials=None)
        wanted = Platform.parse(platform) if platform else None
        return pull(store, Reference.parse(f"{served.host}/a/b:1"), client, platform=wanted)

    return run


def made_for(fake: Fake, **platform: str) -> dict[str, Any]:
    """An image whose config says so."""
    image = fake.image({"a": b"b"})
    config = json.loads(fake.blobs[image["config"]["digest"]]) | platform
    return image | {"config": fake.blob(json.dumps(config).encode(), mediatype.OCI_CONFIG)}


def test_another_platform_is_refused_before_the_layers(
    store: Store, pulled: Pull, fake: Fake, asked: list[str]
) -> None:
    image = made_for(fake, architecture="amd64")
    fake.manifest(image)

    with pytest.raises(OtherPlatform, match=r"a/b:1 was found .*: wanted linux/arm64, actual: linux/amd64"):
        pulled("linux/arm64")

    assert not any(image["layers"][0]["digest"] in path for path in asked)
    assert store.names.all() == []
    assert list(store.content.walk()) == []
    assert store.content.ingests() == []


def test_what_is_here_already_is_refused_too_and_stays(store: Store, pulled: Pull, fake: Fake) -> None:
    fake.manifest(made_for(fake, architecture="s390x"))
    here = pulled("").image

    with pytest.raises(OtherPlatform, match=r"wanted linux/arm64, actual: linux/s390x"):
        pulled("linux/arm64")

    assert [row.manifest for row in store.images.all()] == [here.descriptor.digest]
    assert pulled("linux/s390x").image.descriptor == here.descriptor


@pytest.mark.parametrize(
    ("wanted", "config"),
    [
        ("linux/amd64/v3", {"architecture": "amd64", "variant": "v2"}),
        ("linux/amd64", {"architecture": "386"}),
        ("linux/arm/v7", {"architecture": "arm", "variant": "v6"}),
        ("linux/arm/v6", {"architecture": "arm"}),
        ("linux/arm64", {"architecture": "arm64", "variant": "v8"}),
    ],
)
def test_what_that_platform_runs_is_taken(pulled: Pull, fake: Fake, wanted: str, config: dict[str, str]) -> None:
    fake.manifest(made_for(fake, **config))

    assert pulled(wanted).is_new


@pytest.mark.parametrize(
    ("wanted", "config"),
    [
        ("linux/arm/v6", {"architecture": "arm", "variant": "v7"}),
        ("linux/386", {"architecture": "amd64"}),
        ("linux/amd64", {"architecture": "amd64", "os": "windows"}),
    ],
)
def test_what_that_platform_does_not_run_is_refused(
    pulled: Pull, fake: Fake, wanted: str, config: dict[str, str]
) -> None:
    fake.manifest(made_for(fake, **config))

    with pytest.raises(OtherPlatform, match=f"wanted {wanted}, "):
        pulled(wanted)


def test_of_an_index_and_a_config_the_index_is_believed(pulled: Pull, fake: Fake) -> None:
    """Builders write their own platform into configs of images for others."""
    entry = fake.manifest(made_for(fake, architecture="amd64"))
    platform = {"os": "linux", "architecture": "arm64"}
    index = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [{**entry, "platform": platform}]}
    fake.manifest(index, mediatype.OCI_INDEX)

    assert pulled("linux/arm64").image.descriptor.digest == entry["digest"]


def test_pull_run_and_from_refuse_it(served: Server, fake: Fake, asked: list[str], tmp_path: Path) -> None:
    image = made_for(fake, architecture="s390x")
    fake.manifest(image)
    name = f"{served.host}/a/b:1"
    (tmp_path / "Dockerfile").write_text(f"FROM --platform=linux/arm64 {name}\nENV a=b\n")
    environment = os.environ | {"PYTHONPATH": str(SOURCE), "IZBA_ROOT": str(tmp_path / "izba")}
    environment.pop("DOCKER_DEFAULT_PLATFORM", None)

    def izba(*words: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "izba", *words]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)

    for code, words in (
        (1, ("pull", "--platform", "linux/arm64", name)),
        (125, ("run", "--rm", "--platform", "linux/arm64", name, "true")),
        (1, ("build", str(tmp_path))),
    ):
        done = izba(*words)
        assert done.returncode == code, done.stderr
        assert "wanted linux/arm64, actual: linux/s390x" in done.stderr
    assert not any(image["layers"][0]["digest"] in path for path in asked)

    done = izba("pull", name)
    assert done.returncode == 0, done.stderr
