"""Compression of layers, always in this process: no program is looked up on a PATH, least of all a container's.

gzip by isal (zlib where it is missing) and zstd are what layers use; bzip2 and xz are read where Docker reads them too:
images to import and archives to add.
"""

from __future__ import annotations

import zlib

from izba._record import Record
from izba.errors import DataLoss, InvalidArgument
from izba.layer.deflate import Gzip, deflate_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    import bz2
    import lzma
    from collections.abc import Callable, Iterator
    from typing import Literal, Protocol

    import zstandard

    from izba.layer.streams import Reader, Writer

    Kind = Literal["gzip", "zstd", "none"]

    class Decompressor(Protocol):
        """One gzip member, zstd frame or the like, in the manner of zlib's decompression objects."""

        @property
        def eof(self) -> bool: ...
        @property
        def unused_data(self) -> bytes: ...
        @property
        def unconsumed_tail(self) -> bytes: ...
        def decompress(self, data: bytes, max_length: int, /) -> bytes: ...

    class Compressor(Protocol):
        def compress(self, data: bytearray | memoryview, /) -> bytes: ...
        def flush(self) -> bytes: ...


_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz"}
_SNIFF = 6
_INPUT = 1 << 19
_OUTPUT = 1 << 19  # what the readers of layers ask for at once, so that no piece is cut
STEP = 1 << 19
"""A compressor gets its input in steps of so many bytes, since where the steps end shows in what it makes of them."""
_GZIP_BITS = 31  # zlib.h, inflateInit2: a window of 32 KiB in a gzip wrapper
_ZSTD_WINDOW = 1 << 27  # what zstd's own tool accepts unless told otherwise


class CorruptStream(DataLoss):
    """Compressed bytes that do not decompress."""

    def __init__(self, kind: str, why: object) -> None:
        super().__init__(f"the {kind} stream is damaged: {why}")
        self.kind = kind


class Bomb(InvalidArgument):
    """A stream that grows beyond what data does."""

    def __init__(self, ratio: int) -> None:
        super().__init__(f"the compressed stream grows more than {ratio} times, as no real layer does")


class Growth(Record):
    """How far a stream may grow. gzip cannot exceed 1032 times; below `free` bytes nobody counts."""

    ratio: int = 10_000
    free: int = 4 << 30


DEFAULT_GROWTH = Growth()


def decompressor(stream: Reader, *, expected: str | None = None, growth: Growth = DEFAULT_GROWTH) -> Reader:
    """A reader of what `stream` holds, whatever it is compressed with, by its first bytes.

    `expected`, a layer's compression by its media type, excludes what layers may not be (bzip2, xz); which of the
    others it is, the bytes decide, as registries are full of wrong types. Reading raises `CorruptStream` and `Bomb`.
    """
    head = _head(stream)
    kind = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "none")
    whole = _Joined(head, stream)
    if kind == "none":
        return whole
    if kind in {"bzip2", "xz"} and expected is not None:
        raise InvalidArgument(f"the layer is compressed with {kind}, which layers may not be")
    return _Pieces(_bounded(_members(whole, kind), whole, growth))


def compressor(out: Writer, kind: Kind) -> Compressed:
    """A writer that compresses into `out`; equal data gives equal bytes, however it is cut when it is written.

    `close` ends the stream, not `out`.
    """
    if kind == "gzip":
        return Compressed(out, Gzip())
    if kind == "zstd":
        import zstandard

        return Compressed(out, zstandard.ZstdCompressor(level=1, write_checksum=True).compressobj())
    return Compressed(out, None)


class Compressed:
    """Compresses what is written."""

    def __init__(self, out: Writer, compressor: Compressor | None) -> None:
        self._out = out
        self._compressor = compressor
        self._step = bytearray()  # the beginning of one that is not full yet

    def write(self, data: bytes | memoryview, /) -> object:
        """Take all of `data`."""
        if self._compressor is None:
            self._out.write(data)
            return len(data)
        view = memoryview(data)
        while view:
            part = view[: STEP - len(self._step)]
            view = view[len(part) :]
            if len(part) == STEP:
                self._compress(part)
                continue
            self._step += part
            if len(self._step) == STEP:
                self._compress(self._step)
                self._step = bytearray()
        return len(data)

    def close(self) -> None:
        """Write the end of the stream."""
        if self._compressor is not None:
            self._compress(self._step)
            self._out.write(self._compressor.flush())

    def _compress(self, step: bytearray | memoryview) -> None:
        if self._compressor is not None and (compressed := self._compressor.compress(step)):
            self._out.write(compressed)


def is_plain(decompressed: Reader) -> bool:
    """Whether a `decompressor` gives its stream as it is."""
    return isinstance(decompressed, _Joined)


class _Joined:
    """Bytes already taken from a stream, then the rest of it; counts what was read."""

    def __init__(self, head: bytes, rest: Reader) -> None:
        self._head = head
        self._rest = rest
        self.taken = 0

    def read(self, count: int, /) -> bytes:
        if self._head:
            data, self._head = self._head[:count], self._head[count:]
        else:
            data = self._rest.read(count)
        self.taken += len(data)
        return data


class _Pieces:
    """A reader of the pieces that a generator makes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def read(self, count: int, /) -> bytes:
        data = self._left or next(self._pieces, b"")
        self._left = data[count:]
        return data[:count]


def _head(stream: Reader) -> bytes:
    head = b""
    while len(head) < _SNIFF and (more := stream.read(_SNIFF - len(head))):
        head += more
    return head


def _bounded(pieces: Iterator[bytes], source: _Joined, growth: Growth) -> Iterator[bytes]:
    given = 0
    for piece in pieces:
        given += len(piece)
        if given > growth.free and given > source.taken * growth.ratio:
            raise Bomb(growth.ratio)
        yield piece


def _members(stream: Reader, kind: str) -> Iterator[bytes]:
    """One member after another, as the formats' own tools read them; after the last, NULs and nothing else."""
    start, errors = _decoder(kind)
    data = stream.read(_INPUT)
    while data:
        member = start()
        while not member.eof:
            try:
                piece = member.decompress(data, _OUTPUT)
            except errors as error:
                raise CorruptStream(kind, error) from error
            if piece:
                yield piece
            data = member.unconsumed_tail
            if not (piece or data or member.eof):
                data = stream.read(_INPUT)
                if not data:
                    raise CorruptStream(kind, "it ends too early")
        data = member.unused_data.lstrip(b"\0")
        while not data and (more := stream.read(_INPUT)):
            data = more.lstrip(b"\0")


def _decoder(kind: str) -> tuple[Callable[[], Decompressor], tuple[type[Exception], ...]]:
    """What makes a decompressor of this kind, and what that raises at damaged data."""
    if kind == "gzip":
        codec = deflate_module()
        return (lambda: codec.decompressobj(_GZIP_BITS)), (zlib.error, codec.error)
    if kind == "zstd":
        import zstandard

        frames = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
        return (lambda: _ZstdFrame(frames.decompressobj())), (zstandard.ZstdError,)
    if kind == "bzip2":
        import bz2

        return (lambda: _KeepsItsInput(bz2.BZ2Decompressor())), (OSError, ValueError)
    import lzma

    limit = 1 << 28
    return (lambda: _KeepsItsInput(lzma.LZMADecompressor(memlimit=limit))), (lzma.LZMAError,)


class _KeepsItsInput:
    """bz2's and lzma's objects in zlib's manner: what they have not used yet they keep themselves."""

    unconsumed_tail = b""

    def __init__(self, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._decompressor = decompressor

    @property
    def eof(self) -> bool:
        return self._decompressor.eof

    @property
    def unused_data(self) -> bytes:
        return self._decompressor.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._decompressor.decompress(data, max_length)


class _ZstdFrame:
    """zstandard's object in zlib's manner. It gives all that its input holds, so it gets little at a time.

    Four bytes can be a block of 128 KiB (RFC 8878, 3.1.1.2.2), so these are at most 128 MiB at once.
    """

    _AT_ONCE = 4096

    def __init__(self, frame: zstandard.ZstdDecompressionObj) -> None:
        self._frame = frame
        self.unconsumed_tail = b""

    @property
    def eof(self) -> bool:
        return self._frame.eof

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data + self.unconsumed_tail

    def decompress(self, data: bytes, _: int, /) -> bytes:
        part, self.unconsumed_tail = data[: self._AT_ONCE], data[self._AT_ONCE :]
        return self._frame.decompress(part) if part else b""
