"""Images out of one store and into another."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from izba.image.archive import select
from izba.image.layout import DirectorySink, write_layout
from izba.image.loading import load, load_directory
from izba.image.stored import ImageNotFound, require
from izba.store.store import Store
from tests.archive.archives import BASE, docker_archive, files_of, load_file, members, names, oci_archive, repack, saved
from tests.archive.images import build, files

pytestmark = pytest.mark.root


def test_an_image_saved_and_loaded_is_the_same_image(store: Store, other: Store) -> None:
    image = build(store, "busybox:latest", BASE, files({"etc/os-release": "NAME=changed\n"}))
    archive = saved(store, "busybox")
    loaded = load(other, io.BytesIO(archive))

    assert names(loaded) == ["busybox:latest"]
    assert (loaded[0].image.id, loaded[0].image.manifest_bytes) == (image.id, image.manifest_bytes)
    assert files_of(loaded[0].image) == files_of(image)
    assert saved(other, "busybox") == archive


def test_what_izba_saved_is_kept_once(store: Store, other: Store) -> None:
    """Not as files and as a tar."""
    build(store, "busybox:latest", BASE)
    load(other, io.BytesIO(saved(store, "busybox")))

    assert len(list(other.content.walk())) == 2  # manifest and config


def test_a_foreign_tar_is_kept_as_it_came(other: Store) -> None:
    """Its bytes are its identity, and izba writes others."""
    layer = repack({"b": b"1", "a": b"2"})
    archive = docker_archive(layer)
    image = load(other, io.BytesIO(archive))[0].image

    assert files_of(image) == {"a": b"2", "b": b"1"}
    assert other.content.has(image.layers[0].digest)
    assert members(saved(other, image.id))[f"blobs/sha256/{image.layers[0].digest.hex}"] == layer


@pytest.mark.parametrize("again", [True, False])
def test_a_foreign_tar_behind_its_documents_is_kept_as_it_came(other: Store, tmp_path: Path, again: bool) -> None:
    """From a file, which is read once more for it, and from a stream, which is not."""
    layer = repack({"b": b"1" * 70_000, "a": b"2"})
    image = load_file(other, tmp_path, oci_archive(layer), again=again)[0].image

    assert files_of(image) == {"a": b"2", "b": b"1" * 70_000}
    assert members(saved(other, image.id))[f"blobs/sha256/{image.layers[0].digest.hex}"] == layer


def test_what_izba_saved_is_loaded_from_a_file_without_a_second_copy(
    store: Store, other: Store, tmp_path: Path
) -> None:
    image = build(store, "busybox:latest", BASE, files({"etc/os-release": "NAME=changed\n"}))
    loaded = load_file(other, tmp_path, saved(store, "busybox"))

    assert files_of(loaded[0].image) == files_of(image)
    assert len(list(other.content.walk())) == 2  # manifest and config
    assert saved(other, "busybox") == saved(store, "busybox")


def test_images_that_share_layers_are_written_with_each_layer_once(store: Store, other: Store) -> None:
    one = build(store, "app:1", BASE, files({"app": "1"}))
    two = build(store, "app:2", BASE, files({"app": "2"}))
    archive = saved(store, "app")
    loaded = load(other, io.BytesIO(archive))

    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        blobs = [name for name in tar.getnames() if name.startswith("blobs/sha256/")]
    assert len(blobs) == len(set(blobs)) == 2 * 2 + 3
    assert names(loaded) == ["app:1", "app:2"]
    assert [one.image.id for one in loaded] == [one.id, two.id]


def test_one_layer_in_two_stacks_is_unpacked_in_both(store: Store, other: Store) -> None:
    same = files({"app": "same"})
    build(store, "app:1", files({"base": "1"}), same)
    build(store, "app:2", files({"base": "2"}), same)
    loaded = load(other, io.BytesIO(saved(store, "app")))

    assert [sorted(files_of(one.image)) for one in loaded] == [["app", "base"]] * 2


def test_a_name_without_tag_saves_all_its_tags_and_an_id_saves_none(store: Store) -> None:
    image = build(store, "app:1", BASE)
    build(store, "app:2", BASE, files({"x": ""}))

    def tags(word: str) -> list[object]:
        return [entry["RepoTags"] for entry in json.loads(members(saved(store, word))["manifest.json"])]

    assert tags("app") == [["app:1"], ["app:2"]]
    assert tags("app:2") == [["app:2"]]
    assert tags(image.id) == [None]
    assert tags(image.id.hex[:12]) == [None]
    with pytest.raises(ImageNotFound):
        select(store, ["app:3"])


def test_several_names_of_one_image_come_back(store: Store, other: Store) -> None:
    from izba.oci.reference import Reference

    image = build(store, "app:1", BASE)
    store.names.set(Reference.parse("registry.example:5000/team/app:one"), image.descriptor)
    loaded = load(other, io.BytesIO(saved(store, "app:1", "registry.example:5000/team/app:one")))

    assert names(loaded) == ["app:1", "registry.example:5000/team/app:one"]
    assert len(loaded) == 1


def test_the_image_that_had_the_name_keeps_its_id(store: Store, other: Store) -> None:
    build(store, "app:1", BASE)
    before = build(other, "app:1", files({"other": "image"}))
    loaded = load(other, io.BytesIO(saved(store, "app:1")))

    assert [(reference.familiar(), id) for reference, id in loaded[0].displaced] == [("app:1", before.id)]
    assert require(other, before.id).names == ()


def test_an_image_without_layers_is_an_image(store: Store, other: Store) -> None:
    build(store, "empty:latest")

    assert names(load(other, io.BytesIO(saved(store, "empty")))) == ["empty:latest"]


@pytest.mark.parametrize("kind", ["gzip", "zstd", "bzip2", "xz"])
def test_a_compressed_archive_is_loaded(store: Store, other: Store, kind: str) -> None:
    import bz2
    import gzip
    import lzma

    import zstandard

    compress = {"gzip": gzip.compress, "zstd": zstandard.compress, "bzip2": bz2.compress, "xz": lzma.compress}[kind]
    build(store, "app:1", BASE)

    assert names(load(other, io.BytesIO(compress(saved(store, "app:1"))))) == ["app:1"]  # type: ignore[operator]


def test_compressed_layers_are_kept_compressed(other: Store) -> None:
    import gzip

    layer = repack({"a": b"1"})
    from izba.oci.digest import Digest

    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [Digest.of(layer)]}}
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["l.tar"]}]
    contents = {"l.tar": gzip.compress(layer), "c.json": json.dumps(config).encode()}
    image = load(other, io.BytesIO(repack({**contents, "manifest.json": json.dumps(manifest).encode()})))[0].image

    assert image.layers[0].digest == Digest.of(contents["l.tar"])
    assert image.layers[0].media_type.endswith("tar+gzip")
    assert files_of(image) == {"a": b"1"}


def test_a_pipe_that_gives_little_at_a_time_is_enough(store: Store, other: Store) -> None:
    class Trickle(io.BytesIO):
        def read(self, count: int | None = -1, /) -> bytes:
            return super().read(min(count or 0, 777))

    build(store, "app:1", BASE)

    assert names(load(other, Trickle(saved(store, "app:1")))) == ["app:1"]


def test_a_layout_in_a_directory_is_written_and_loaded(store: Store, other: Store, tmp_path: Path) -> None:
    image = build(store, "app:1", BASE)
    (tmp_path / "layout").mkdir()
    write_layout(store, [(image, ())], DirectorySink(str(tmp_path / "layout")))
    loaded = load_directory(other, str(tmp_path / "layout"))

    assert loaded[0].image.id == image.id
    assert names(loaded) == []


def test_docker_links_to_layers_that_images_share(other: Store) -> None:
    from izba.oci.digest import Digest

    layer = repack({"a": b"1"})
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [Digest.of(layer)] * 2}}
    manifest = [{"Config": "c.json", "RepoTags": None, "Layers": ["one/layer.tar", "two/layer.tar"]}]
    contents = {"one/layer.tar": layer, "c.json": json.dumps(config).encode()}
    contents["manifest.json"] = json.dumps(manifest).encode()

    assert (
        len(load(other, io.BytesIO(repack(contents, links={"two/layer.tar": "../one/layer.tar"})))[0].image.layers) == 2
    )
