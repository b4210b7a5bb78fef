"""Pictures and things that pretend to be pictures."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def photo(
    size: tuple[int, int] = (1600, 1200), image_format: str = "JPEG", *, mode: str = "RGB", orientation: int = 1
) -> bytes:
    content = io.BytesIO()
    image = Image.new(mode, size, "firebrick")
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(content, image_format, exif=exif)
    return content.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A few bytes that announce a picture of any size: a decompression bomb before it is lit."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
