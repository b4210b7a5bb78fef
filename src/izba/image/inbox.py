"""What an image archive brings, taken from a stream that cannot seek before anyone knows what it is for.

Documents stay in memory, bounded; everything else becomes blobs of the store, digested on the way. Names in the archive
are keys in a table and never paths of this machine.
"""

from __future__ import annotations

import os
from functools import partial
from itertools import chain

from izba.errors import InvalidArgument
from izba.ids import HEX, new_id
from izba.image.layout import BLOBS
from izba.image.streamed import Streamed
from izba.layer.place import clean
from izba.layer.tarheader import FILE, LINK, SYMLINK, shown
from izba.layer.tarstream import Limits, TarReader
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from izba.layer.streams import Reader
    from izba.layer.tarheader import Entry
    from izba.store.leases import Lease
    from izba.store.store import Store

    Again: TypeAlias = Callable[[int, int], Iterator[memoryview]]
    """Reads so many bytes from an offset on of an archive that was read before; ends early where the archive does."""

DOCUMENT = 4 << 20
_DOCUMENTS = 64 << 20
_ENTRIES = 1_000_000
_SIZE = 1 << 44
_LINKS = 8
_CHUNK = 1 << 20


class BadArchive(InvalidArgument):
    """A file is not an image archive, or one that contradicts itself."""


class Inbox:
    """The members of one archive by path."""

    def __init__(self, store: Store, lease: Lease) -> None:
        self._store = store
        self._lease = lease
        self._documents: dict[str, bytes] = {}
        self._blobs: dict[str, Descriptor] = {}
        self._links: dict[str, str] = {}
        self._held = 0
        self._streamed = Streamed(store, lease)

    def receive(self, stream: Reader, *, again: Again | None = None) -> None:
        """Take all members of an uncompressed tar. Raises `BadArchive`, `BadTar`, `DigestMismatch`."""
        reader = TarReader(lambda: stream.read(_CHUNK), Limits(entries=_ENTRIES, size=_SIZE))
        for entry in reader:
            path = os.fsdecode(clean(entry.name))
            if entry.type in {LINK, SYMLINK}:
                self._links[path] = _target(path, entry)
            elif entry.type == FILE:
                self._forget(path)
                reread = None if again is None or entry.sparse else partial(again, reader.offset, entry.stored)
                self._take(path, entry.size, reader.body(), reread)
        if not reader.entries:
            raise BadArchive("the archive is empty")

    def receive_directory(self, directory: str) -> None:
        """Take an OCI image layout in a directory; links in it are not followed."""
        for path in _layout_files(directory):
            fd = os.open(f"{directory}/{path}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(fd, "rb", buffering=0) as file:
                size = os.fstat(fd).st_size
                self._take(path, size, _pieces(file), partial(pieces_of, fd, 0, size))

    def has(self, path: str) -> bool:
        """Whether the archive has this member."""
        return self._find(path) is not None

    def document(self, path: str) -> bytes:
        """A small member's bytes. Raises `BadArchive`."""
        found = self._find(path)
        if isinstance(found, Descriptor):
            if found.size > DOCUMENT:
                raise BadArchive(f"{shown(path)} has {found.size} bytes, too many for a document")
            return self._store.content.read(found.digest, limit=DOCUMENT)
        if found is None:
            raise BadArchive(f"the archive has no {shown(path)}")
        return found

    def blob(self, path: str, media_type: str | None = None) -> Descriptor:
        """A member as a blob of the store; its type is that of its bytes unless one is given. Raises `BadArchive`."""
        found = self._find(path)
        if found is None:
            raise BadArchive(f"the archive has no {shown(path)}")
        if isinstance(found, bytes):
            found = self._store.content.put(found, media_type or layer_type(found))
        return found if media_type is None else found.replace(media_type=media_type)

    def keep(self, data: bytes, media_type: str) -> None:
        """Store a document that the archive's images are made of."""
        self._store.content.put(data, media_type)

    def _take(
        self, path: str, size: int, body: Iterator[memoryview], again: Callable[[], Iterator[memoryview]] | None
    ) -> None:
        digest = _promised(path)
        first = next(body, memoryview(b""))
        if first[:1] in {b"{", b"["} and size <= DOCUMENT:
            data = b"".join([first, *body])
            self._hold(path, data)
            if digest is not None and Digest.of(data) != digest:
                raise DigestMismatch(shown(path), expected=digest, actual=Digest.of(data))
            self._documents[path] = data
        elif digest is not None and self._lease.pin_content(digest) and self._store.content.has(digest):
            self._blobs[path] = self._existing(path, digest, size)
        elif digest is not None and (
            layer := self._streamed.take(digest, chain([first], body), self._documents.get, again)
        ):
            self._blobs[path] = layer
        else:
            self._blobs[path] = self._ingest(path, digest, first, body)

    def _existing(self, path: str, digest: Digest, size: int) -> Descriptor:
        """A blob that the store verified once need not be written again."""
        found = self._store.content.descriptor(digest)
        assert found is not None
        if found.size != size:
            raise DigestMismatch(shown(path), expected=f"{found.size} bytes", actual=f"{size} bytes")
        return found

    def _ingest(self, path: str, digest: Digest | None, first: memoryview, body: Iterator[memoryview]) -> Descriptor:
        with self._store.content.ingest(digest or f"load {new_id()}") as ingest:
            media_type = layer_type(bytes(first[:6]))
            ingest.write(first)
            for piece in body:
                ingest.write(piece)
            try:
                found = ingest.commit(media_type, digest=digest)
            except DigestMismatch as error:
                raise DigestMismatch(shown(path), expected=error.expected, actual=error.actual) from None
        return found

    def _hold(self, path: str, data: bytes) -> None:
        self._held += len(data)
        if self._held > _DOCUMENTS:
            raise BadArchive(f"the documents of the archive, up to {shown(path)}, have more than {_DOCUMENTS} bytes")

    def _forget(self, path: str) -> None:
        """Of two members with one name the last counts, as in every tar."""
        self._documents.pop(path, None)
        self._blobs.pop(path, None)
        self._links.pop(path, None)

    def _find(self, path: str) -> bytes | Descriptor | None:
        for _ in range(_LINKS):
            if path not in self._links:
                break
            path = self._links[path]
        document = self._documents.get(path)
        return document if document is not None else self._blobs.get(path)


def pieces_of(fd: int, offset: int, size: int) -> Iterator[memoryview]:
    """The bytes of an open file from `offset` on; where it ends before, they do."""
    while size and (data := os.pread(fd, min(size, _CHUNK), offset)):
        offset += len(data)
        size -= len(data)
        yield memoryview(data)


def layer_type(head: bytes) -> str:
    """The media type of a layer by its first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return mediatype.OCI_LAYER_GZIP
    return mediatype.OCI_LAYER_ZSTD if head.startswith(b"\x28\xb5\x2f\xfd") else mediatype.OCI_LAYER


def _promised(path: str) -> Digest | None:
    """The digest that the name of a layout's blob claims."""
    digits = path.removeprefix(BLOBS)
    return Digest.parse(f"sha256:{digits}") if digits != path and len(digits) == 64 and HEX.issuperset(digits) else None


def _target(path: str, entry: Entry) -> str:
    """Where a link in an archive leads, as a key: Docker links layers that images share."""
    if entry.type == LINK or entry.link.startswith(b"/"):
        return os.fsdecode(clean(entry.link))
    directory = os.fsencode(path).rpartition(b"/")[0]
    return os.fsdecode(clean((directory + b"/" if directory else b"") + entry.link))


def _layout_files(directory: str) -> list[str]:
    blobs = [f"{BLOBS}{name}" for name in sorted(os.listdir(f"{directory}/{BLOBS}"))]
    return ["oci-layout", "index.json", *blobs]


def _pieces(file: Reader) -> Iterator[memoryview]:
    while data := file.read(_CHUNK):
        yield memoryview(data)
