"""What every snapshotter promises: containerd's snapshot test suite, in izba's words.

Every check runs against each snapshotter, as root and as root of a user namespace with one id, in a child with a mount
namespace of its own, so that nothing stays mounted whatever happens.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from izba.layer.streams import Discard
from izba.linux.overlay import OverlayEncoding
from izba.oci.chain import next_chain_id
from izba.oci.digest import Digest
from izba.store.snapshots.native import NativeSnapshotter
from izba.store.snapshots.overlay import OverlaySnapshotter
from izba.store.snapshots.snapshotter import SnapshotExists, SnapshotInUse, SnapshotNotFound
from izba.store.store import Store
from tests.store.conftest import roots_at
from tests.support.children import in_namespaces
from tests.support.layers import tar

pytestmark = pytest.mark.root


class Bench:
    """A snapshotter under test, and the few things that checks do with it."""

    def __init__(self, path: Path, kind: str, *, user: bool) -> None:
        self.path = path
        self.store = Store.open(roots_at(path / "data"))
        where = f"{path}/data/snapshots/{kind}"
        if kind == "native":
            self.snapshots: NativeSnapshotter | OverlaySnapshotter = NativeSnapshotter(
                where, self.store.db, self.store.leases
            )
        else:
            encoding = OverlayEncoding(userxattr=user)
            self.snapshots = OverlaySnapshotter(where, self.store.db, self.store.leases, encoding)

    @contextlib.contextmanager
    def mounted(self, key: str) -> Iterator[Path]:
        target = self.path / f"mount-{len(list(self.path.iterdir()))}"
        target.mkdir()
        for mount in self.snapshots.mounts(key):
            mount.attach(str(target))
        try:
            yield target
        finally:
            from izba.linux.mount import umount

            umount(str(target))

    def commit(self, key: str, parent: Digest | None = None) -> Digest:
        written = self.snapshots.write_layer(key, Discard())
        name = next_chain_id(parent, written.diff_id)
        self.snapshots.commit(name, key, diff_id=written.diff_id, size=written.size)
        return name

    def layer(self, parent: Digest | None, change: Callable[[Path], object]) -> Digest:
        """Commit what `change` does to a mounted snapshot of `parent`."""
        key = f"build-{len(list(self.snapshots.walk()))}"
        self.snapshots.prepare(key, parent)
        with self.mounted(key) as root:
            change(root)
        return self.commit(key, parent)

    def tree(self, parent: Digest) -> dict[str, str]:
        """What a view of `parent` shows: type, mode and content by path."""
        self.snapshots.view("look", parent)
        try:
            with self.mounted("look") as root:
                return {str(path.relative_to(root)): _told(path) for path in sorted(root.rglob("*"))}
        finally:
            self.snapshots.remove("look")


def _told(path: Path) -> str:
    found = path.lstat()
    content = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
    return f"{stat.filemode(found.st_mode)} {content}"


def base(root: Path) -> None:
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root")
    (root / "etc/group").write_text("root")
    (root / "var/log").mkdir(parents=True)
    (root / "var/log/one").write_text("1")
    (root / "bin").symlink_to("usr/bin")


# -- the checks


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


def a_deleted_file_stays_deleted_in_children(bench: Bench) -> None:
    one = bench.layer(None, base)
    two = bench.layer(one, lambda root: (root / "etc/group").unlink())
    three = bench.layer(two, lambda root: (root / "new").write_text(""))
    assert "etc/group" not in bench.tree(three)
    assert "etc/group" in bench.tree(one)


def a_directory_made_anew_does_not_show_the_old_one(bench: Bench) -> None:
    def remake(root: Path) -> None:
        (root / "var/log/one").unlink()
        (root / "var/log").rmdir()
        (root / "var/log").mkdir()
        (root / "var/log/two").write_text("2")

    two = bench.layer(bench.layer(None, base), remake)
    assert sorted(path for path in bench.tree(two) if path.startswith("var/")) == ["var/log", "var/log/two"]


def a_file_may_become_a_directory_and_a_directory_a_file(bench: Bench) -> None:
    def swap(root: Path) -> None:
        (root / "etc/passwd").unlink()
        (root / "etc/passwd").mkdir()
        (root / "etc/passwd/inside").write_text("in")
        (root / "var/log/one").unlink()
        (root / "var/log").rmdir()
        (root / "var/log").write_text("file")

    tree = bench.tree(bench.layer(bench.layer(None, base), swap))
    assert tree["etc/passwd/inside"].endswith("in")
    assert tree["var/log"].endswith("file")


def a_file_of_the_parent_can_be_moved(bench: Bench) -> None:
    tree = bench.tree(bench.layer(bench.layer(None, base), lambda root: (root / "etc/passwd").rename(root / "moved")))
    assert tree["moved"].endswith("root")
    assert "etc/passwd" not in tree


def a_directory_of_the_parent_can_be_moved(bench: Bench) -> None:
    def move(root: Path) -> None:
        import shutil

        shutil.move(root / "var", root / "srv")  # rename(2) says EXDEV, as for every overlay without redirects

    tree = bench.tree(bench.layer(bench.layer(None, base), move))
    assert tree["srv/log/one"].endswith("1")
    assert "var" not in tree


def a_changed_mode_is_a_change(bench: Bench) -> None:
    tree = bench.tree(bench.layer(bench.layer(None, base), lambda root: os.chmod(root / "etc/passwd", 0o4711)))
    assert tree["etc/passwd"] == "-rws--x--x root"


def the_root_directory_keeps_its_mode(bench: Bench) -> None:
    one = bench.layer(None, lambda root: (root / "a").write_text(""))
    bench.snapshots.prepare("key", one)
    with bench.mounted("key") as root:
        assert stat.S_IMODE(root.stat().st_mode) == 0o755


def hard_links_stay_hard_links(bench: Bench) -> None:
    def link(root: Path) -> None:
        (root / "one").write_text("x")
        os.link(root / "one", root / "two")

    one = bench.layer(None, link)
    bench.snapshots.prepare("key", one)
    with bench.mounted("key") as root:
        assert (root / "one").stat().st_ino == (root / "two").stat().st_ino


def links_of_the_parent_lead_nowhere_but_inside(bench: Bench) -> None:
    """A2: a link to the host's /etc in one layer becomes a directory in the next."""

    def replace(root: Path) -> None:
        (root / "bin").unlink()
        (root / "bin").mkdir()
        (root / "bin/hostname").write_text("ours")

    one = bench.layer(None, lambda root: (root / "bin").symlink_to("/etc"))
    two = bench.layer(one, replace)
    assert bench.tree(two) == {"bin": "drwxr-xr-x ", "bin/hostname": "-rw-r--r-- ours"}


def a_layer_is_the_same_each_time_it_is_written(bench: Bench) -> None:
    parent = bench.layer(None, base)

    def change(root: Path) -> None:
        (root / "etc/passwd").write_text("changed")
        (root / "etc/group").unlink()
        (root / "opt").mkdir()

    bench.snapshots.prepare("key", parent)
    with bench.mounted("key") as root:
        change(root)

    def text(key: str) -> bytes:
        out = io.BytesIO()
        bench.snapshots.write_layer(key, out)
        return out.getvalue()

    first, second = text("key"), text("key")
    assert first == second == text(bench.commit("key", parent))


def a_written_layer_gives_the_same_tree_again(bench: Bench) -> None:
    parent = bench.layer(None, base)

    def change(root: Path) -> None:
        (root / "etc/passwd").write_text("changed")
        (root / "etc/group").unlink()
        (root / "var/log/one").unlink()
        (root / "var/log").rmdir()
        (root / "var/log").mkdir()
        (root / "opt/deep").mkdir(parents=True)
        (root / "opt/deep/file").write_text("deep")

    two = bench.layer(parent, change)
    out = io.BytesIO()
    bench.snapshots.write_layer(two, out)
    out.seek(0)
    bench.snapshots.prepare("again", parent)
    applied = bench.snapshots.apply("again", out)
    assert applied.diff_id == bench.snapshots.stat(two).diff_id
    bench.snapshots.commit(Digest.of(b"again"), "again", diff_id=applied.diff_id, size=applied.size)
    assert bench.tree(Digest.of(b"again")) == bench.tree(two)


def an_applied_layer_deletes_by_whiteouts(bench: Bench) -> None:
    parent = bench.layer(None, base)
    bench.snapshots.prepare("key", parent)
    layer = tar({"etc/.wh.group": b"", "var/log/.wh..wh..opq": b"", "var/log/two": b"2"})
    applied = bench.snapshots.apply("key", io.BytesIO(layer))
    assert applied.diff_id == Digest.of(layer)
    bench.snapshots.commit(Digest.of(b"c"), "key", diff_id=applied.diff_id, size=applied.size)
    assert sorted(path for path in bench.tree(Digest.of(b"c")) if "/" in path) == [
        "etc/passwd",
        "var/log",
        "var/log/two",
    ]


def changes_are_told_as_docker_diff_does(bench: Bench) -> None:
    parent = bench.layer(None, base)
    bench.snapshots.prepare("key", parent)
    with bench.mounted("key") as root:
        (root / "etc/passwd").write_text("changed")
        (root / "etc/group").unlink()
        (root / "new").write_text("")
    told = {(change.kind, change.path) for change in bench.snapshots.changes("key")}
    assert told == {("C", "/etc"), ("C", "/etc/passwd"), ("D", "/etc/group"), ("A", "/new")}


def many_layers_can_be_mounted(bench: Bench) -> None:
    name = None
    for number in range(128 if bench.snapshots.kind == "overlay" else 8):
        key = f"key-{number}"
        bench.snapshots.prepare(key, name)
        Path(bench.snapshots.upper(key), str(number)).write_text("")
        name = Digest.of(str(number).encode())
        bench.snapshots.commit(name, key, diff_id=name, size=0)
    assert name is not None
    assert len(bench.tree(name)) == (128 if bench.snapshots.kind == "overlay" else 8)


def usage_counts_what_a_snapshot_has_of_its_own(bench: Bench) -> None:
    bench.snapshots.prepare("key", None)
    before = bench.snapshots.usage("key")
    with bench.mounted("key") as root:
        (root / "big").write_bytes(b"x" * 1_000_000)
        os.link(root / "big", root / "same")
    after = bench.snapshots.usage("key")
    assert after.inodes == before.inodes + 1
    assert 1_000_000 <= after.size - before.size < 1_100_000


def whatever_a_container_left_can_be_removed(bench: Bench) -> None:
    """A6: a deep tree, names that collide with nothing, directories that forbid everything."""
    bench.snapshots.prepare("key", None)
    with bench.mounted("key") as root:
        (root / "closed/inner").mkdir(parents=True)
        (root / "closed/inner/file").write_text("")
        os.chmod(root / "closed/inner", 0)
        os.chmod(root / "closed", 0)
        (root / f"{os.getpid()}-0.removed").mkdir()
        os.mkfifo(root / "fifo")
        here = os.open(root, os.O_RDONLY)
        for _ in range(3000):
            os.mkdir("deep", dir_fd=here)
            inner = os.open("deep", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = inner
        os.close(here)
    bench.snapshots.remove("key")
    assert bench.snapshots.directories() == {}


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


CHECKS = [
    check
    for check in list(globals().values())
    if callable(check) and getattr(check, "__annotations__", {}).get("bench") == "Bench"
]


@pytest.mark.parametrize("user", [False, True], ids=["root", "userns"])
@pytest.mark.parametrize("kind", ["overlay", "native"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_snapshotter(check: Callable[[Bench], None], kind: str, user: bool, tmp_path: Path) -> None:
    in_namespaces(lambda: check(Bench(tmp_path, kind, user=user)), user=user)
