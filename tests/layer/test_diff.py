"""Trees to tars: the same bytes each time, and the same tree from them again."""

from __future__ import annotations

import io
import os
import socket
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from izba.layer.diff import CannotBeLayer, changes, clamp_times, write_layer
from izba.layer.fsops import fsops
from izba.layer.tree import Cursor, walk
from izba.oci.digest import Digest
from tests.layer.tars import END, OVERLAY, apply_bytes, directory, member, tree


def write(root: Path, *, overlay: object = OVERLAY) -> bytes:
    out = io.BytesIO()
    written = write_layer(str(root), out, ops=fsops(), overlay=overlay)  # type: ignore[arg-type]
    assert written.diff_id == Digest.of(out.getvalue())
    assert written.size == len(out.getvalue())
    return out.getvalue()


def names(tar: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        return archive.getnames()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "fs"
    path.mkdir(mode=0o755)
    return path


def fill(root: Path, order: list[str]) -> None:
    for name in order:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    for path in [*root.rglob("*"), root]:
        os.utime(path, (1_500_000_000, 1_500_000_000))


def test_the_order_in_which_files_were_made_does_not_show(tmp_path: Path) -> None:
    files = ["b/x", "a", "b/a", "c/d/e", "B", "b.c"]
    tars = []
    for number, order in enumerate([files, files[::-1], sorted(files)]):
        (tmp_path / str(number)).mkdir()
        fill(tmp_path / str(number), order)
        tars.append(write(tmp_path / str(number)))

    assert tars[0] == tars[1] == tars[2]
    assert names(tars[0]) == ["B", "a", "b", "b/a", "b/x", "b.c", "c", "c/d", "c/d/e"]


@pytest.mark.root
def test_every_kind_of_file_survives_tar_and_back(root: Path, tmp_path: Path) -> None:
    fill(root, ["file", "dir/inner", "n" * 255, "/".join(["long" * 20] * 10)])
    (root / "empty").mkdir(mode=0o700)
    os.chown(root / "dir", 1000, 3_000_000)
    os.link(root / "file", root / "link")
    os.link(root / "file", root / "dir/link")
    os.symlink("x" * 300, root / "symlink")
    os.chown(root / "symlink", 5, 6, follow_symlinks=False)
    os.mknod(root / "device", stat.S_IFBLK | 0o660, os.makedev(8, 300))
    os.mkfifo(root / "fifo", 0o604)
    os.chmod(root / "dir/inner", 0o4755)
    os.setxattr(root / "file", "user.note", b"\0binary\n=")
    os.setxattr(root / "dir", "user.note", b"y" * 1000)
    os.setxattr(root / "dir/inner", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
    with open(root / os.fsdecode(b"\xff\xfe"), "wb") as sparse:
        sparse.truncate(3_000_000)
    os.utime(root / "file", (-5, -5))
    os.utime(root / "dir/inner", (1 << 34, 1 << 34))

    tar = write(root)
    apply_bytes(tar, tmp_path / "again")

    assert tree(tmp_path / "again") == tree(root)
    assert write(tmp_path / "again") == tar


def test_gnu_tar_and_python_read_what_is_written(root: Path, tmp_path: Path) -> None:
    fill(root, ["file", "dir/inner", "n" * 255, "/".join(["long" * 20] * 10), "ünï", "d" * 99 + "/" + "e" * 99])
    os.symlink("x" * 200 + "/" + "y" * 100, root / "symlink")
    tar = tmp_path / "layer.tar"
    tar.write_bytes(write(root))

    assert subprocess.run(["tar", "--compare", "-f", tar, "-C", root], check=False).returncode == 0
    with tarfile.open(tar) as archive:
        assert sorted(archive.getnames()) == sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def test_sockets_are_left_out(root: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{root}/s")
        (root / "f").touch()
        assert names(write(root)) == ["f"]


def test_overlays_own_attributes_are_left_out(root: Path) -> None:
    (root / "d").mkdir()
    for name in ("trusted.overlay.origin", "trusted.overlay.impure", "user.overlay.opaque", "user.izba.owner"):
        os.setxattr(root / "d", name, b"y")
    assert b"overlay" not in write(root)
    assert b"izba" not in write(root)


def test_a_root_directory_is_told_of_only_if_it_is_special(root: Path) -> None:
    assert write(root) == END
    os.chmod(root, 0o700)
    assert names(write(root)) == ["."]


def test_a_file_named_like_a_deletion_cannot_be_in_a_layer(root: Path) -> None:
    (root / ".wh.x").touch()
    with pytest.raises(CannotBeLayer, match="mean deletions"):
        write(root)


def test_a_renamed_directory_of_redirect_dir_is_refused_not_lost(root: Path) -> None:
    (root / "d").mkdir()
    os.setxattr(root / "d", "trusted.overlay.redirect", b"/e")
    with pytest.raises(CannotBeLayer, match="redirect_dir"):
        write(root)


def test_a_tree_deeper_than_names_is_an_error_and_not_a_crash(root: Path) -> None:
    fd = os.open(root, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    with pytest.raises(CannotBeLayer, match="more than 4095 bytes"):
        write(root)
    clamp_times(str(root), newest=5)
    from izba.layer.tree import remove

    root_fd = os.open(root, os.O_RDONLY)
    remove(b"d", root_fd)
    os.close(root_fd)
    assert list(root.iterdir()) == []


@pytest.mark.root
def test_the_changes_of_a_mounted_overlay_become_a_layer(tmp_path: Path) -> None:
    """The kernel's own marks: whiteouts, opaque directories, copied-up files."""
    lower, upper, work, merged = (tmp_path / name for name in ("lower", "upper", "work", "merged"))
    for path in (upper, work, merged):
        path.mkdir()
    apply_bytes(directory("d") + member("d/a", b"1") + member("d/b", b"2") + member("gone") + END, lower)
    apply_bytes(directory("e") + member("e/x") + directory("quiet") + member("quiet/x") + END, lower)
    options = f"lowerdir={lower},upperdir={upper},workdir={work},redirect_dir=off,index=off,metacopy=off"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, merged], check=True)
    try:
        (merged / "gone").unlink()
        (merged / "d/a").write_text("changed")
        os.link(merged / "d/a", merged / "d/linked")
        subprocess.run(["rm", "-r", merged / "e"], check=True)
        (merged / "e").mkdir()
        (merged / "e/new").write_text("new")
        (merged / "made").mkdir()
        clamp_times(str(upper), newest=1_600_000_000)
        after = {path: found[:5] for path, found in tree(merged).items()}
        listed = [(change.kind, change.path) for change in changes(str(upper), overlay=OVERLAY, lower_has=in_(lower))]
    finally:
        subprocess.run(["umount", merged], check=True)

    tar = write(upper)
    assert names(tar) == ["d", "d/a", "d/linked", "e", "e/.wh..wh..opq", "e/new", ".wh.gone", "made"]
    apply_bytes(tar, lower, overlay=None)
    assert {path: found[:5] for path, found in tree(lower).items()} == after
    assert listed == [
        *[("C", "/d"), ("C", "/d/a"), ("A", "/d/linked"), ("C", "/e"), ("A", "/e/new"), ("D", "/gone"), ("A", "/made")]
    ]


def in_(lower: Path):  # type: ignore[no-untyped-def]
    return lambda path: os.path.lexists(f"{lower}{path}")


def test_entries_are_looked_at_where_they_are_whatever_other_threads_open(root: Path) -> None:
    (root / "a").mkdir()
    (root / "a/inner").write_text("")
    (root / "b").symlink_to("target")
    (root / "c").mkdir()
    (root / "d").symlink_to("target")
    cursor, opened, links = Cursor(str(root)), [], []
    try:
        for prefix, entry in walk(cursor):
            opened.append(os.open("/dev/null", os.O_RDONLY))
            links += [prefix + entry.name] * stat.S_ISLNK(entry.stat(follow_symlinks=False).st_mode)
    finally:
        for fd in (*opened, cursor.fd):
            os.close(fd)

    assert links == ["b", "d"]


def test_times_later_than_the_newest_are_clamped_and_older_ones_stay(root: Path) -> None:
    fill(root, ["old", "new", "d/f"])
    os.symlink("old", root / "link")
    for name, time in (("old", 1000), ("new", 3000), ("d/f", 3000), ("d", 3000)):
        os.utime(root / name, (time, time))
    clamp_times(str(root), newest=2000)

    found = {path: values[5] for path, values in tree(root).items()}
    assert found == {"old": 1000, "new": 2000, "d": 2000, "d/f": 2000, "link": 2000}
    assert os.stat(root).st_mtime == 2000
    assert os.stat(root / "old").st_mtime == 1000


def test_a_failing_writer_fails_the_writing(root: Path) -> None:
    class Full:
        def write(self, data: bytes | memoryview) -> int:
            raise OSError(28, "No space left on device")

    (root / "f").write_bytes(bytes(20 << 20))
    with pytest.raises(OSError, match="No space left"):
        write_layer(str(root), Full(), ops=fsops(), overlay=OVERLAY)
