"""Compressed streams: whatever they are, in bounded memory, to a verified end."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import subprocess
import zlib

import pytest
import zstandard

from izba.errors import InvalidArgument
from izba.layer.compress import STEP, Bomb, CorruptStream, Growth, compressor, decompressor

DATA = random.Random(7).randbytes(300_000) + bytes(3_000_000) + b"tail"
COMPRESS = {"gzip": gzip.compress, "zstd": zstandard.compress, "bzip2": bz2.compress, "xz": lzma.compress}
KINDS = list(COMPRESS)


def read_all(data: bytes, *, count: int = 1 << 20, **rest: object) -> bytes:
    reader = decompressor(io.BytesIO(data), **rest)  # type: ignore[arg-type]
    out = []
    while piece := reader.read(count):
        assert len(piece) <= count
        out.append(piece)
    return b"".join(out)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1 << 20, 1000])
def test_each_kind_is_recognised_and_read(kind: str, count: int) -> None:
    assert read_all(COMPRESS[kind](DATA), count=count) == DATA


@pytest.mark.parametrize("data", [b"", b"x", b"tar", DATA])
def test_what_is_not_compressed_is_passed_on(data: bytes) -> None:
    assert read_all(data) == data


@pytest.mark.parametrize("kind", KINDS)
def test_members_one_after_the_other_are_one_stream(kind: str) -> None:
    parts = [b"a" * 70_000, b"", b"b" * 5, DATA]

    assert read_all(b"".join(COMPRESS[kind](part) for part in parts)) == b"".join(parts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zeros", [1, 511, 300_000])
def test_nuls_after_the_end_are_padding(kind: str, zeros: int) -> None:
    assert read_all(COMPRESS[kind](b"data") + bytes(zeros)) == b"data"


@pytest.mark.parametrize("kind", KINDS)
def test_anything_else_after_the_end_is_damage(kind: str) -> None:
    with pytest.raises(CorruptStream):
        read_all(COMPRESS[kind](b"data") + b"\0\0garbage" * 10)


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_that_ends_early_is_damage(kind: str) -> None:
    whole = COMPRESS[kind](DATA)
    for cut in (10, len(whole) // 2, len(whole) - 1):
        with pytest.raises(CorruptStream):
            read_all(whole[:cut])


@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_is_damage(kind: str) -> None:
    whole = bytearray(
        zstandard.ZstdCompressor(write_checksum=True).compress(DATA) if kind == "zstd" else COMPRESS[kind](DATA)
    )
    whole[len(whole) // 2] ^= 0x10
    with pytest.raises(CorruptStream):
        read_all(bytes(whole))


@pytest.mark.parametrize("kind", ["bzip2", "xz"])
def test_layers_are_not_what_the_specification_does_not_know(kind: str) -> None:
    with pytest.raises(InvalidArgument, match=f"compressed with {kind}"):
        read_all(COMPRESS[kind](b"data"), expected="gzip")


def test_the_bytes_decide_between_what_layers_may_be() -> None:
    assert read_all(zstandard.compress(b"data"), expected="gzip") == b"data"
    assert read_all(b"data", expected="gzip") == b"data"


@pytest.mark.parametrize("kind", ["gzip", "zstd", "xz", "bzip2"])
def test_a_bomb_is_stopped_by_its_growth(kind: str) -> None:
    """A6."""
    bomb = COMPRESS[kind](bytes(64 << 20))
    with pytest.raises(Bomb):
        read_all(bomb, growth=Growth(ratio=100, free=1 << 20))


def test_a_window_that_would_need_much_memory_is_refused() -> None:
    """A6."""
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=30, enable_ldm=False)
    writer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(CorruptStream):
        read_all(writer.compress(bytes(1000)) + writer.flush())


@pytest.mark.parametrize("kind", ["gzip", "zstd", "none"])
def test_what_is_compressed_reads_back_and_is_the_same_each_time(kind: str) -> None:
    results = []
    for _ in range(2):
        out = io.BytesIO()
        writer = compressor(out, kind)  # type: ignore[arg-type]
        for at in range(0, len(DATA), 100_000):
            writer.write(memoryview(DATA)[at : at + 100_000])
        writer.close()
        results.append(out.getvalue())

    assert results[0] == results[1]
    assert read_all(results[0]) == DATA
    if kind == "gzip":
        assert results[0][4:8] == bytes(4)  # no time
        assert subprocess.run(["gzip", "-dc"], input=results[0], capture_output=True, check=True).stdout == DATA


def test_zlib_reads_what_is_written_where_isal_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "isal", None)
    out = io.BytesIO()
    writer = compressor(out, "gzip")
    writer.write(DATA)
    writer.close()

    assert zlib.decompress(out.getvalue(), 31) == DATA
    assert read_all(out.getvalue()) == DATA


def compressed(data: bytes, kind: str, *, piece: int) -> bytes:
    out = io.BytesIO()
    writer = compressor(out, kind)  # type: ignore[arg-type]
    for at in range(0, len(data), piece):
        writer.write(memoryview(data)[at : at + piece])
    writer.close()
    return out.getvalue()


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_how_it_was_cut_when_it_was_written_does_not_show(kind: str) -> None:
    assert compressed(DATA, kind, piece=999) == compressed(DATA, kind, piece=1 << 22)


@pytest.mark.parametrize(
    ("data", "is_stored"),
    [
        (b"", True),
        (b"x", True),
        (random.Random(1).randbytes(2_000_000), True),
        (random.Random(1).randbytes(100_000) + bytes(20_000), False),
        (b"words, and more words\n" * 100_000, False),
        ((random.Random(1).randbytes(2_000) + bytes(48)) * 1_000, False),
    ],
)
def test_what_gains_nothing_is_stored_and_all_else_deflated(data: bytes, is_stored: bool) -> None:
    out = compressed(data, "gzip", piece=100_000)

    assert zlib.decompress(out, 31) == data
    assert subprocess.run(["gzip", "-dc"], input=out, capture_output=True, check=True).stdout == data
    if is_stored:
        blocks = sum(-(-len(data[at : at + STEP]) // 65535) for at in range(0, len(data), STEP))
        assert len(out) == 10 + len(data) + 5 * blocks + 5 + 8
    else:
        assert len(out) < len(data) * 0.99
