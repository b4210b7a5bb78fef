"""Blobs by digest. A blob is invisible until it is whole, verified and on the disk.

    content/blobs/sha256/<hex>     the blobs, each with a row in the table `content`
    content/ingest/<name>          blobs that are being written, one writer each

The writer of an ingest holds a lock on its file. A commit makes the bytes durable, then renames the file and inserts
the row in one transaction; a deletion takes the row, durably, then the file. So a row always has its file; a file
without row is what a crash left, and the next commit of the same blob or a collection takes care of it.
"""

from __future__ import annotations

import fcntl
import os
import time

from izba.errors import NotFound
from izba.jsonio import sync_directory
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch, Hasher
from izba.store.db import LockTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType
    from typing import BinaryIO, Self

    from izba.store.db import Database
    from izba.store.leases import Leases

DOCUMENT_LIMIT = 4 << 20
"""Bytes that `read` takes into memory: manifests and configs are smaller, and registries commonly set this limit."""

INGEST_SECONDS = 600.0
"""How long to wait for another writer of the same ingest."""

CHUNK = 1 << 20

ONCE = ".once"
"""The end of the names of ingests that nobody can go on with when their writer is gone."""

WRITEBACK = 8 << 20
"""After how many bytes the disk is set to work, so that a commit waits for the last of them only."""


class BlobNotFound(NotFound):
    """No blob of this digest is in the store."""

    def __init__(self, digest: str) -> None:
        super().__init__(f"content {digest} is not in the store")
        self.digest = digest


class BlobTooLarge(DigestMismatch):
    """A document is larger than any that izba reads."""

    def __init__(self, digest: str, *, size: int, limit: int) -> None:
        super().__init__(f"document {digest}", expected=f"at most {limit} bytes", actual=f"{size} bytes")


class ContentStore:
    """The blobs of one store."""

    def __init__(self, directory: str, db: Database, leases: Leases) -> None:
        self._blobs = f"{directory}/blobs/sha256"
        self._ingests = f"{directory}/ingest"
        self._db = db
        self._leases = leases

    def ingest(self, ref: str, *, expected: Descriptor | None = None) -> Ingest:
        """Begin or go on to write a blob: `with store.ingest(ref) as ingest:` write, then commit.

        One process or thread at a time writes under a `ref`; others wait, and may then find the blob there. With
        `expected`, what was written when the block is left early stays, and `Ingest.offset` tells where to go on.
        """
        name = Digest.of(ref.encode()).hex
        return Ingest(self, f"{self._ingests}/{name if expected else name + ONCE}", ref, expected)

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Store a small blob; nothing is written if it is there."""
        digest = Digest.of(data)
        if self.has(digest):
            return Descriptor(media_type=media_type, digest=digest, size=len(data))
        with self.ingest(digest) as ingest:
            ingest.write(data)
            return ingest.commit(media_type)

    def put_together(self, *parts: tuple[bytes, str]) -> None:
        """Store small blobs (bytes, media type) that belong together: the disk is waited for once, not for each."""
        missing = {Digest.of(data): part for part in parts for data in part[:1]}
        # In one order everywhere, or two processes could each wait for what the other has begun.
        self._put_rest([(digest, *missing[digest]) for digest in sorted(missing) if not self.has(digest)], ())

    def _put_rest(self, rest: Sequence[tuple[Digest, bytes, str]], begun: tuple[tuple[Ingest, str], ...]) -> None:
        if rest:
            digest, data, media_type = rest[0]
            with self.ingest(digest) as ingest:
                ingest.write(data)
                ingest.begin_writeback()
                self._put_rest(rest[1:], (*begun, (ingest, media_type)))
        elif begun:
            # Renamed first: what makes the bytes durable takes the names along. The rows still come last.
            self._publish([(ingest, ingest.checked(media_type)) for ingest, media_type in begun], durable=False)

    def read(self, digest: Digest, *, limit: int = DOCUMENT_LIMIT) -> bytes:
        """A document's bytes, verified. Raises `BlobNotFound`, `BlobTooLarge`, `DigestMismatch`."""
        if (size := self.stat(digest)) > limit:
            raise BlobTooLarge(digest, size=size, limit=limit)
        with self.open(digest) as file:
            data = file.read(limit + 1)
        if (actual := Digest.of(data)) != digest:
            raise DigestMismatch("stored content", expected=digest, actual=actual)
        return data

    def open(self, digest: Digest) -> BinaryIO:
        """The blob's bytes, not verified again. Raises `BlobNotFound`. A blob deleted meanwhile stays readable."""
        try:
            return open(self.path(digest), "rb")
        except FileNotFoundError:
            raise BlobNotFound(digest) from None

    def stat(self, digest: Digest) -> int:
        """The blob's size. Raises `BlobNotFound`."""
        if (found := self.descriptor(digest)) is None:
            raise BlobNotFound(digest)
        return found.size

    def has(self, digest: Digest) -> bool:
        """Whether the whole blob is there; if so, the open leases keep it."""
        return self._leases.hold_if("content", digest, lambda: self.descriptor(digest) is not None)

    def descriptor(self, digest: Digest) -> Descriptor | None:
        """What the store knows of a blob: its size, and the media type it was first committed with."""
        row = self._db.row("SELECT size, media_type FROM content WHERE digest = ?", digest)
        if row is None or not self._is_whole(digest, row[0]):
            return None
        return Descriptor(media_type=row[1], digest=digest, size=row[0])

    def walk(self) -> Iterator[Descriptor]:
        """All blobs, in the order of their digests."""
        for digest, size, media_type in self._db.rows("SELECT digest, size, media_type FROM content ORDER BY digest"):
            yield Descriptor(media_type=media_type, digest=Digest(digest), size=size)

    def delete(self, digest: Digest) -> None:
        """Remove a blob. Raises `BlobNotFound`, and `IntegrityError` while an image or a name refers to it."""
        with self._db.transaction(durable=True):
            if not self._db.execute("DELETE FROM content WHERE digest = ?", digest):
                raise BlobNotFound(digest)
            self._db.after(lambda: self._unlink_one(digest.hex))

    def unlink_unknown(self, names: list[str]) -> int:
        """Unlink those of the `files` that have no row; the bytes this freed."""
        freed = 0
        # The transaction keeps out a commit that would put the same blob back between the question and the unlink.
        with self._db.transaction():
            for name in names:
                if self._db.row("SELECT 1 FROM content WHERE digest = ?", f"sha256:{name}") is None:
                    freed += _unlink(f"{self._blobs}/{name}")
        return freed

    def _unlink_one(self, name: str) -> None:
        self.unlink_unknown([name])

    def files(self) -> list[str]:
        """The names of all files among the blobs, whether or not they have rows."""
        return os.listdir(self._blobs)

    def path(self, digest: Digest) -> str:
        """Where the blob is, or would be."""
        return f"{self._blobs}/{Digest.parse(digest).hex}"

    def ingests(self) -> list[str]:
        """The paths of begun ingests, of writers dead or alive."""
        return [f"{self._ingests}/{name}" for name in os.listdir(self._ingests)]

    def _is_whole(self, digest: Digest, size: int) -> bool:
        try:
            return os.stat(self.path(digest)).st_size == size
        except FileNotFoundError:
            return False

    def _publish(self, written: Sequence[tuple[Ingest, Descriptor]], *, durable: bool) -> None:
        """Rename verified ingests into place and insert their rows; or drop those whose blob is there.

        What is not `durable` yet is made so in between, in the transaction, so it should be small.
        """
        with self._db.transaction():
            new = [(ingest, found) for ingest, found in written if not self._drop(ingest, found.digest)]
            for ingest, found in new:
                os.rename(ingest.path, self.path(found.digest))
            for ingest, _ in () if durable else new:
                ingest.sync()
            if new:
                sync_directory(self._blobs)
            for _, found in new:
                self._db.execute(
                    "INSERT INTO content VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET size = excluded.size",
                    *(found.digest, found.size, found.media_type, time.time_ns()),
                )
                self._leases.hold("content", found.digest)
        for ingest, _ in written:
            ingest.done = True

    def _drop(self, ingest: Ingest, digest: Digest) -> bool:
        """Drop what was written if the blob is there already; whether it is."""
        if not self.has(digest):
            return False
        os.unlink(ingest.path)
        return True


class Ingest:
    """A blob being written; see `ContentStore.ingest`."""

    def __init__(self, store: ContentStore, path: str, ref: str, expected: Descriptor | None) -> None:
        self._store = store
        self._path = path
        self._ref = ref
        self._expected = expected
        self._hasher = Hasher()
        self._fd = -1
        self._begun = 0  # up to where the disk was set to work
        self.done = False
        """Whether it has become a blob, or was dropped for the one that is there."""
        # Of what is expected; other ingests may be dropped again, which costs the disk nothing if it had not begun.
        self.is_wanted = expected is not None

    @property
    def offset(self) -> int:
        """How many bytes are written, in this process or one before."""
        return self._hasher.size

    @property
    def path(self) -> str:
        """Where the bytes are until the commit, for whoever reads them while they come."""
        return self._path

    def write(self, data: bytes | memoryview) -> int:
        """Append `data`. Raises `DigestMismatch` as soon as there is more than was expected."""
        if self._expected is not None and self._hasher.size + len(data) > self._expected.size:
            self.discard()
            raise DigestMismatch(self._ref, expected=f"{self._expected.size} bytes", actual="more")
        view = memoryview(data)
        while view:
            count = os.write(self._fd, view)
            self._hasher.update(view[:count])  # not before: on a full disk what is hashed is what is there
            view = view[count:]
        if self.is_wanted and self._hasher.size - self._begun >= WRITEBACK:
            self.begin_writeback()
        return len(data)

    def discard(self) -> None:
        """Throw away what is written; the block can be left, or begun again from offset 0."""
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        self._hasher = Hasher()
        self._begun = 0

    def begin_writeback(self) -> None:
        """Set the disk to work on what is written."""
        from izba.linux.fs import start_writeback

        start_writeback(self._fd, self._begun, self._hasher.size - self._begun)
        self._begun = self._hasher.size

    def drop(self) -> None:
        """The bytes are not needed any more. Who has the file open can read on."""
        _unlink(self._path)
        self.done = True

    def commit(self, media_type: str, digest: Digest | None = None, size: int | None = None) -> Descriptor:
        """Make the bytes a blob, if they are what `expected`, `digest` and `size` promise. Raises `DigestMismatch`."""
        found = self.checked(media_type, digest, size)
        self.sync()
        self._store._publish([(self, found)], durable=True)  # noqa: SLF001 - one thing in two classes
        return found

    def sync(self) -> None:
        """Wait until the bytes are on the disk."""
        os.fsync(self._fd)

    def checked(self, media_type: str, digest: Digest | None = None, size: int | None = None) -> Descriptor:
        """What was written, if it is what `expected`, `digest` and `size` promise. Raises `DigestMismatch`."""
        found = Descriptor(media_type=media_type, digest=self._hasher.digest(), size=self._hasher.size)
        if self._expected is not None:
            digest = digest or self._expected.digest
            size = self._expected.size if size is None else size
        if size is not None and size != found.size:
            self.discard()
            raise DigestMismatch(self._ref, expected=f"{size} bytes", actual=f"{found.size} bytes")
        if digest is not None and digest != found.digest:
            self.discard()
            raise DigestMismatch(self._ref, expected=digest, actual=found.digest)
        return found

    def __enter__(self) -> Self:
        self._fd = _open_locked(self._path, self._ref)
        try:
            while data := os.read(self._fd, CHUNK):
                self._hasher.update(data)
            if self._expected is None or self.offset > self._expected.size:
                self.discard()
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if not self.done and (self._expected is None or self.offset == 0):
                _unlink(self._path)
        finally:
            os.close(self._fd)


def _open_locked(path: str, ref: str) -> int:
    """The ingest's file, with its lock, whoever else wants it; the lock is on the very file, which a commit renames."""
    deadline = time.monotonic() + INGEST_SECONDS
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(fd), os.stat(path)):
                return fd
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(fd)
                raise LockTimeout(f"another process is writing {ref}") from None
            time.sleep(0.02)
        except FileNotFoundError:  # renamed or removed by the writer before us
            pass
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _unlink(path: str) -> int:
    try:
        size = os.stat(path).st_size
        os.unlink(path)
    except FileNotFoundError:
        return 0
    return size
