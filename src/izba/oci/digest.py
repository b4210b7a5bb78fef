"""Digests (image-spec, descriptor.md, "Digests"): `sha256:` and 64 hex digits; and readers that check them."""

from __future__ import annotations

import sys

from izba.errors import DataLoss, InvalidArgument
from izba.ids import HEX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _hashlib import HASH
    from types import TracebackType
    from typing import Protocol, Self

    class Reader(Protocol):
        def read(self, count: int, /) -> bytes: ...


_SMALL = 1 << 18
"""So many bytes are hashed sooner by CPython's own code than OpenSSL is loaded, which takes 2 ms."""

_hashed = 0
"""How many were, in this process, by the former."""


def sha256(data: bytes | bytearray | memoryview = b"") -> HASH:
    """A SHA-256 that goes on from `data`."""
    from _hashlib import openssl_sha256  # loads OpenSSL, which most commands get by without

    return openssl_sha256(data)


def sha256_of(data: bytes | bytearray | memoryview) -> HASH:
    """The SHA-256 of all of `data`, by whichever is sooner done."""
    global _hashed  # a thread's count that is lost is a few bytes hashed slower
    if "_hashlib" in sys.modules or _hashed + len(data) > _SMALL:
        return sha256(data)
    _hashed += len(data)
    return _small_sha256(data)


def _small_sha256(data: bytes | bytearray | memoryview) -> HASH:
    if sys.version_info >= (3, 12):
        from _sha2 import sha256 as function
    else:
        from _sha256 import sha256 as function
    return function(data)  # type: ignore[no-any-return]


class InvalidDigest(InvalidArgument):
    """A text is not a digest of an algorithm that izba knows."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid digest {text[:100]!r}", hint="izba knows sha256: and 64 lowercase hex digits")
        self.text = text


class DigestMismatch(DataLoss):
    """Bytes do not have the digest or size that was promised."""

    def __init__(self, what: str, *, expected: object, actual: object) -> None:
        super().__init__(f"{what} is not what was promised: expected {expected}, got {actual}")
        self.expected = expected
        self.actual = actual


class Digest(str):
    """A checked digest; equal to its text."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Digest:
        """Check `text`. Raises `InvalidDigest`."""
        algorithm, _, digits = text.partition(":")
        if algorithm != "sha256" or len(digits) != 64 or not HEX.issuperset(digits):
            raise InvalidDigest(text)
        return cls(text)

    @classmethod
    def of(cls, data: bytes | memoryview) -> Digest:
        """The digest of `data`."""
        return cls(f"sha256:{sha256_of(data).hexdigest()}")

    @property
    def hex(self) -> str:
        """The digits after the algorithm."""
        return self[7:]


class Hasher:
    """Counts and hashes the bytes it is shown. The first few are only kept: they may be all, see `sha256_of`."""

    def __init__(self) -> None:
        self._hash: HASH | None = None
        self._kept = bytearray()
        self.size = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Take `data` into the digest and the size."""
        self.size += len(data)
        if self._hash is not None:
            self._hash.update(data)
        elif self.size <= _SMALL and "_hashlib" not in sys.modules:
            self._kept += data
        else:
            self._hash = sha256(self._kept)
            self._kept.clear()
            self._hash.update(data)

    def digest(self) -> Digest:
        """The digest of all bytes so far."""
        found = self._hash if self._hash is not None else sha256_of(self._kept)
        return Digest(f"sha256:{found.hexdigest()}")


class VerifiedReader:
    """Reads `source` and raises `DigestMismatch` at its end, or as soon as it is longer than promised.

    Whoever reads to the end cannot forget to verify; whoever stops early calls `finish`.
    """

    def __init__(self, source: Reader, *, digest: Digest, size: int | None = None, what: str = "blob") -> None:
        self._source = source
        self._hasher = Hasher()
        self._digest = digest
        self._size = size
        self._what = what
        self._ended = False

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes, `b""` only at a verified end."""
        data = self._source.read(count)
        self._hasher.update(data)
        if self._size is not None and self._hasher.size > self._size:
            raise DigestMismatch(self._what, expected=f"{self._size} bytes", actual="more")
        if (not data and count != 0) or count < 0:
            self._check()
        return data

    def finish(self) -> None:
        """Read what is left and verify the whole."""
        while self.read(1 << 20):
            pass

    def close(self) -> None:
        """Close the source, if it can be closed."""
        if close := getattr(self._source, "close", None):
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _check(self) -> None:
        if self._size is not None and self._hasher.size != self._size:
            raise DigestMismatch(self._what, expected=f"{self._size} bytes", actual=f"{self._hasher.size} bytes")
        if (actual := self._hasher.digest()) != self._digest:
            raise DigestMismatch(self._what, expected=self._digest, actual=actual)
