"""What the machine refuses: room, descriptors, writing. The error names it, nothing is torn, and later it works."""

from __future__ import annotations

import errno
import os
import resource
import time
from pathlib import Path

import pytest

from izba.errors import IzbaError
from izba.image.stored import find
from izba.linux.mount import mount
from izba.oci.digest import Digest
from izba.store.check import LEFTOVERS, check
from izba.store.db import RESERVE, DatabaseUnavailable
from izba.store.snapshots.overlay import OtherMarks
from izba.store.store import Store
from tests.store.conftest import roots_at
from tests.support.children import in_child, in_namespaces
from tests.support.layers import load, tar

pytestmark = pytest.mark.root

SMALL_NAME = "docker.io/library/small:latest"
SMALL = [tar({"small": b"1"})]
LARGE = [tar({f"large-{number}": os.urandom(400_000) for number in range(10)})]


def test_a_full_disk_tears_nothing(tmp_path: Path) -> None:
    """I: ENOSPC, at whatever write comes to the limit."""

    def check_it() -> None:
        mount("tmpfs", str(tmp_path), "tmpfs", 0, "size=16m")
        ballast = tmp_path / "ballast"
        with Store.open(roots_at(tmp_path / "data")) as store:
            load(store, SMALL, "small")
        for left in range(0, 9_000_000, 450_000):
            free = os.statvfs(tmp_path).f_bavail * 4096
            ballast.write_bytes(bytes(max(free - left, 0)))
            _load_where_there_is_no_room(tmp_path)
            ballast.unlink()
            with Store.open(roots_at(tmp_path / "data")) as store:
                assert [problem for problem in check(store, verify=True) if problem.kind not in LEFTOVERS] == []
                assert find(store, "small") is not None
                if find(store, "large") is not None:
                    return
                store.collect()
                assert check(store, verify=True) == []
        raise AssertionError("it never fitted")

    in_namespaces(check_it)


def test_on_a_full_disk_things_can_be_removed(tmp_path: Path) -> None:
    """What is left of the room is a reserve, which goes for that, and comes back when there is room again."""

    def check_it() -> None:
        mount("tmpfs", str(tmp_path), "tmpfs", 0, "size=16m")
        reserve = tmp_path / "data/reserve"
        with Store.open(roots_at(tmp_path / "data")) as store:
            load(store, SMALL, "small")
        assert reserve.stat().st_blocks * 512 == RESERVE
        ballast = tmp_path / "ballast"
        ballast.write_bytes(bytes(os.statvfs(tmp_path).f_bavail * 4096))
        with Store.open(roots_at(tmp_path / "data")) as store:
            store.names.delete(SMALL_NAME)
            store.collect()
            assert find(store, "small") is None
        assert not reserve.exists()
        ballast.unlink()
        with Store.open(roots_at(tmp_path / "data")):
            assert reserve.exists()

    in_namespaces(check_it)


def test_where_not_a_block_is_left_the_database_is_read_and_refuses_to_be_written(tmp_path: Path) -> None:
    """Its log and the index of that were taken away by the last to close it, and have no room to be made again."""

    def check_it() -> None:
        mount("tmpfs", str(tmp_path), "tmpfs", 0, "size=16m")
        data = tmp_path / "data"
        with Store.open(roots_at(data)) as store:
            load(store, SMALL, "small")
        assert not (data / "izba.db-shm").exists()
        (data / "reserve").replace(tmp_path / "no reserve")
        with (tmp_path / "ballast").open("wb", buffering=0) as ballast, pytest.raises(OSError, match="No space left"):
            while True:
                ballast.write(bytes(4096))

        with Store.open(roots_at(data)) as store:
            assert find(store, "small") is not None
            with pytest.raises(DatabaseUnavailable, match="no space left") as refused:
                store.names.delete(SMALL_NAME)
        assert f"df {data}" in str(refused.value.hint)

        (tmp_path / "ballast").unlink()
        with Store.open(roots_at(data)) as store, Store.open(roots_at(data)) as other:
            store.names.delete(SMALL_NAME)
            assert find(other, "small") is None

    in_namespaces(check_it)


def _load_where_there_is_no_room(path: Path) -> None:
    try:
        with Store.open(roots_at(path / "data")) as store:
            load(store, LARGE, "large")
    except DatabaseUnavailable:
        pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def test_a_read_only_store_says_so(tmp_path: Path) -> None:
    def check_it() -> None:
        from izba.linux import flags

        with Store.open(roots_at(tmp_path)) as store:
            load(store, SMALL, "small")
        mount(str(tmp_path), str(tmp_path), None, flags.MS_BIND)
        mount(None, str(tmp_path), None, flags.MS_BIND | flags.MS_REMOUNT | flags.MS_RDONLY)
        with pytest.raises(DatabaseUnavailable, match="cannot be read and written") as refused:
            Store.open(roots_at(tmp_path))
        assert refused.value.hint is not None

    in_namespaces(check_it)


def test_running_out_of_descriptors_tears_nothing(store: Store) -> None:
    """I: EMFILE."""
    load(store, SMALL, "small")

    def check_it() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd"))
        for more in range(1, 12):
            resource.setrlimit(resource.RLIMIT_NOFILE, (used + more, hard))
            try:
                load(store, LARGE, "large")
            except (OSError, IzbaError):
                continue
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            break
        assert [problem for problem in check(store, verify=True) if problem.kind not in LEFTOVERS] == []

    in_namespaces(check_it)
    load(store, LARGE, "large")
    store.collect()
    assert check(store, verify=True) == []


def test_a_layer_that_is_read_only_in_part_leaves_no_thread_and_no_descriptor(store: Store) -> None:
    store.snapshots.prepare("key", None)
    Path(store.snapshots.upper("key"), "big").write_bytes(bytes(5_000_000))
    from izba.layer.streams import Discard

    written = store.snapshots.write_layer("key", Discard())
    store.snapshots.commit(Digest.of(b"c"), "key", diff_id=written.diff_id, size=written.size)

    def read_in_part() -> None:
        with store.layers.open_tar(written.diff_id) as reader:
            reader.read(100)

    def count() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    def measure() -> None:
        read_in_part()  # the first one connects to the database
        deadline = time.monotonic() + 60
        while (before := count())[1] > 1:
            assert time.monotonic() < deadline, before
        for _ in range(5):
            read_in_part()
        while (now := count()) != before:
            assert time.monotonic() < deadline, (before, now)

    in_child(measure)  # where no thread of an earlier test is about to end


def test_garbage_among_the_blobs_does_not_stop_a_collection(store: Store) -> None:
    for name in ("not-a-digest", "0" * 64, "..data"):
        Path(store.content.path(Digest.of(b"x"))).with_name(name).write_text("garbage")

    assert {problem.kind for problem in check(store)} == {"blob-orphaned"}
    store.collect()
    assert store.content.files() == []


def test_a_root_begun_by_root_is_not_written_by_a_user_namespace(store: Store) -> None:
    """Its deletions would be marked in a way that root's overlays do not read: deleted files would come back."""
    image = load(store, SMALL, "small")

    def check_it() -> None:
        with Store.open(store.roots) as own, pytest.raises(OtherMarks, match="begun by root"):
            own.snapshots.prepare("key", image.chain_id)

    in_namespaces(check_it, user=True)


def test_a_native_copy_that_was_abandoned_is_collected(store: Store) -> None:
    load(store, SMALL)
    abandoned = Path(store.roots.data, "snapshots/native/staging-" + "a" * 64, "fs")
    abandoned.mkdir(parents=True)

    store.collect()

    assert not abandoned.parent.exists()
