"""What every snapshotter promises: containerd's snapshot test suite, in izba's words.

Every check runs against each snapshotter, as root and as root of a user namespace with one id, in a child with a mount
namespace of its own, so that nothing stays mounted whatever happens.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.linux.overlay import OverlayEncoding
from izba.oci.chain import next_chain_id
from izba.oci.digest import Digest
from izba.store.snapshots.snapshotter import SnapshotExists, SnapshotInUse, SnapshotNotFound
from tests.store.snapshotters import Bench, base, checks_of
from tests.support.children import in_namespaces

pytestmark = pytest.mark.root


def an_active_snapshot_without_parent_is_empty_and_writable(bench: Bench) -> None:
    bench.snapshots.prepare("first", None)
    with bench.mounted("first") as root:
        assert list(root.iterdir()) == []
        (root / "file").write_text("x")


def a_child_sees_what_its_parent_committed(bench: Bench) -> None:
    parent = bench.layer(None, base)
    bench.snapshots.prepare("child", parent)
    with bench.mounted("child") as root:
        assert (root / "etc/passwd").read_text() == "root"
        assert os.readlink(root / "bin") == "usr/bin"


def changes_of_a_child_do_not_reach_its_parent(bench: Bench) -> None:
    parent = bench.layer(None, base)
    before = bench.tree(parent)
    bench.snapshots.prepare("child", parent)
    with bench.mounted("child") as root:
        (root / "etc/passwd").write_text("changed")
        (root / "etc/group").unlink()
        (root / "new").write_text("")
        os.chmod(root / "var", 0o700)
    assert bench.tree(parent) == before


def changes_stay_when_it_is_mounted_again(bench: Bench) -> None:
    bench.snapshots.prepare("key", bench.layer(None, base))
    with bench.mounted("key") as root:
        (root / "etc/passwd").write_text("kept")
    with bench.mounted("key") as root:
        assert (root / "etc/passwd").read_text() == "kept"


def a_view_is_read_only(bench: Bench) -> None:
    one = bench.layer(None, base)
    for parent in (one, bench.layer(one, lambda root: (root / "new").write_text("")), None):
        bench.snapshots.view("view", parent)
        with bench.mounted("view") as root, pytest.raises(OSError, match="Read-only file system"):
            (root / "file").write_text("x")
        bench.snapshots.remove("view")


def a_committed_snapshot_has_no_mounts(bench: Bench) -> None:
    name = bench.layer(None, base)
    with pytest.raises(SnapshotNotFound):
        bench.snapshots.mounts(name)


def mounts_are_values_and_always_the_same(bench: Bench) -> None:
    parent = bench.layer(None, base)
    assert bench.snapshots.prepare("key", parent) == bench.snapshots.mounts("key") == bench.snapshots.mounts("key")


def a_key_can_be_taken_once(bench: Bench) -> None:
    bench.snapshots.prepare("key", None)
    for begin in (bench.snapshots.prepare, bench.snapshots.view):
        with pytest.raises(SnapshotExists):
            begin("key", None)


def a_parent_must_be_committed(bench: Bench) -> None:
    bench.snapshots.prepare("active", None)
    for parent in ("active", Digest.of(b"nothing")):
        for begin in (bench.snapshots.prepare, bench.snapshots.view):
            with pytest.raises(SnapshotNotFound):
                begin("child", parent)  # type: ignore[arg-type]
    assert [snapshot.key for snapshot in bench.snapshots.walk()] == ["active"]


def what_is_not_there_is_not_found(bench: Bench) -> None:
    for ask in (bench.snapshots.mounts, bench.snapshots.upper, bench.snapshots.stat, bench.snapshots.remove):
        with pytest.raises(SnapshotNotFound):
            ask("nothing")
    with pytest.raises(SnapshotNotFound):
        bench.snapshots.commit(Digest.of(b""), "nothing", diff_id=Digest.of(b""), size=0)


def a_commit_frees_the_key(bench: Bench) -> None:
    parent = bench.layer(None, base)
    bench.snapshots.prepare("key", parent)
    bench.commit("key", parent)
    bench.snapshots.prepare("key", parent)


def a_commit_to_a_name_that_exists_drops_the_active_one(bench: Bench) -> None:
    name = bench.layer(None, base)
    stat_before = bench.snapshots.stat(name)
    bench.snapshots.prepare("again", None)
    upper = bench.snapshots.upper("again")
    bench.snapshots.commit(name, "again", diff_id=stat_before.diff_id or name, size=0)
    assert bench.snapshots.stat(name) == stat_before
    assert not os.path.exists(upper)
    with pytest.raises(SnapshotNotFound):
        bench.snapshots.stat("again")


def only_an_active_snapshot_can_be_committed(bench: Bench) -> None:
    parent = bench.layer(None, base)
    bench.snapshots.view("view", parent)
    for key in ("view", parent):
        with pytest.raises(SnapshotNotFound):
            bench.snapshots.commit(Digest.of(b"other"), key, diff_id=Digest.of(b"other"), size=0)


def a_parent_cannot_be_removed_before_its_children(bench: Bench) -> None:
    parent = bench.layer(None, base)
    bench.snapshots.prepare("child", parent)
    with pytest.raises(SnapshotInUse) as refused:
        bench.snapshots.remove(parent)
    assert refused.value.child == "child"
    bench.snapshots.remove("child")
    bench.snapshots.remove(parent)
    assert list(bench.snapshots.walk()) == []
    assert bench.snapshots.directories() == {}


def stat_tells_what_was_committed(bench: Bench) -> None:
    parent = bench.layer(None, base)
    bench.snapshots.prepare("key", parent)
    active = bench.snapshots.stat("key")
    assert (active.kind, active.parent, active.diff_id, active.size) == ("active", parent, None, None)
    name = bench.commit("key", parent)
    committed = bench.snapshots.stat(name)
    assert (committed.kind, committed.parent) == ("committed", parent)
    assert committed.diff_id is not None
    assert name == next_chain_id(parent, committed.diff_id)


def walk_gives_parents_before_children(bench: Bench) -> None:
    one = bench.layer(None, base)
    two = bench.layer(one, lambda root: (root / "two").write_text(""))
    bench.snapshots.prepare("key", two)
    assert [(snapshot.key, snapshot.parent) for snapshot in bench.snapshots.walk()] == [
        (one, None),
        (two, one),
        ("key", two),
    ]


def everything_is_there_after_opening_anew(bench: Bench) -> None:
    parent = bench.layer(None, base)
    bench.snapshots.prepare("key", parent)
    mounts = bench.snapshots.mounts("key")
    bench.store.close()
    again = Bench(bench.path, bench.snapshots.kind, user=bench.snapshots.encoding == OverlayEncoding(userxattr=True))
    assert again.snapshots.mounts("key") == mounts
    assert again.snapshots.has(parent)


def what_the_machine_did_not_write_before_it_fell_is_not_there(bench: Bench) -> None:
    """I: a power cut after a commit and before a sync."""
    safe = bench.layer(None, base)
    bench.snapshots.sync()
    torn = bench.layer(safe, lambda root: (root / "new").write_text(""))
    bench.store.db.execute("UPDATE snapshots SET unsynced = 'another boot' WHERE unsynced IS NOT NULL")

    assert bench.snapshots.has(safe)
    assert not bench.snapshots.has(torn)
    with pytest.raises(SnapshotNotFound):
        bench.snapshots.prepare("key", torn)
    again = bench.layer(safe, lambda root: (root / "new").write_text(""))
    assert bench.snapshots.has(again)


@pytest.mark.parametrize("user", [False, True], ids=["root", "userns"])
@pytest.mark.parametrize("kind", ["overlay", "native"])
@pytest.mark.parametrize("check", checks_of(globals()), ids=lambda check: check.__name__)
def test_snapshotter(check: Callable[[Bench], None], kind: str, user: bool, tmp_path: Path) -> None:
    in_namespaces(lambda: check(Bench(tmp_path, kind, user=user)), user=user)
