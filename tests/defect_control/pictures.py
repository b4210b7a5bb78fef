"""Pictures and things that pretend to be pictures."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def photo(
    size: tuple[int, int] = (1600, 1200),
    image_format: str = "JPEG",
    *,
    mode: str = "RGB",
    orientation: int = 1,
    camera: str = "",
) -> bytes:
    content = io.BytesIO()
    image = Image.new(mode, size, "firebrick")
    exif = image.getexif()
    exif[0x0112] = orientation
    if camera:
        exif[0x010F] = camera
    image.save(content, image_format, exif=exif)
    return content.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes that announce a picture of any size: a decompression bomb before it is lit."""
    return _png(width, height, (b"IDAT", zlib.compress(b"")))


def png_with(kind: bytes, size: int) -> bytes:
    """One pixel, and beside it so many bytes that are small while they are compressed."""
    compress = zlib.compressobj(9)
    packed = b"".join(compress.compress(bytes(2**20)) for _ in range(size // 2**20)) + compress.flush()
    return _png(1, 1, (kind, b"name\0\0" + packed), (b"IDAT", zlib.compress(bytes(4))))


def _png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    every = ((b"IHDR", header), *chunks, (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in every
    )
