"""gzip as izba writes it (RFC 1951, RFC 1952): in steps that are compressed each for itself.

What does not become smaller (pictures, archives, what is compressed already) is stored as it is. To read it back is
then a copy, ten times as fast as to decode it; and a look at a sample tells most of it, so that it is not compressed in
vain.
"""

from __future__ import annotations

import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HEADER = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time, no particular system
_RAW = -15  # zlib.h, deflateInit2: a window of 32 KiB and no wrapper
_LEVEL = 1
_LAST = b"\x01\0\0\xff\xff"  # a stored block of no bytes that ends the stream
_STORABLE = (1 << 16) - 1  # bytes of one stored block
_SAMPLES, _SAMPLE = 16, 1 << 10
_WORTH = 32  # to save less than one part of so many is not worth the decoding


class Gzip:
    """One member. `compress` is called with one step after another; where they end shows in the outcome."""

    def __init__(self) -> None:
        self._codec = deflate_module()
        self._crc = 0
        self._size = 0
        self._header = _HEADER

    def compress(self, data: bytearray | memoryview, /) -> bytes:
        """A step, and before the first the header."""
        self._crc = self._codec.crc32(data, self._crc)
        self._size += len(data)
        header, self._header = self._header, b""
        return header + self._step(memoryview(data))

    def flush(self) -> bytes:
        """The end of the member."""
        trailer = self._crc.to_bytes(4, "little") + (self._size & 0xFFFFFFFF).to_bytes(4, "little")
        return self._header + _LAST + trailer

    def _step(self, data: memoryview) -> bytes:
        if not data:
            return b""
        spacing = len(data) // _SAMPLES
        if spacing > _SAMPLE:
            sample = b"".join(data[at : at + _SAMPLE] for at in range(0, spacing * _SAMPLES, spacing))
            if not _is_worth(self._deflated(memoryview(sample)), sample):
                return _stored(data)
        deflated = self._deflated(data)
        return deflated if _is_worth(deflated, data) else _stored(data)

    def _deflated(self, data: memoryview) -> bytes:
        compressor = self._codec.compressobj(_LEVEL, zlib.DEFLATED, _RAW)
        deflated: bytes = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)  # up to a whole byte
        return deflated


def deflate_module() -> Any:
    """isal's replacement of zlib, or where it has no wheel, zlib."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib
    return isal_zlib


def _is_worth(deflated: bytes, data: bytes | memoryview) -> bool:
    return len(deflated) < len(data) - len(data) // _WORTH


def _stored(data: memoryview) -> bytes:
    blocks: list[bytes | memoryview] = []
    for begin in range(0, len(data), _STORABLE):
        block = data[begin : begin + _STORABLE]
        length = len(block)
        blocks += [b"\0" + length.to_bytes(2, "little") + (length ^ 0xFFFF).to_bytes(2, "little"), block]
    return b"".join(blocks)
