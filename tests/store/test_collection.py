"""What is collected and what is not, and layers on their way into snapshots."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from izba.image.stored import find, require
from izba.image.unpack import unpack_layer
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch
from izba.store.check import check
from izba.store.content import ONCE
from izba.store.gc import INGEST_SECONDS
from izba.store.store import Store
from tests.support.children import in_child
from tests.support.layers import build_own_layer, insert_container, load, tar

pytestmark = pytest.mark.root

ONE = tar({"one": b"1"})
TWO = tar({"two": b"2"})


def _keys(store: Store) -> set[str]:
    return {snapshot.key for snapshot in store.snapshots.walk()}


def _forget(store: Store, name: str) -> None:
    row = require(store, name).row
    with store.db.transaction():
        for each in row.names:
            store.names.delete(each)
        store.images.delete(row.manifest)


# -- collection


def test_an_image_keeps_all_its_parts(store: Store) -> None:
    load(store, [ONE, TWO], "app")
    before = list(store.content.walk()), _keys(store)

    collected = store.collect()

    assert (collected.content, collected.snapshots) == ((), ())
    assert (list(store.content.walk()), _keys(store)) == before


def test_a_removed_image_is_collected_with_all_its_parts(store: Store) -> None:
    load(store, [ONE, TWO], "app")
    _forget(store, "app")

    collected = store.collect()

    assert len(collected.content) == 4
    assert len(collected.snapshots) == 2
    assert collected.size > 0
    assert store.content.files() == []
    assert store.snapshots.directories() == {}
    assert store.db.rows("SELECT * FROM layers") == []


def test_parts_that_another_image_shares_stay(store: Store) -> None:
    load(store, [ONE, TWO], "app")
    other = load(store, [ONE], "other")
    _forget(store, "app")

    store.collect()

    assert _keys(store) == {other.chain_id}
    assert check(store, verify=True) == []


def test_an_image_without_name_stays_until_it_is_removed(store: Store) -> None:
    first = load(store, [ONE], "app")
    load(store, [TWO], "app")

    store.collect()

    assert find(store, first.id) is not None


def test_a_container_keeps_its_layers_when_the_image_goes(store: Store) -> None:
    image = load(store, [ONE, TWO], "app")
    insert_container(store, "app")
    _forget(store, "app")

    store.collect()

    assert image.chain_id in _keys(store)
    assert "c" * 64 in _keys(store)
    assert {blob.digest for blob in store.content.walk()} == {layer.digest for layer in image.layers}
    for layer, diff_id in zip((ONE, TWO), image.diff_ids, strict=True):
        with store.layers.open_tar(diff_id) as reader:
            assert reader.read(1 << 20) == layer  # so that what is committed of the container can be saved


def test_an_active_snapshot_without_container_is_garbage(store: Store) -> None:
    image = load(store, [ONE], "app")
    store.snapshots.prepare("left behind", image.chain_id)

    assert store.collect().snapshots == ("left behind",)


# -- leases


def test_a_lease_keeps_what_its_process_adds(store: Store) -> None:
    with store.lease("test"):
        blob = store.content.put(b"data", "text/plain")
        store.snapshots.prepare("key", None)
        store.collect()
        assert store.content.has(blob.digest)
        assert _keys(store) == {"key"}

    store.collect()

    assert not store.content.has(blob.digest)
    assert _keys(store) == set()


def test_a_lease_keeps_what_was_there_before_it_when_it_is_put_again(store: Store) -> None:
    store.content.put(b"data", "text/plain")
    with store.lease("test"):
        blob = store.content.put(b"data", "text/plain")
        store.collect()

        assert store.content.has(blob.digest)


def test_a_lease_follows_a_snapshot_through_its_commit(store: Store) -> None:
    with store.lease("test"):
        store.snapshots.prepare("key", None)
        Path(store.snapshots.upper("key"), "file").write_text("x")
        name = Digest.of(b"name")
        store.snapshots.commit(name, "key", diff_id=name, size=1)
        store.collect()

        assert store.snapshots.has(name)


def test_a_lease_pins_only_what_is_there(store: Store) -> None:
    image = load(store, [ONE], "app")
    assert image.chain_id is not None
    with store.lease("test") as lease:
        assert lease.pin_snapshot(image.chain_id)
        assert lease.pin_content(image.id)
        assert not lease.pin_content(Digest.of(b"nothing"))
        assert not lease.pin_snapshot("nothing")
        _forget(store, "app")
        store.collect()

        assert store.snapshots.has(image.chain_id)
        assert store.content.has(image.id)


def test_a_lease_of_another_process_is_respected_as_long_as_it_lives(store: Store) -> None:
    ready_read, ready_write = os.pipe()
    go_read, go_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        store.lease("child").__enter__()
        store.content.put(b"data", "text/plain")
        os.write(ready_write, b"x")
        os.read(go_read, 1)
        os._exit(0)
    os.read(ready_read, 1)

    store.collect()
    assert store.content.has(Digest.of(b"data"))

    os.write(go_write, b"x")
    os.waitpid(pid, 0)
    store.collect()
    assert not store.content.has(Digest.of(b"data"))
    for fd in (ready_read, ready_write, go_read, go_write):
        os.close(fd)


def test_a_lasting_lease_survives_its_process_until_it_is_ended(store: Store) -> None:
    image = load(store, [ONE], "app")
    assert image.chain_id is not None
    in_child(lambda: store.leases.keep("cache-1", "build cache", snapshots=[image.chain_id or ""]))
    _forget(store, "app")

    store.collect()
    assert store.snapshots.has(image.chain_id)

    store.leases.end("cache-1")
    store.collect()
    assert not store.snapshots.has(image.chain_id)


def test_an_ingest_that_nobody_can_go_on_with_goes_at_once_and_a_live_one_stays(store: Store) -> None:
    """Two servers may have one store: the uploads of the other are not garbage."""
    with store.content.ingest("upload") as ingest:
        ingest.write(b"live")
        (live,) = store.content.ingests()
        Path(live).with_name(f"{'0' * 64}{ONCE}").write_bytes(b"of a writer that was killed")
        store.collect()
        assert store.content.ingests() == [live]
        ingest.commit("text/plain")


def test_begun_ingests_are_kept_for_a_day(store: Store) -> None:
    expected = Descriptor(media_type="text/plain", digest=Digest.of(b"data"), size=4)
    with store.content.ingest("pull", expected=expected) as ingest:
        ingest.write(b"da")

    store.collect()
    (path,) = store.content.ingests()
    os.utime(path, (1, time.time() - INGEST_SECONDS - 1))
    store.collect()

    assert store.content.ingests() == []


def test_collections_beside_loads_take_nothing_in_use(store: Store, tmp_path: Path) -> None:
    """I: gc against load and remove, in processes of their own."""

    def collector() -> None:
        with Store.open(store.roots) as own:
            for _ in range(60):
                own.collect()

    def loader(number: int) -> None:
        with Store.open(store.roots) as own:
            for step in range(8):
                layers = [ONE, tar({f"{number}": b"x"}), tar({f"{step}": b"y"})]
                image = load(own, layers, f"app-{number}")
                for layer, diff_id in zip(layers, image.diff_ids, strict=True):
                    with image.open_tar(diff_id) as reader:
                        assert reader.read(1 << 20) == layer
                _forget(own, f"app-{number}")
            load(own, layers, f"app-{number}")

    children = [_forked(collector), *(_forked(lambda number=number: loader(number)) for number in range(3))]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4

    store.collect()
    assert check(store, verify=True) == []
    assert all(find(store, f"app-{number}") for number in range(3))


def _forked(action: object) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            action()  # type: ignore[operator]
            code = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


# -- unpacking


def test_a_layer_whose_tar_is_not_what_the_config_says_is_not_unpacked(store: Store) -> None:
    """A9: diff_id mismatch."""
    import gzip

    from izba.oci import mediatype

    blob = store.content.put(gzip.compress(ONE), mediatype.OCI_LAYER_GZIP)
    with pytest.raises(DigestMismatch, match="the tar of layer"):
        unpack_layer(store, blob, Digest.of(TWO), parent=None, chain=Digest.of(TWO))

    assert _keys(store) == set()
    assert store.db.rows("SELECT * FROM layers") == []


def test_a_layer_whose_blob_rotted_is_not_unpacked(store: Store) -> None:
    """A9: the bytes on the disk are hashed again on their way into the snapshot."""
    from izba.oci import mediatype

    blob = store.content.put(ONE + bytes(1 << 16), mediatype.OCI_LAYER)
    with open(store.content.path(blob.digest), "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")
    with pytest.raises(DigestMismatch):
        unpack_layer(store, blob, Digest.of(ONE + bytes(1 << 16)), parent=None, chain=Digest.of(b"c"))

    assert _keys(store) == set()


def test_two_processes_unpack_a_layer_once(store: Store) -> None:
    def unpack_it() -> None:
        with Store.open(store.roots) as own:
            load(own, [ONE, TWO], "app")

    children = [_forked(unpack_it) for _ in range(4)]
    assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 4

    assert len(store.snapshots.directories()) == 2


def test_an_own_layer_is_a_snapshot_and_no_blob(store: Store) -> None:
    image = build_own_layer(store)

    layer = image.layers[1]
    assert layer.digest == image.diff_ids[1]
    assert not store.content.has(layer.digest)
    with image.open_tar(layer.digest) as reader:
        text = b""
        while data := reader.read(1 << 16):
            text += data
    assert (Digest.of(text), len(text)) == (layer.digest, layer.size)
    assert check(store, verify=True) == []
