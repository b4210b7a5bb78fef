"""Random trees come back as they were; random bytes do no harm. Found by hypothesis, with files on a real disk."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from izba.errors import DataLoss, InvalidArgument
from izba.layer.apply import apply
from izba.layer.compress import Growth, decompressor
from izba.layer.diff import frame, write_layer
from izba.layer.fsops import fsops
from izba.layer.tarheader import FIFO, FILE, Entry, pack
from izba.layer.tarstream import Limits, TarReader
from tests.layer.tars import END, OVERLAY, apply_bytes, member, tree

SETTINGS = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
LIMITS = Limits(size=1 << 24, entries=1000)


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory with a canary beside it, which is checked and removed."""
    path = Path(tempfile.mkdtemp(prefix="izba-layer-"))
    (path / "host").mkdir()
    (path / "host/canary").write_text("unharmed")
    before = tree(path / "host")
    (path / "fs").mkdir()
    try:
        yield path / "fs"
        assert tree(path / "host") == before
        assert sorted(os.listdir(path)) == ["fs", "host"]
    finally:
        shutil.rmtree(path)


names = st.one_of(
    st.sampled_from([b"a", b"b", b"c", b"A", b"a.b", b"\xff", "ü".encode(), b"n" * 120, b" ", b"a\nb"]),
    st.binary(min_size=1, max_size=8).filter(lambda name: not {b"/"[0], 0} & set(name) and name not in {b".", b".."}),
).filter(lambda name: not name.startswith(b".wh."))
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join)
kinds = st.sampled_from(["file", "file", "directory", "symlink", "link", "fifo", "device"])
nodes = st.tuples(
    kinds, paths, st.binary(max_size=3000), st.integers(0, 0o7777), st.integers(0, 70000), st.integers(0, 1 << 33)
)


@pytest.mark.root
@SETTINGS
@given(st.lists(nodes, max_size=12))
def test_a_tree_written_and_applied_is_the_same_tree(drawn: list[tuple[str, bytes, bytes, int, int, int]]) -> None:
    with scratch() as root, scratch() as again:
        grow(os.fsencode(root), drawn)
        out = io.BytesIO()
        written = write_layer(str(root), out, ops=fsops(), overlay=OVERLAY)
        applied = apply_bytes(out.getvalue(), again)

        assert tree(again) == tree(root)
        assert (applied.diff_id, applied.size, applied.files) == (written.diff_id, written.size, written.files)
        second = io.BytesIO()
        write_layer(str(again), second, ops=fsops(), overlay=OVERLAY)
        assert second.getvalue() == out.getvalue()
        assert frame(str(again), ops=fsops(), overlay=OVERLAY) == applied.frame


@settings(max_examples=200, deadline=None)
@given(
    st.binary(min_size=1, max_size=110).filter(lambda name: 0 not in name and not name.endswith(b"/")),
    st.integers(0, 0o7777),
    st.tuples(*2 * [st.sampled_from([0, 1000, 8**7 - 1, 8**7, 2**32 - 2])]),
    st.sampled_from([0, 1, 511, 8**11 - 1, 8**11]),
    st.sampled_from([0, 1, 1_700_000_000, 8**11 - 1, 8**11, -1]),
)
def test_a_files_header_is_like_that_of_anything_else(
    name: bytes, mode: int, owner: tuple[int, int], size: int, time: int
) -> None:
    """Files have a faster way to their header."""
    blocks = []
    for kind in (FILE, FIFO):
        entry = Entry(name, kind)
        entry.mode, (entry.uid, entry.gid), entry.size, entry.mtime = mode, owner, size, time * 10**9
        blocks.append(pack(entry))
    file, fifo = blocks

    read = next(iter(TarReader(io.BytesIO(file + END).read1)))
    assert (file[:-364], file[-355:]) == (fifo[:-364], fifo[-355:]), "all but checksum and type"
    assert (read.name, read.mode, read.uid, read.gid, read.type) == (name, mode, *owner, FILE)


def grow(root: bytes, drawn: list[tuple[str, bytes, bytes, int, int, int]]) -> None:
    files: list[bytes] = []
    for kind, name, data, mode, owner, time in drawn:
        path = root + b"/" + name
        if os.path.realpath(os.path.dirname(path)) != os.path.dirname(path):
            continue  # through a link, which may lead anywhere
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if kind == "directory":
                os.mkdir(path)
            elif kind == "symlink":
                os.symlink(data.replace(b"\0", b"")[:300] or b"x", path)
            elif kind == "link" and files:
                os.link(files[len(data) % len(files)], path, follow_symlinks=False)
            elif kind == "fifo":
                os.mkfifo(path)
            elif kind == "device":
                os.mknod(path, stat.S_IFBLK, os.makedev(8, 1 + len(data)))
            else:
                with open(path, "xb") as file:
                    file.write(data)
                files.append(path)
        except (FileExistsError, NotADirectoryError):
            continue
        os.chown(path, owner, owner // 2, follow_symlinks=False)
        if not os.path.islink(path):
            os.chmod(path, mode)
            if kind == "file":
                os.setxattr(path, "user.x", data[:40])
        os.utime(path, (time, time), follow_symlinks=False)
    for directory, _, _ in os.walk(root):
        os.utime(directory, (5, 5))


hostile_names = st.one_of(
    st.lists(
        st.sampled_from([b"..", b".", b"", b"a", b"b", b"c", b"host", b"canary", b".wh.a", b".wh..wh..opq", b".wh..."]),
        min_size=1,
        max_size=5,
    ).map(b"/".join),
    st.sampled_from([b"../host/canary", b"../../host/canary", b"/", b"a", b"a/b", b"b/c"]),
)
entries = st.builds(
    member,
    hostile_names,
    st.binary(max_size=600),
    type=st.sampled_from([b"0", b"0", b"1", b"2", b"2", b"3", b"5", b"5", b"6", b"x", b"L", b"K", b"S", b"g", b"7"]),
    link=hostile_names,
    mode=st.integers(0, 0o7777),
    uid=st.integers(0, 100),
    device=st.tuples(st.integers(0, 2), st.integers(0, 2)),
)


@pytest.mark.root
@pytest.mark.parametrize("overlay", [OVERLAY, None], ids=["overlay", "whole tree"])
@SETTINGS
@given(st.lists(entries, max_size=10))
def test_hostile_entries_in_any_order_stay_inside(overlay: object, layers: list[bytes]) -> None:
    with scratch() as root:
        for _ in range(2):  # the second time onto what the first left, as onto a whole tree
            try:
                apply_bytes(b"".join(layers) + END, root, overlay=overlay, limits=LIMITS)  # type: ignore[arg-type]
            except (InvalidArgument, DataLoss):
                pass
            if overlay is not None:
                break


base = b"".join(
    [
        member("a", b"x" * 700, pax={"path": "n" * 150, "SCHILY.xattr.user.a": "1"}),
        member("d", type=b"5"),
        member("d/l", type=b"2", link="../a"),
        member("L", b"g" * 120 + b"\0", type=b"L") + member("x", b"2"),
        member("s", b"ab", pax={"GNU.sparse.size": "9", "GNU.sparse.map": "1,1,5,1"}),
        END,
    ]
)


@pytest.mark.root
@SETTINGS
@given(st.lists(st.tuples(st.integers(0, len(base) - 1), st.binary(min_size=1, max_size=20)), min_size=1, max_size=5))
def test_a_garbled_tar_is_refused_or_applied(changes: list[tuple[int, bytes]]) -> None:
    garbled = bytearray(base)
    for at, data in changes:
        garbled[at : at + len(data)] = data
    check_sums(garbled)
    with scratch() as root:
        try:
            apply_bytes(bytes(garbled), root, limits=LIMITS)
        except (InvalidArgument, DataLoss):
            pass


def check_sums(data: bytearray) -> None:
    """Make the headers pass the first test, so that what is behind it is tested."""
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])


@SETTINGS
@given(st.binary(max_size=3000), st.sampled_from([b"", b"\x1f\x8b\x08\0", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xfd7zXZ\0"]))
def test_random_bytes_are_refused_or_nothing(data: bytes, magic: bytes) -> None:
    with scratch() as root:
        try:
            stream = decompressor(io.BytesIO(magic + data), growth=Growth(ratio=100, free=1 << 20))
            apply(stream, str(root), ops=fsops(), overlay=OVERLAY, limits=LIMITS)
        except (InvalidArgument, DataLoss):
            pass
