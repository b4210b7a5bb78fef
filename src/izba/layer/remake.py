"""Whether a layer's blob is what izba itself would compress its tar to; if so, it need not be kept.

Told from the beginning of the blob: what its first half megabyte of tar gives when it is compressed here, now, is
compared byte for byte. No name and no version is believed. Another compressor differs right after its header; and were
there one that differs only later, a push would send the same layer in another form, as it does with layers of builds.
"""

from __future__ import annotations

from izba.layer.compress import STEP, CorruptStream, compressor, decompressor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.layer.compress import Kind

BEGINNING = 3 << 19
"""Bytes of a blob that `form_of` needs, unless that is all of it: incompressible data takes little more than a step."""

_MAGIC: dict[bytes, Kind] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


def form_of(beginning: bytes, *, is_whole: bool) -> Kind | None:
    """How izba would compress to a blob that begins like this, or is this; None if it surely would not."""
    kind = next((kind for magic, kind in _MAGIC.items() if beginning.startswith(magic)), None)
    if kind is None:
        return None
    tar, has_ended = _decompressed(beginning)
    made = _Bytes()
    writer = compressor(made, kind)
    writer.write(tar)
    if is_whole and has_ended:
        writer.close()
        return kind if made.data == beginning else None
    return kind if len(made.data) >= _ENOUGH and beginning.startswith(bytes(made.data)) else None


_ENOUGH = 1 << 8  # a header and what follows it; half a megabyte of one single letter makes no more


class _Bytes:
    """Bytes as a stream, and what is written."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)

    def read(self, count: int, /) -> bytes:
        data = bytes(self.data[:count])
        del self.data[:count]
        return data

    def write(self, data: bytes | memoryview, /) -> object:
        self.data += data
        return len(data)


def _decompressed(beginning: bytes) -> tuple[bytes, bool]:
    """A step of the tar, or less where the stream ends before; and whether it ended there."""
    tar = bytearray()
    reader = decompressor(_Bytes(beginning), expected="")
    try:
        while len(tar) < STEP:
            piece = reader.read(STEP - len(tar))
            if not piece:
                return bytes(tar), True
            tar += piece
    except CorruptStream:
        pass  # it goes on where the beginning ends
    return bytes(tar), False
