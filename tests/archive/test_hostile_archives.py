"""Archives that lie, are damaged or lead elsewhere: refused, and nothing is changed (attacks A9, B1, B2, B5)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from izba.image.inbox import BadArchive
from izba.image.loading import load
from izba.image.stored import require
from izba.oci.digest import DigestMismatch
from izba.oci.validate import InvalidDocument
from izba.store.store import Store
from tests.archive.archives import BASE, docker_archive, load_file, members, oci_archive, repack, saved
from tests.archive.images import build, files
from tests.layer.tars import tree

pytestmark = pytest.mark.root


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
