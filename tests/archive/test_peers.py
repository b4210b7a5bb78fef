"""What izba saves, Docker, Podman, Buildah and skopeo load, and the other way round: the real programs."""

from __future__ import annotations

import io
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.image.archive import save, select
from izba.image.loading import load, load_directory
from izba.image.stored import StoredImage
from izba.store.store import Store
from tests.archive import peers
from tests.archive.archives import files_of, names
from tests.archive.images import build, files

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def docker() -> Iterator[peers.Docker]:
    # The sockets of dockerd and its containerd have to fit into 108 characters.
    with tempfile.TemporaryDirectory(prefix="izba-", dir="/var/tmp") as short, peers.docker(Path(short)) as docker:
        yield docker


@pytest.fixture(scope="module")
def podman() -> Iterator[peers.Podman]:
    with tempfile.TemporaryDirectory(prefix="izba-", dir="/var/tmp") as short:  # podman allows 50 characters
        yield peers.Podman(Path(short) / "p")


@pytest.fixture
def image(store: Store) -> StoredImage:
    """Two layers, the second of which deletes and replaces what the first has."""

    def second(root: Path) -> None:
        files({"etc/new": "new", "etc/os-release": "NAME=changed\n"})(root)
        import os

        os.mknod(root / "etc/gone", 0o020000, 0)

    first = files({"bin/sh": b"#!" * 5000, "etc/os-release": "NAME=test\n", "etc/gone": "1", "ünï/" + "n" * 180: "x"})
    return build(store, "izba-test:one", first, second, config={"Labels": {"a": "b"}, "User": "1000"})


def archive_of(store: Store, tmp_path: Path, *names: str) -> Path:
    path = tmp_path / "saved.tar"
    with path.open("wb") as out:
        save(store, select(store, names), out)
    return path


VISIBLE = {"bin/sh", "etc/new", "etc/os-release"}


@pytest.mark.slow
@pytest.mark.peer("dockerd", "docker")
def test_docker_loads_what_izba_saves_and_izba_what_docker_saves(
    docker: peers.Docker, store: Store, other: Store, image: StoredImage, tmp_path: Path
) -> None:
    docker("load", "-i", archive_of(store, tmp_path, "izba-test"))
    loaded = docker.image("izba-test:one")

    assert loaded["Id"] == image.id
    assert loaded["RootFS"]["Layers"] == list(image.diff_ids)  # type: ignore[index]
    assert loaded["Config"]["Labels"] == {"a": "b"}  # type: ignore[index]
    container = docker("create", "izba-test:one").strip()
    listing = subprocess.run(
        ["/usr/bin/docker", "-H", docker.socket, "export", container], env=peers.CLEAN, capture_output=True, check=True
    ).stdout
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(listing)) as tar:
        shown = {one.name: tar.extractfile(one).read() for one in tar if one.isfile()}  # type: ignore[union-attr]
    assert set(shown) > VISIBLE
    assert "etc/gone" not in shown
    assert shown["etc/os-release"] == b"NAME=changed\n"

    docker("save", "-o", tmp_path / "docker.tar", "izba-test:one")
    with (tmp_path / "docker.tar").open("rb") as stream:
        back = load(other, stream)
    assert names(back) == ["izba-test:one"]
    assert back[0].image.id == image.id
    assert files_of(back[0].image) == files_of(image)


@pytest.mark.slow
@pytest.mark.peer("dockerd", "docker")
def test_dockers_own_layers_are_the_same_files_here_and_there(
    docker: peers.Docker, other: Store, tmp_path: Path
) -> None:
    """A10: Docker applies a root file system, and izba what Docker made of it."""
    make_root(tmp_path / "root")
    words = ["tar", "-C", tmp_path / "root", "--numeric-owner", "--format=posix", "--xattrs", "--xattrs-include=*"]
    subprocess.run([*words, "-cf", tmp_path / "root.tar", "."], check=True)
    docker("import", tmp_path / "root.tar", "imported:1")
    docker("save", "-o", tmp_path / "docker.tar", "imported:1")
    with (tmp_path / "docker.tar").open("rb") as stream:
        found = load(other, stream)[0].image
    assert found.chain_id is not None

    from tests.layer.tars import tree

    assert tree(Path(other.snapshots.lowers(found.chain_id)[0])) == tree(tmp_path / "root")


@pytest.mark.peer("skopeo")
def test_skopeo_reads_both_forms_of_what_izba_saves(
    store: Store, other: Store, image: StoredImage, tmp_path: Path
) -> None:
    path = archive_of(store, tmp_path, "izba-test")

    def skopeo(*words: object) -> str:
        return peers.skopeo(*words, directory=tmp_path)

    by_docker = json.loads(skopeo("inspect", f"docker-archive:{path}:izba-test:one"))
    by_oci = json.loads(skopeo("inspect", f"oci-archive:{path}:one"))
    assert by_docker["Labels"] == by_oci["Labels"] == {"a": "b"}
    assert by_oci["Digest"] == image.descriptor.digest
    assert by_docker["Layers"] == by_oci["Layers"] == [layer.digest for layer in image.layers]

    for target in (f"docker-archive:{tmp_path}/d.tar:izba-test:two", f"oci-archive:{tmp_path}/o.tar:izba-test:three"):
        skopeo("copy", f"oci-archive:{path}:one", target)
    for name, expected in (("d.tar", "izba-test:two"), ("o.tar", "izba-test:three")):
        with (tmp_path / name).open("rb") as stream:
            loaded = load(other, stream)
        assert names(loaded) == [expected]
        assert files_of(loaded[0].image) == files_of(image)
    skopeo("copy", "--dest-compress-format=zstd", "--dest-compress", f"oci-archive:{path}:one", f"oci:{tmp_path}/dir:x")
    assert files_of(load_directory(other, f"{tmp_path}/dir")[0].image) == files_of(image)


@pytest.mark.slow
@pytest.mark.peer("podman", "buildah")
def test_podman_and_buildah_load_what_izba_saves_and_izba_what_they_save(
    podman: peers.Podman, store: Store, other: Store, image: StoredImage, tmp_path: Path
) -> None:
    podman("load", *podman.policy, "-i", archive_of(store, tmp_path, "izba-test"))
    found = json.loads(podman("image", "inspect", "izba-test:one"))[0]
    assert f"sha256:{found['Id'].removeprefix('sha256:')}" == image.id
    assert found["RootFS"]["Layers"] == list(image.diff_ids)

    for kind in ("docker-archive", "oci-archive"):
        path = tmp_path / f"{kind}.tar"
        podman("save", "--format", kind, "-o", path, "izba-test:one")
        with path.open("rb") as stream:
            loaded = load(other, stream)
        assert [name.rpartition("/")[2] for name in names(loaded)] == ["izba-test:one"]
        assert files_of(loaded[0].image) == files_of(image)

    for target in (f"docker-archive:{tmp_path}/bd.tar:b:1", f"oci-archive:{tmp_path}/bo.tar:b:2"):
        podman.buildah("push", *podman.policy, "izba-test:one", target)
    for name, expected in (("bd.tar", "b:1"), ("bo.tar", "b:2")):
        with (tmp_path / name).open("rb") as stream:
            loaded = load(other, stream)
        assert expected in names(loaded)  # Buildah writes the image's other names too
        assert files_of(loaded[0].image) == files_of(image)


@pytest.mark.slow
@pytest.mark.peer("podman")
def test_several_images_of_podman_in_one_archive(
    podman: peers.Podman, store: Store, other: Store, image: StoredImage, tmp_path: Path
) -> None:
    build(store, "izba-test:more", files({"bin/sh": b"#!" * 5000}), files({"more": "1"}))
    podman("load", *podman.policy, "-i", archive_of(store, tmp_path, "izba-test"))
    podman("save", "-m", "-o", tmp_path / "many.tar", "izba-test:one", "izba-test:more")
    with (tmp_path / "many.tar").open("rb") as stream:
        loaded = load(other, stream)
    assert sorted(name.rpartition("/")[2] for name in names(loaded)) == ["izba-test:more", "izba-test:one"]


def make_root(root: Path) -> None:
    """A file of each kind that an image has."""
    import os
    import stat

    files({"etc/passwd": "root:x:0:0\n", "bin/su": "#!", "var/lib/x/y": "z" * 10000, "ü/" + "n" * 150: "long"})(root)
    os.chmod(root / "bin/su", 0o4755)
    os.chown(root / "var/lib/x/y", 1000, 100_000)
    os.link(root / "bin/su", root / "bin/sudo")
    os.symlink("/etc/passwd", root / "etc/passwd-")
    os.mkdir(root / "tmp")
    os.chmod(root / "tmp", 0o1777)
    os.mknod(root / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.mkfifo(root / "fifo")
    os.setxattr(root / "bin/su", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    for path in [*root.rglob("*"), root]:
        os.utime(path, (1_500_000_000, 1_500_000_000), follow_symlinks=False)
