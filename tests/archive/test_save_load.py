"""Images out of one store and into another."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.cli.binary import FdReader
from izba.image.archive import save, select
from izba.image.inbox import BadArchive
from izba.image.layout import DirectorySink, write_layout
from izba.image.loading import Loaded, load, load_directory
from izba.image.stored import ImageNotFound, StoredImage, require
from izba.oci.digest import DigestMismatch
from izba.oci.validate import InvalidDocument
from izba.store.store import Store
from tests.archive.images import Fill, build, files, open_store
from tests.layer.tars import tree

pytestmark = pytest.mark.root

BASE: Fill = files({"bin/sh": b"#!" * 5000, "etc/os-release": "NAME=test\n"})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "one") as store:
        yield store


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "other") as store:
        yield store


def saved(store: Store, *names: str) -> bytes:
    out = io.BytesIO()
    save(store, select(store, names), out)
    return out.getvalue()


def members(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar if one.isfile()}  # type: ignore[union-attr]


def repack(contents: dict[str, bytes], *, links: dict[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return out.getvalue()


def names(loaded: list[Loaded]) -> list[str]:
    return [reference.familiar() for one in loaded for reference in one.references]


def state(store: Store) -> object:
    """All that a load could leave behind."""
    root = Path(store.roots.data)
    kept = {
        path: what
        for path, what in tree(root, times=False).items()
        if not path.startswith(("izba.db", "locks/", "snapshots/"))
    }
    return (
        kept,
        [one.digest for one in store.content.walk()],
        [one.key for one in store.snapshots.walk()],
        store.names.all(),
    )


def files_of(image: StoredImage) -> dict[str, bytes]:
    """The files of an image's layers, the topmost winning."""
    found: dict[str, bytes] = {}
    for diff_id in image.diff_ids:
        with image.open_tar(diff_id) as layer, tarfile.open(fileobj=layer, mode="r|") as tar:  # type: ignore[call-overload]
            for one in tar:
                if one.isfile():
                    found[one.name] = tar.extractfile(one).read()
    return found


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


def load_file(store: Store, directory: Path, archive: bytes, *, again: bool = True) -> list[Loaded]:
    (directory / "archive.tar").write_bytes(archive)
    with FdReader(os.open(directory / "archive.tar", os.O_RDONLY)) as stream:
        return load(store, stream, again=stream.again if again else None)


def oci_archive(*layers: bytes) -> bytes:
    """An OCI layout of one image, its documents first."""
    from izba.oci.digest import Digest

    def blob(data: bytes, kind: str) -> dict[str, object]:
        contents[f"blobs/sha256/{Digest.of(data).hex}"] = data
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": Digest.of(data), "size": len(data)}

    contents: dict[str, bytes] = {"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": b""}
    rootfs = {"type": "layers", "diff_ids": [Digest.of(layer) for layer in layers]}
    config = blob(json.dumps({"architecture": "amd64", "os": "linux", "rootfs": rootfs}).encode(), "config.v1+json")
    kind = "application/vnd.oci.image.layer.v1.tar"
    described = [{"mediaType": kind, "digest": Digest.of(layer), "size": len(layer)} for layer in layers]
    manifest = {"schemaVersion": 2, "config": config, "layers": described}
    manifest["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
    index = {"schemaVersion": 2, "manifests": [blob(json.dumps(manifest).encode(), "manifest.v1+json")]}
    for layer in layers:
        blob(layer, "layer.v1.tar")
    return repack(contents | {"index.json": json.dumps(index).encode()})


def docker_archive(*layers: bytes, tags: list[str] | None = None, **overrides: object) -> bytes:
    """As `docker save` of 20.10 lays it out: layers first, manifest.json at the end."""
    from izba.oci.digest import Digest

    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}
    config["rootfs"]["diff_ids"] = [Digest.of(layer) for layer in layers]  # type: ignore[index]
    data = json.dumps(config | (overrides.pop("config", {}))).encode()  # type: ignore[operator]
    name = f"{Digest.of(data).hex}.json"
    contents = {f"{number}/layer.tar": layer for number, layer in enumerate(layers)}
    manifest = {"Config": name, "RepoTags": tags, "Layers": list(contents)} | overrides
    return repack({**contents, name: data, "manifest.json": json.dumps([manifest]).encode()})


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


# --- what is wrong changes nothing (attacks.md A9, B5) ---


def corrupt(contents: dict[str, bytes], name: str) -> dict[str, bytes]:
    data = bytearray(contents[name])
    data[len(data) // 2] ^= 1
    return contents | {name: bytes(data)}


def test_a_flipped_bit_in_any_blob_is_found_and_nothing_is_kept(store: Store, other: Store) -> None:
    """A9."""
    build(store, "app:1", BASE, files({"x": "y" * 3000}))
    build(other, "mine:1", BASE)
    contents = members(saved(store, "app:1"))
    before = state(other)
    for name in [name for name in contents if name.startswith("blobs/")]:
        with pytest.raises((DigestMismatch, BadArchive)):
            load(other, io.BytesIO(repack(corrupt(contents, name))))
        assert state(other) == before, name


def test_a_flipped_bit_in_a_file_is_found_and_nothing_is_kept(store: Store, other: Store, tmp_path: Path) -> None:
    """A9."""
    build(store, "app:1", BASE, files({"x": "y" * 3000}))
    contents = members(saved(store, "app:1"))
    before = state(other)
    for name in [name for name in contents if name.startswith("blobs/")]:
        with pytest.raises((DigestMismatch, BadArchive)):
            load_file(other, tmp_path, repack(corrupt(contents, name)))
        assert state(other) == before, name


def test_an_archive_that_changes_before_it_is_read_again_is_refused(other: Store) -> None:
    """A9."""
    archive = oci_archive(repack({"b": b"1", "a": b"2"}))
    before = state(other)

    def again(offset: int, size: int) -> Iterator[memoryview]:
        yield memoryview(archive[offset : offset + size].replace(b"1", b"0", 1))

    with pytest.raises(DigestMismatch):
        load(other, io.BytesIO(archive), again=again)
    assert state(other) == before


def test_a_wrong_diff_id_is_found(other: Store) -> None:
    """A9: the layer's digest is right, and the config promises another tar."""
    before = state(other)
    wrong = {"rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}}
    with pytest.raises(DigestMismatch, match="0000"):
        load(other, io.BytesIO(docker_archive(repack({"a": b""}), config=wrong)))
    assert state(other) == before


def test_a_size_that_lies_is_found(store: Store, other: Store) -> None:
    """A9."""
    build(store, "app:1", BASE)
    contents = members(saved(store, "app:1"))
    before = state(other)
    index = json.loads(contents["index.json"])
    index["manifests"][0]["size"] += 1
    with pytest.raises(DigestMismatch):
        load(other, io.BytesIO(repack(contents | {"index.json": json.dumps(index).encode()})))
    assert state(other) == before


@pytest.mark.parametrize("count", [0, 2])
def test_more_or_fewer_layers_than_the_config_says_are_found(other: Store, count: int) -> None:
    """A9."""
    layer = repack({"a": b""})
    from izba.oci.digest import Digest

    config = {"rootfs": {"type": "layers", "diff_ids": [Digest.of(layer)] * count}}
    with pytest.raises(InvalidDocument, match=f"{count} entries for 1 layers"):
        load(other, io.BytesIO(docker_archive(layer, config=config)))


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_more_layers_than_a_container_can_have_are_refused_and_none_is_kept(other: Store, form: str) -> None:
    """B2: one tiny layer many times would be as many snapshots."""
    before = state(other)
    archive = oci_archive if form == "oci" else docker_archive
    with pytest.raises(InvalidDocument, match="501 entries: a container can have 500 layers at most"):
        load(other, io.BytesIO(archive(*[repack({"a": b""})] * 501)))
    assert state(other) == before


@pytest.mark.parametrize("path", ["../../../../etc/passwd", "/etc/passwd", "a/../../x", "manifest.json/../../x"])
def test_documents_name_members_and_never_files_of_the_host(other: Store, path: str) -> None:
    """B5."""
    before = state(other)
    for override in ({"Config": path}, {"Layers": [path]}):
        with pytest.raises(BadArchive, match="the archive has no"):
            load(other, io.BytesIO(docker_archive(repack({"a": b""}), **override)))
    assert state(other) == before


def test_links_of_an_archive_lead_to_members_only(other: Store) -> None:
    """B5."""
    manifest = json.dumps([{"Config": "c.json", "RepoTags": None, "Layers": []}]).encode()
    for target in ("/etc/passwd", "loop.json"):
        archive = repack({"manifest.json": manifest}, links={"c.json": target, "loop.json": "c.json"})
        with pytest.raises(BadArchive, match="the archive has no"):
            load(other, io.BytesIO(archive))


@pytest.mark.parametrize(
    "tag", ["UPPER:1", "a b:1", "x@sha256:" + "0" * 64, "../x:1", "-x:1", "x:" + "t" * 200, "\x1b[31m:1"]
)
def test_a_name_that_is_none_is_refused_and_the_image_with_it(other: Store, tag: str) -> None:
    """B5."""
    before = state(other)
    with pytest.raises(BadArchive, match="the archive names an image") as caught:
        load(other, io.BytesIO(docker_archive(repack({"a": b""}), tags=["good:1", tag])))
    assert str(caught.value).isprintable()
    assert state(other) == before


def test_names_are_not_moved_by_an_archive_that_is_bad_further_on(store: Store, other: Store) -> None:
    """B5: poisoning of an existing name."""
    build(store, "app:1", BASE)
    build(store, "app:2", BASE, files({"x": "y" * 2000}))
    mine = build(other, "app:1", files({"mine": ""}))
    contents = members(saved(store, "app"))
    last = [name for name in contents if name.startswith("blobs/")][-1]
    with pytest.raises(DigestMismatch):
        load(other, io.BytesIO(repack(corrupt(contents, last))))

    assert require(other, "app:1").id == mine.id


def test_a_document_that_is_manifest_and_index_at_once_is_refused(store: Store, other: Store) -> None:
    """B1; CVE-2021-41190."""
    from izba.oci.digest import Digest

    build(store, "app:1", BASE)
    contents = members(saved(store, "app:1"))
    index = json.loads(contents["index.json"])
    path = "blobs/sha256/" + index["manifests"][0]["digest"].removeprefix("sha256:")
    both = json.dumps(json.loads(contents[path]) | {"manifests": []}).encode()
    index["manifests"][0] |= {"digest": Digest.of(both), "size": len(both)}
    contents |= {"index.json": json.dumps(index).encode(), f"blobs/sha256/{Digest.of(both).hex}": both}
    with pytest.raises(InvalidDocument, match="both layers and manifests"):
        load(other, io.BytesIO(repack(contents)))


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        ({}, "empty"),
        ({"etc/passwd": b"root"}, "neither manifest.json nor index.json"),
        ({"repositories": b"{}"}, "before 1.10"),
        ({"manifest.json": b"[]"}, "names no image"),
        ({"manifest.json": b"["}, "manifest.json"),
        ({"manifest.json": b'[{"Config": 1, "Layers": []}]'}, "Expected `str`"),
        ({"oci-layout": b"{}", "index.json": b'{"schemaVersion": 2, "manifests": []}'}, "names no image"),
        ({"oci-layout": b"{}", "index.json": b'{"manifests": {}}'}, "manifests is not a list"),
    ],
)
def test_what_is_no_archive_is_said_to_be_none(other: Store, contents: dict[str, bytes], says: str) -> None:
    from izba.errors import InvalidArgument

    with pytest.raises(InvalidArgument, match=says):
        load(other, io.BytesIO(repack(contents)))


def test_documents_are_not_collected_in_memory_without_end(other: Store) -> None:
    documents = {f"{number}.json": b"[" + b" " * (3 << 20) for number in range(30)}
    with pytest.raises(BadArchive, match="more than"):
        load(other, io.BytesIO(repack(documents)))


def test_a_full_disk_leaves_no_archive_file_behind(store: Store, tmp_path: Path) -> None:
    from izba.cli.binary import Output

    with pytest.raises(OSError, match="No space"), Output(str(tmp_path / "out.tar"), what="save") as out:
        out.write(b"begun")
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.glob("out.tar*"))
