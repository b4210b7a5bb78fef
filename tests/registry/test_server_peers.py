"""Other people's clients, and izba, against izba's registry and Debian's: images go in and come out the same."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.image.push import push
from izba.oci.reference import Reference
from izba.paths import roots
from izba.store.store import Store
from tests.archive import peers
from tests.registry.izba_server import REGISTRIES, client, izba_registry, registry_of
from tests.registry.test_transfer import build, pull, tree


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(roots({}, os.geteuid(), root=str(tmp_path / "store"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with izba_registry(tmp_path_factory.mktemp("served")) as (host, _):
        yield host


@pytest.fixture(scope="module", params=REGISTRIES)
def either(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """izba's registry, of root or of an ordinary user, and Debian's: izba is on the other side of each."""
    with registry_of(request, tmp_path_factory.mktemp("either")) as host:
        yield host


@pytest.mark.root
def test_izba_pushes_to_and_pulls_from_itself(served: str, store: Store, tmp_path: Path) -> None:
    name = Reference.parse(f"{served}/own/app:1")
    image = build(store, name, {"a": b"a" * 5000}, {"b": os.urandom(200_000)})

    pushed = push(store, image, name, client(served, "own/app"))
    with Store.open(roots({}, 0, root=str(tmp_path / "other"))) as other:
        pulled = pull(other, name, client(served, "own/app"))

        assert (pulled.id, pulled.descriptor.digest) == (image.id, pushed.digest)
        assert tree(other, pulled) == tree(store, image)


@pytest.mark.root
@pytest.mark.peer("skopeo")
def test_skopeo_copies_in_and_out(either: str, store: Store, tmp_path: Path) -> None:
    name = Reference.parse(f"{either}/peers/skopeo:1")
    image = build(store, name, {"a": os.urandom(50_000)})
    push(store, image, name, client(either, "peers/skopeo"))

    peers.skopeo("copy", "--src-tls-verify=false", f"docker://{name}", f"oci:{tmp_path}/out:1", directory=tmp_path)
    peers.skopeo(
        "copy",
        "--dest-tls-verify=false",
        f"oci:{tmp_path}/out:1",
        f"docker://{either}/peers/back:2",
        directory=tmp_path,
    )

    back = Reference.parse(f"{either}/peers/back:2")
    assert pull(store, back, client(either, "peers/back")).id == image.id
    listed = peers.skopeo("list-tags", "--tls-verify=false", f"docker://{either}/peers/back", directory=tmp_path)
    assert json.loads(listed)["Tags"] == ["2"]


@pytest.mark.root
@pytest.mark.peer("podman")
def test_podman_pulls_and_pushes(either: str, store: Store, tmp_path: Path) -> None:
    name = Reference.parse(f"{either}/peers/podman:1")
    image = build(store, name, {"a": os.urandom(50_000)})
    push(store, image, name, client(either, "peers/podman"))
    with tempfile.TemporaryDirectory(prefix="izba-") as short:  # podman allows 50 characters
        podman = peers.Podman(Path(short) / "p")
        podman("pull", "--tls-verify=false", *podman.policy, str(name))
        podman("push", "--tls-verify=false", *podman.policy, str(name), f"{either}/peers/podman:back")

    back = name.replace(tag="back")
    assert tree(store, pull(store, back, client(either, "peers/podman"))) == tree(store, image)


@pytest.mark.root
@pytest.mark.peer("dockerd")
@pytest.mark.slow
def test_docker_pulls_and_pushes(either: str, store: Store, tmp_path: Path) -> None:
    name = Reference.parse(f"{either}/peers/docker:1")
    image = build(store, name, {"a": os.urandom(50_000)})
    push(store, image, name, client(either, "peers/docker"))

    # The sockets of dockerd and its containerd have to fit into 108 characters.
    with tempfile.TemporaryDirectory(prefix="izba-", dir="/var/tmp") as short, peers.docker(Path(short)) as docker:
        docker("pull", str(name))
        assert docker.image(str(name))["Id"] == image.id
        docker("tag", str(name), f"{either}/peers/docker:back")
        docker("push", f"{either}/peers/docker:back")

    pulled = pull(store, name.replace(tag="back"), client(either, "peers/docker"))
    assert pulled.id == image.id
