"""Archives that ADD unpacks, known by their content: tar, plain or compressed by gzip, bzip2, xz or zstd.

Decompressors are libraries in this process: a program looked up on PATH could be anybody's.
"""

from __future__ import annotations

from izba.layer.compress import CorruptStream, decompressor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

    from izba.layer.streams import Reader

_BLOCK = 512


def open_archive(path: str) -> tuple[IO[bytes], Reader] | None:
    """The file `path`, to be closed, and the tar that it holds, uncompressed; None if it holds none."""
    file = open(path, "rb")
    try:
        try:
            header = _read_block(decompressor(file))
        except CorruptStream:
            header = b""
        if is_tar_header(header):
            file.seek(0)
            return file, decompressor(file)
    except BaseException:
        file.close()
        raise
    file.close()
    return None


def is_tar_header(block: bytes) -> bool:
    """Whether a block of 512 bytes begins a tar: its checksum is right (POSIX.1-2017, pax)."""
    if len(block) != _BLOCK:
        return False
    try:
        recorded = int(block[148:156].strip(b" \0"), 8)
    except ValueError:
        return False
    return recorded == sum(block[:148]) + 8 * ord(" ") + sum(block[156:]) and any(block)


def _read_block(stream: Reader) -> bytes:
    data = b""
    while len(data) < _BLOCK and (more := stream.read(_BLOCK - len(data))):
        data += more
    return data
