"""Package files are read here, bounded, by no program of the host."""

from __future__ import annotations

import lzma
import os
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from izba.bootstrap.debian import deb as debs
from izba.bootstrap.errors import Corrupt
from tests.bootstrap.debs import COMPRESSIONS, Deb, Entry, ar, file, tar

CONTROL = tar([Entry(name="./control", data=b"Package: x\n")])


def saved(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "x.deb"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression_is_read(tmp_path: Path, compression: str) -> None:
    package = Deb("x", data=[file("etc/a", b"content")], control={"postinst": "#!/bin/sh\n"}, compression=compression)

    deb = debs.read(saved(tmp_path, package.build()))

    assert [(each.name, each.mode) for each in deb.control] == [("control", 0o644), ("postinst", 0o755)]
    assert b"content" in b"".join(deb.data_chunks())


def test_no_decompressor_of_the_host_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A7."""
    for name in ("xz", "unxz", "zstd", "unzstd", "gzip", "ar", "tar", "dpkg-deb"):
        (tmp_path / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/canary\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    for compression in ("xz", "zst", "gz"):
        list(debs.read(saved(tmp_path, Deb("x", compression=compression).build())).data_chunks())

    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no ar archive"),
        (b"!<arch>\n", "does not begin with debian-binary"),
        (b"MZ" * 100, "no ar archive"),
        (ar(("debian-binary", b"3.0\n")), "format that izba does not know"),
        (ar(("debian-binary", b"2.0\n")), "has 0 members control.tar"),
        (ar(("debian-binary", b"2.0\n"), ("control.tar", CONTROL)), "has 0 members data.tar"),
        (ar(("control.tar", CONTROL), ("debian-binary", b"2.0\n")), "does not begin with debian-binary"),
        (
            ar(("debian-binary", b"2.0\n"), ("control.tar", CONTROL), ("data.tar", b""), ("data.tar.gz", b"")),
            "has 2 members data.tar",
        ),
        (
            ar(("debian-binary", b"2.0\n"), ("control.tar.xz", b"\xfd7zXZ\0garbage"), ("data.tar", b"")),
            "cannot be read",
        ),
        (ar(("debian-binary", b"2.0\n"), ("control.tar.gz", b"\x1f\x8b"), ("data.tar", b"")), "ends too early"),
    ],
)
def test_garbage_is_told_with_what_is_wrong(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(Corrupt, match=said):
        debs.read(saved(tmp_path, data))


@pytest.mark.parametrize("size", [b"99999999  ", b"-1        ", b"          ", b"0x10      ", b"1e3       "])
def test_a_size_that_lies_is_an_error(tmp_path: Path, size: bytes) -> None:
    """A9."""
    data = bytearray(Deb("x").build())
    data[8 + 48 : 8 + 58] = size

    with pytest.raises(Corrupt):
        debs.read(saved(tmp_path, bytes(data)))


def test_a_package_cut_off_anywhere_is_an_error(tmp_path: Path) -> None:
    whole = Deb("x", data=[file("a", os.urandom(2000))]).build()

    for end in range(0, len(whole) - 1, 97):
        with pytest.raises(Corrupt):
            deb = debs.read(saved(tmp_path, whole[:end]))
            list(deb.data_chunks())


@pytest.mark.parametrize("name", ["../../etc/passwd", "sub/postinst", "./"])
def test_a_control_file_has_a_plain_name(tmp_path: Path, name: str) -> None:
    """A1: it becomes a file in dpkg's directory."""
    control = tar([Entry(name="./control", data=b"Package: x\n"), Entry(name=name, data=b"evil")])

    with pytest.raises(Corrupt):
        _read(tmp_path, ar(("debian-binary", b"2.0\n"), ("control.tar", control), ("data.tar", tar([]))))


def _read(tmp_path: Path, data: bytes) -> tuple[debs.ControlFile, ...]:
    return debs.read(saved(tmp_path, data)).control


def test_a_control_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    control = tar([Entry(name="./control", data=b"Package: x\n"), Entry(name="control", data=b"Package: y\n")])

    with pytest.raises(Corrupt):
        _read(tmp_path, ar(("debian-binary", b"2.0\n"), ("control.tar", control), ("data.tar", tar([]))))


def test_a_bomb_in_the_control_archive_takes_no_memory(tmp_path: Path) -> None:
    """A6: 200 MB of zeros in 30 kB."""
    bomb = lzma.compress(tar([Entry(name="./control", data=b"Package: x\n")])[:512] + bytes(200 << 20))
    path = saved(tmp_path, ar(("debian-binary", b"2.0\n"), ("control.tar.xz", bomb), ("data.tar", b"")))

    tracemalloc.start()
    try:
        with pytest.raises(Corrupt):
            debs.read(path)
        assert tracemalloc.get_traced_memory()[1] < 100 << 20
    finally:
        tracemalloc.stop()


def test_devices_and_links_among_the_control_files_are_left_alone(tmp_path: Path) -> None:
    control = tar(
        [
            Entry(name="./control", data=b"Package: x\n"),
            Entry(name="./postinst", type=tarfile.SYMTYPE, link="/etc/passwd"),
            Entry(name="./null", type=tarfile.CHRTYPE),
        ]
    )
    data = ar(("debian-binary", b"2.0\n"), ("control.tar", control), ("data.tar", tar([])))

    assert [each.name for each in _read(tmp_path, data)] == ["control"]
