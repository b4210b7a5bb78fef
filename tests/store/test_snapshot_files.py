"""Files in snapshots: what a snapshotter makes of whiteouts, links, moves and modes, and the layers it writes."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from izba.oci.digest import Digest
from tests.store.snapshotters import Bench, base, checks_of
from tests.support.children import in_namespaces
from tests.support.layers import tar

pytestmark = pytest.mark.root


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


@pytest.mark.parametrize("user", [False, True], ids=["root", "userns"])
@pytest.mark.parametrize("kind", ["overlay", "native"])
@pytest.mark.parametrize("check", checks_of(globals()), ids=lambda check: check.__name__)
def test_snapshot_files(check: Callable[[Bench], None], kind: str, user: bool, tmp_path: Path) -> None:
    in_namespaces(lambda: check(Bench(tmp_path, kind, user=user)), user=user)
