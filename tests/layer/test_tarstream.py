"""Tars of every dialect, read from other people's writers."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import tarfile
from pathlib import Path

import pytest

from izba.errors import DataLoss, InvalidArgument
from izba.layer.tarheader import BadTar, Entry
from izba.layer.tarstream import TarReader
from tests.layer.tars import END, apply_bytes, member, record, tree


def entries(data: bytes) -> list[Entry]:
    stream = io.BytesIO(data)
    return list(TarReader(lambda: stream.read(700)))  # no multiple of a block: pieces end anywhere


def fill(root: Path) -> None:
    root.mkdir()
    (root / "file").write_bytes(b"x" * 1000)
    (root / ("n" * 120)).write_bytes(b"long")
    deep = root / "/".join(["d" * 60] * 4)
    deep.mkdir(parents=True)
    (deep / "e").write_bytes(b"deep")
    os.symlink("t" * 200, root / "link")
    os.link(root / "file", root / "hard")
    for path in [*root.rglob("*"), root]:
        os.utime(path, (1_500_000_000, 1_500_000_000), follow_symlinks=False)


@pytest.mark.parametrize("format", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_every_format_of_gnu_tar_is_read(tmp_path: Path, format: str) -> None:
    root = tmp_path / "root"
    if format in {"v7", "ustar"}:
        root.mkdir()
        (root / "file").write_bytes(b"x" * 1000)
        (root / "dir").mkdir()
        os.link(root / "file", root / "dir/hard")
    else:
        fill(root)
    tar = subprocess.run(["tar", f"--format={format}", "-C", root, "-cf", "-", "."], check=True, capture_output=True)
    apply_bytes(tar.stdout, tmp_path / "again")

    assert tree(tmp_path / "again", times=format != "v7") == tree(root, times=format != "v7")


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_pythons_tars_are_read(tmp_path: Path, format: int) -> None:
    fill(tmp_path / "root")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        tar.add(tmp_path / "root", ".")
    apply_bytes(out.getvalue(), tmp_path / "again")

    assert tree(tmp_path / "again") == tree(tmp_path / "root")


@pytest.mark.parametrize("version", ["gnu", "posix 0.0", "posix 0.1", "posix 1.0"])
def test_sparse_files_keep_their_holes(tmp_path: Path, version: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with (root / "sparse").open("wb") as file:
        for offset in (0, 1 << 20, 5 << 20, *range(8 << 20, 12 << 20, 100_000)):  # more than an old header holds
            file.seek(offset)
            file.write(b"data at %d" % offset)
        file.truncate(20 << 20)
    (root / "after").write_text("after")
    words = [
        "tar",
        f"--format={version.partition(' ')[0]}",
        "--sparse",
        "--hole-detection=raw",
        "-C",
        str(root),
        "-cf",
        "-",
        ".",
    ]
    if " " in version:
        words.insert(1, f"--sparse-version={version.partition(' ')[2]}")
    tar = subprocess.run(words, check=True, capture_output=True).stdout
    assert len(tar) < 2 << 20
    apply_bytes(tar, tmp_path / "again")

    assert tree(tmp_path / "again", times=False) == tree(root, times=False)
    assert os.stat(tmp_path / "again/sparse").st_blocks * 512 < 4 << 20


def test_numbers_in_base_256() -> None:
    size = b"\x80" + (3).to_bytes(11, "big")
    [entry] = entries(member("x", b"abc", size=size, uid=b"\x80\0\0\0\0\x98\x96\x80", mtime=b"\xff" * 12) + END)

    assert (entry.size, entry.uid, entry.mtime) == (3, 10_000_000, -1_000_000_000)


def test_pax_records_replace_the_headers_fields() -> None:
    pax = {"path": "ü", "mtime": "1.25", "uid": "3000000", "gid": "7", "size": "3", "SCHILY.xattr.user.a": b"=\0\n"}
    [entry] = entries(member("x", b"abc", size=0, pax=pax)[:-512] + b"abc".ljust(512, b"\0") + END)

    assert (entry.name, entry.uid, entry.gid, entry.size) == ("ü".encode(), 3_000_000, 7, 3)
    assert entry.mtime == 1_250_000_000
    assert entry.xattrs == {"user.a": b"=\0\n"}


def test_global_headers_say_nothing_about_a_layer() -> None:
    [entry] = entries(member("g", record("path", b"evil"), type=b"g") + member("x") + END)

    assert entry.name == b"x"


def test_a_header_with_signed_checksum_is_read() -> None:
    """As some old tars summed."""
    block = bytearray(member(b"\xff\xfe"))
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + block[156:512]) + 256
    block[148:156] = b"%06o\0 " % signed

    assert entries(bytes(block) + END)[0].name == b"\xff\xfe"


def test_bodies_of_what_has_none_are_not_read() -> None:
    names = [entry.name for entry in entries(member("d/", type=b"5", size=512) + member("x") + END)]

    assert names == [b"d/", b"x"]


BROKEN = {
    "a wrong checksum": (member("x")[:148] + b"0000000\0" + member("x")[156:], "checksum"),
    "no tar": (b"\x7fELF" + bytes(1020), "not a tar archive"),
    "a number that is none": (member("x", uid=b"12x4567"), "no number"),
    "an octal number that is none": (member("x", uid=b"1234889"), "octal"),
    "python's other spellings of numbers": (member("x", uid=b"1_0"), "no number"),
    "a negative size": (member("x", size=b"\xff" * 12), "negative"),
    "a pax record without length": (member("p", b"path=x\n", type=b"x") + member("x"), "no length"),
    "a pax record that is too long": (member("p", b"99 path=x\n", type=b"x") + member("x"), "not LENGTH"),
    "a pax record of length 0": (member("p", b"0 path=x\n", type=b"x") + member("x"), "not LENGTH"),
    "a pax record without newline": (member("p", b"9 path=xy", type=b"x") + member("x"), "not LENGTH"),
    "a pax record without key": (member("p", record("", b"x"), type=b"x") + member("x"), "not LENGTH"),
    "a pax size that is none": (member("x", pax={"size": "-1"}), "no number"),
    "a pax size beyond all": (member("x", pax={"size": "9" * 20}), "no number"),
    "a pax time that is none": (member("x", pax={"mtime": "1e5"}), "no time"),
    "a pax header before nothing": (member("p", record("path", b"x"), type=b"x"), "followed by no entry"),
    "an unknown type": (member("x", type=b"Z"), "unknown type"),
    "a sparse map that overlaps": (
        member("x", b"ab", pax={"GNU.sparse.size": "9", "GNU.sparse.map": "4,1,0,1"}),
        "overlap",
    ),
    "a sparse map beyond the file": (
        member("x", b"ab", pax={"GNU.sparse.size": "5", "GNU.sparse.map": "4,2"}),
        "does not fit",
    ),
    "a sparse map without its data": (
        member("x", b"a", pax={"GNU.sparse.size": "9", "GNU.sparse.map": "0,5"}),
        "does not fit",
    ),
    "a sparse map of odd length": (
        member("x", b"a", pax={"GNU.sparse.size": "9", "GNU.sparse.map": "0,1,5"}),
        "pairs",
    ),
    "a sparse map that promises much": (
        member("x", b"99999999\n", pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}),
        "does not end",
    ),
    "a sparse form that is unknown": (
        member("x", b"", pax={"GNU.sparse.major": "2", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}),
        "unknown form",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_tars_are_named_as_such(tmp_path: Path, what: str) -> None:
    data, says = BROKEN[what]
    with pytest.raises(BadTar, match=says):
        apply_bytes(data + END, tmp_path)


def test_a_sparse_map_cannot_have_pieces_without_end(tmp_path: Path) -> None:
    """CVE-2025-58183."""
    sparse = bytearray(member("x", type=b"S", size=0))
    sparse[386:410] = b"%011o\0%011o\0" % (0, 0)
    sparse[482] = 1
    sparse[148:156] = b" " * 8
    sparse[148:156] = b"%06o\0 " % sum(sparse[:512])
    extension = (b"%011o\0%011o\0" % (0, 0)) * 21 + b"\1" + bytes(7)
    with pytest.raises(BadTar, match="too many pieces"):
        apply_bytes(bytes(sparse) + extension * 5000 + END, tmp_path)


def test_every_prefix_of_a_tar_is_an_error_or_a_whole_number_of_entries(tmp_path: Path) -> None:
    data = member("a", b"x" * 600, pax={"path": "b" * 150}) + member("c", type=b"5")
    for cut in range(0, len(data), 37):
        try:
            entries(data[:cut])
        except (InvalidArgument, DataLoss):
            assert cut % 512 or cut in {512, 1024, 1536, 2048}


def test_the_digest_is_of_every_byte(tmp_path: Path) -> None:
    data = member("a", b"x" * 600) + END + b"junk after the end"

    assert apply_bytes(data, tmp_path).diff_id == f"sha256:{hashlib.sha256(data).hexdigest()}"
