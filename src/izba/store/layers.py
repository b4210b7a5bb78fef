"""Layers by diff_id. A layer that came as a blob keeps it; one that izba made is a snapshot and no tar.

The tar of such a layer is written again from the snapshot's own directory when somebody wants it, byte for byte the
same.
"""

from __future__ import annotations

from izba.errors import NotFound
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest, DigestMismatch, VerifiedReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Literal, Self

    from izba.layer.streams import Reader, Writer
    from izba.store.content import ContentStore
    from izba.store.db import Database
    from izba.store.snapshots.snapshotter import Snapshotter


class LayerNotFound(NotFound):
    """Neither a blob nor a snapshot of this layer is in the store."""

    def __init__(self, diff_id: str) -> None:
        super().__init__(f"layer {diff_id} is not in the store")
        self.diff_id = diff_id


class LayerTar(VerifiedReader):
    """The bytes of one layer's tar."""

    def __init__(self, source: Reader, diff_id: Digest, *, close: Callable[[], None]) -> None:
        super().__init__(source, digest=diff_id, what=f"layer {diff_id}")
        self._close = close

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes, `b""` only at a verified end."""
        data = super().read(count)
        if (not data and count != 0) or count < 0:
            self.close()
        return data

    def close(self) -> None:
        """Let go of the blob, or stop writing the tar."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class Layers:
    """The layers of one store."""

    def __init__(self, db: Database, content: ContentStore, snapshots: Callable[[], Snapshotter]) -> None:
        self._db = db
        self._content = content
        self._snapshots = snapshots

    def record(self, diff_id: Digest, size: int, *, blob: Digest | None = None) -> None:
        """Remember a layer whose tar of `size` bytes was verified, and the blob it came from."""
        with self._db.transaction():
            self._db.execute("INSERT OR IGNORE INTO layers VALUES (?, ?)", diff_id, size)
            if blob is not None:
                self._db.execute("INSERT OR IGNORE INTO layer_blobs VALUES (?, ?)", diff_id, blob)

    def size(self, diff_id: Digest) -> int:
        """The size of the layer's tar. Raises `LayerNotFound`."""
        row = self._db.row("SELECT size FROM layers WHERE diff_id = ?", diff_id)
        if row is None:
            raise LayerNotFound(diff_id)
        size: int = row[0]
        return size

    def descriptor(self, diff_id: Digest) -> Descriptor:
        """How a manifest of this store names the layer: the kept blob, or else the tar. Raises `LayerNotFound`."""
        if (blob := self._blob(diff_id)) is not None:
            return blob
        return Descriptor(media_type=mediatype.OCI_LAYER, digest=diff_id, size=self.size(diff_id))

    def open_tar(self, diff_id: Digest) -> LayerTar:
        """The uncompressed tar; a wrong byte raises `DigestMismatch` at the latest at its end.

        It closes itself at its end; whoever may stop early uses it in a `with`. Raises `LayerNotFound` if there is
        neither a blob nor a snapshot to write it from.
        """
        if (blob := self._blob(diff_id)) is not None:
            from izba.layer.compress import decompressor

            file = self._content.open(blob.digest)
            return LayerTar(decompressor(file), diff_id, close=file.close)
        from izba.store.rewrite import RewrittenTar

        tar = RewrittenTar(self._snapshots(), self._snapshot(diff_id))
        return LayerTar(tar, diff_id, close=tar.close)

    def write_tar(self, diff_id: Digest, out: Writer) -> None:
        """Write the tar again from a snapshot: as `open_tar`, but in twice the speed, as no pipe lies between.

        Raises `DigestMismatch` at the end, and `LayerNotFound` if there is no snapshot.
        """
        written = self._snapshots().write_layer(self._snapshot(diff_id), out)
        if written.diff_id != diff_id:
            raise DigestMismatch(f"layer {diff_id}", expected=diff_id, actual=written.diff_id)

    def compressed(self, diff_id: Digest, compression: str) -> Descriptor | None:
        """What compressing the layer gave before; the blob itself may be here or not."""
        row = self._db.row(
            "SELECT digest, size, media_type FROM compressed_layers WHERE diff_id = ? AND compression = ?",
            *(diff_id, compression),
        )
        return Descriptor(digest=Digest(row[0]), size=row[1], media_type=row[2]) if row is not None else None

    def form_of(self, blob: Digest) -> Literal["gzip", "zstd"] | None:
        """The compression that gave this blob before, here or where it was pulled from."""
        row = self._db.row("SELECT compression FROM compressed_layers WHERE digest = ?", blob)
        return row[0] if row is not None else None

    def remember_compressed(self, diff_id: Digest, compression: str, blob: Descriptor) -> None:
        """Remember what compressing the layer gave; compressors give the same each time."""
        with self._db.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO compressed_layers VALUES (?, ?, ?, ?, ?)",
                *(diff_id, compression, blob.digest, blob.size, blob.media_type),
            )

    def _snapshot(self, diff_id: Digest) -> str:
        row = self._db.row("SELECT key FROM snapshots WHERE diff_id = ? AND rewritable", diff_id)
        if row is None:
            raise LayerNotFound(diff_id)
        key: str = row[0]
        return key

    def _blob(self, diff_id: Digest) -> Descriptor | None:
        for (blob,) in self._db.rows("SELECT blob FROM layer_blobs WHERE diff_id = ?", diff_id):
            if (found := self._content.descriptor(Digest(blob))) is not None:
                return found
        return None
