"""`image copy` between every two kinds of place, with skopeo on the other side."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from izba.errors import IzbaError
from izba.image.copying.graph import TooDeep, copy
from izba.image.copying.places import BadPlace, Place, parse
from izba.image.copying.sources import Archive, Directory, FromDockerArchive, FromLayout, FromRegistry
from izba.image.copying.targets import ToLayout, ToRegistry, archive_at
from izba.image.inbox import BadArchive
from izba.image.loading import load
from izba.image.portable import portable
from izba.image.push import push
from izba.oci import mediatype
from izba.oci.digest import Digest, DigestMismatch
from izba.oci.platform import Platform
from izba.oci.reference import Reference
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from tests.archive import peers
from tests.registry import servers
from tests.registry.fakes import Fake
from tests.registry.servers import scripted
from tests.registry.test_kills import store_of
from tests.registry.test_transfer import build, pull, tree

pytestmark = [pytest.mark.root, pytest.mark.peer("docker-registry")]

ARM = Platform.parse("linux/arm64")


def client(host: str, name: str = "a/b") -> Client:
    return Client(RegistryConfig(host=host), name, environ={}, credentials=None)


def source(host: str, name: str = "a/b", tag: str = "1") -> FromRegistry:
    return FromRegistry(client(host, name), Reference.parse(f"{host}/{name}:{tag}"))


def target(host: str, name: str, tag: str = "1", beside: str | None = None) -> ToRegistry:
    return ToRegistry(client(host, name), Reference.parse(f"{host}/{name}:{tag}"), source=beside, compression="gzip")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.debian_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def index() -> Iterator[str]:
    """A registry with an index of two platforms and an attestation."""
    fake = Fake()
    entries = []
    for architecture in ("amd64", "arm64"):
        entry = fake.manifest(fake.image({"arch": architecture.encode() * 1000}))
        entries.append({**entry, "platform": {"os": "linux", "architecture": architecture}})
    note = fake.manifest(fake.image({"note": b"n"}))
    entries.append({**note, "platform": {"os": "unknown", "architecture": "unknown"}})
    fake.manifest({"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": entries}, mediatype.OCI_INDEX)
    with scripted(fake) as server:
        yield server.host


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("python", Place(kind="docker", name="python")),
        ("docker://r:5000/a/b:1", Place(kind="docker", name="r:5000/a/b:1")),
        ("docker-archive:/x.tar", Place(kind="docker-archive", path="/x.tar")),
        ("docker-archive:x.tar:r:5000/a:1", Place(kind="docker-archive", path="x.tar", name="r:5000/a:1")),
        ("oci:dir:v1", Place(kind="oci", path="dir", name="v1")),
        ("oci-archive:a.tar", Place(kind="oci-archive", path="a.tar")),
        ("store:app:1", Place(kind="store", name="app:1")),
        ("localhost:5000/oci:1", Place(kind="docker", name="localhost:5000/oci:1")),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert parse(text) == place


@pytest.mark.parametrize("text", ["", "docker://", "oci:", "oci::x", "dir://x", "https://r/a"])
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(BadPlace):
        parse(text)


def test_a_whole_index_goes_from_registry_to_registry_and_is_the_same(index: str, registry: str) -> None:
    there = copy(source(index), target(registry, "copied/all"), every=True)

    assert client(registry, "copied/all").manifest("1").data == client(index).manifest("1").data
    assert there.media_type == mediatype.OCI_INDEX
    entries = json.loads(client(registry, "copied/all").manifest("1").data)["manifests"]
    assert len(entries) == 3
    assert all(client(registry, "copied/all").exists(entry["digest"]) for entry in entries)


def test_one_platform_of_an_index(index: str, registry: str) -> None:
    there = copy(source(index), target(registry, "copied/arm"), platform=ARM)

    entries = json.loads(client(index).manifest("1").data)["manifests"]
    assert there.digest == entries[1]["digest"]


def test_on_one_registry_blobs_are_mounted(index: str, registry: str) -> None:
    copy(source(index), target(registry, "mount/from"), every=True)
    told: list[str] = []
    copy(
        source(registry, "mount/from"),
        target(registry, "mount/to", beside="mount/from"),
        every=True,
        report=lambda progress: told.append(progress.state),
    )
    assert set(told) == {"Already exists"}


def test_through_a_layout_and_an_archive_nothing_changes(index: str, registry: str, tmp_path: Path) -> None:
    original = client(index).manifest("1")
    copy(source(index), ToLayout(str(tmp_path / "layout"), "v1"), every=True)
    copy(source(index), ToLayout(str(tmp_path / "layout"), "v2"), platform=ARM)
    with archive_at(str(tmp_path / "all.tar"), "v1") as archive:
        copy(FromLayout(Directory(str(tmp_path / "layout")), "layout", "v1"), archive, every=True)
    with closing(FromLayout(Archive(str(tmp_path / "all.tar")), "all.tar", "v1")) as read:
        copy(read, target(registry, "via/files"), every=True)

    assert client(registry, "via/files").manifest("1").data == original.data
    named = json.loads((tmp_path / "layout" / "index.json").read_bytes())["manifests"]
    assert [entry["annotations"]["org.opencontainers.image.ref.name"] for entry in named] == ["v1", "v2"]


@pytest.mark.peer("skopeo")
def test_skopeo_reads_what_izba_writes_and_izba_what_skopeo_writes(registry: str, tmp_path: Path) -> None:
    name = Reference.parse(f"{registry}/skopeo/app:1")
    with store_of(tmp_path / "izba") as store:
        image = build(store, name, {"a": os.urandom(5000)}, {"b": b"b"})
        push(store, image, name, client(registry, "skopeo/app"))
        copy(source(registry, "skopeo/app"), ToLayout(str(tmp_path / "layout"), "1"))
        with archive_at(str(tmp_path / "a.tar"), "docker.io/library/app:1") as archive:
            copy(source(registry, "skopeo/app"), archive)

        for word in (f"oci:{tmp_path}/layout:1", f"docker-archive:{tmp_path}/a.tar", f"oci-archive:{tmp_path}/a.tar"):
            found = json.loads(peers.skopeo("inspect", "--config", word, directory=tmp_path))
            assert found["rootfs"]["diff_ids"] == list(image.diff_ids)

        written = f"docker-archive:{tmp_path}/theirs.tar:app:2"
        peers.skopeo("copy", f"oci:{tmp_path}/layout:1", written, directory=tmp_path)
        with closing(FromDockerArchive(Archive(str(tmp_path / "theirs.tar")), "theirs.tar", "")) as theirs:
            copy(theirs, target(registry, "skopeo/back"))
        with store_of(tmp_path / "there") as there:
            back = pull(there, Reference.parse(f"{registry}/skopeo/back:1"), client(registry, "skopeo/back"))
            assert back.diff_ids == image.diff_ids
            assert all(layer.media_type == mediatype.OCI_LAYER_GZIP for layer in back.layers)
            assert tree(there, back) == tree(store, image)


def test_an_image_that_was_built_here_and_pulled_back_can_be_saved(registry: str, tmp_path: Path) -> None:
    """Its manifest names compressed blobs that never came, as the layers were here."""
    name, other = Reference.parse(f"{registry}/saved/app:1"), Reference.parse(f"{registry}/saved/app:2")
    with store_of(tmp_path / "izba") as store, store_of(tmp_path / "there") as there:
        image = build(store, name, {"a": os.urandom(5000)})
        push(store, image, other, client(registry, "saved/app"), compression="zstd")
        pulled = pull(store, other, client(registry, "saved/app"))
        assert not store.content.has(pulled.layers[0].digest)

        from izba.image.archive import save, select

        with (tmp_path / "saved.tar").open("wb") as file:
            save(store, select(store, [other.canonical()]), file)
        with (tmp_path / "saved.tar").open("rb") as file:
            loaded = load(there, file)

        assert loaded[0].image.id == image.id == portable(store, pulled).id
        assert tree(there, loaded[0].image) == tree(store, image)


class TestBadInput:
    def test_a_layout_whose_blobs_lie(self, index: str, registry: str, tmp_path: Path) -> None:
        copy(source(index), ToLayout(str(tmp_path), "1"))
        layout = FromLayout(Directory(str(tmp_path)), "layout", "1")
        manifest = json.loads(layout.root().data)
        path = tmp_path / "blobs/sha256" / manifest["layers"][0]["digest"].removeprefix("sha256:")
        path.write_bytes(path.read_bytes()[::-1])
        with pytest.raises(DigestMismatch):
            copy(layout, target(registry, "bad/layer"))
        assert client(registry, "bad/layer").exists("1") is None
        assert not client(registry, "bad/layer").has_blob(Digest(manifest["layers"][0]["digest"]))

    def test_a_link_in_a_layout_is_not_followed(self, index: str, tmp_path: Path) -> None:
        copy(source(index), ToLayout(str(tmp_path / "layout"), "1"))
        (tmp_path / "layout/index.json").rename(tmp_path / "elsewhere")
        (tmp_path / "layout/index.json").symlink_to(tmp_path / "elsewhere")
        with pytest.raises(BadArchive):
            FromLayout(Directory(str(tmp_path / "layout")), "layout", "1").root()

    def test_names_in_an_archive_are_keys_and_never_paths(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_text("{}")
        with tarfile.open(tmp_path / "a.tar", "w") as tar:
            data = json.dumps([{"Config": str(secret), "RepoTags": None, "Layers": []}]).encode()
            info = tarfile.TarInfo("manifest.json")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        with (
            closing(FromDockerArchive(Archive(str(tmp_path / "a.tar")), "a.tar", "")) as archive,
            pytest.raises(BadArchive, match="there is no"),
        ):
            archive.root()

    def test_an_index_of_indexes_without_end(self, registry: str) -> None:
        """B2."""
        fake = Fake()
        entry = fake.manifest(fake.image({"a": b"b"}))
        for _ in range(8):
            body = {"schemaVersion": 2, "mediaType": mediatype.OCI_INDEX, "manifests": [entry]}
            entry = fake.manifest(body, mediatype.OCI_INDEX)
        with scripted(fake) as server, pytest.raises(TooDeep):
            copy(source(server.host), target(registry, "bad/deep"), every=True)

    def test_a_broken_copy_leaves_no_file(self, tmp_path: Path) -> None:
        fake = Fake()
        image = fake.image({"a": b"b"})
        fake.blobs.pop(image["layers"][0]["digest"])
        fake.manifest(image)
        with (
            scripted(fake) as server,
            pytest.raises(IzbaError, match="not found"),
            archive_at(str(tmp_path / "a.tar"), "") as archive,
        ):
            copy(source(server.host), archive)
        assert list(tmp_path.iterdir()) == []
