"""Snapshots as whole copies, for file systems that overlayfs cannot write on: slow and large, and right everywhere.

    snapshots/native/<id>/fs       the whole tree
    snapshots/native/<id>/changes  while its layer is written: what differs from the parent, as a layer has it

A copy shares its blocks with the original where the file system can (FICLONE); it never shares inodes with it, for a
write through one name would change the other.
"""

from __future__ import annotations

import os
import stat

from izba.linux.mount import Mount
from izba.store.snapshots.rows import SnapshotRows
from izba.store.snapshots.snapshotter import SnapshotNotFound
from izba.store.snapshots.staging import Staging
from izba.store.snapshots.trees import usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.layer.apply import Applied
    from izba.layer.diff import Change, Written
    from izba.layer.streams import Reader, Writer
    from izba.oci.digest import Digest
    from izba.store.snapshots.snapshotter import Snapshot, Usage


class NativeSnapshotter(SnapshotRows):
    """A `Snapshotter` that needs nothing of the kernel."""

    kind = "native"
    encoding = None

    def prepare(self, key: str, parent: Digest | None) -> tuple[Mount, ...]:
        """See `Snapshotter.prepare`."""
        if parent is None:
            self.begin(key, "active", None, _fill_empty)
            return self.mounts(key)
        # The copy takes long, so it is made before the transaction; that the parent is still there then makes it whole.
        with Staging(self._directory) as staging:
            staging.copy(self.lowers(parent)[0])
            self.begin(key, "active", parent, lambda directory, _: staging.move(f"{directory}/fs"))
        return self.mounts(key)

    def view(self, key: str, parent: Digest | None) -> tuple[Mount, ...]:
        """See `Snapshotter.view`. Nothing is copied: a committed tree is mounted read-only."""
        self.begin(key, "view", parent, _fill_empty)
        return self.mounts(key)

    def mounts(self, key: str) -> tuple[Mount, ...]:
        """See `Snapshotter.mounts`; always one bind mount."""
        top, *below = self.ancestry(key)
        if top.kind == "committed":
            raise SnapshotNotFound(key)
        if top.kind == "view":
            return (Mount(type="bind", source=self._fs(below[0] if below else top), options=("rbind", "ro")),)
        return (Mount(type="bind", source=self._fs(top), options=("rbind", "rw")),)

    def upper(self, key: str) -> str:
        """See `Snapshotter.upper`."""
        return self._fs(self.stat(key))

    def lowers(self, chain: Digest) -> tuple[str, ...]:
        """See `Snapshotter.lowers`."""
        return (self._fs(self.committed(chain)),)

    def apply(self, key: str, stream: Reader) -> Applied:
        """See `Snapshotter.apply`. Whiteouts delete, for the tree is whole."""
        from izba.layer.apply import apply
        from izba.layer.fsops import fsops

        return apply(stream, self.upper(key), ops=fsops(), overlay=None)

    def write_layer(self, key: str, out: Writer) -> Written:
        """See `Snapshotter.write_layer`."""
        from izba.layer.diff import write_layer
        from izba.layer.fsops import fsops
        from izba.store.snapshots.compare import Changes

        top, *below = self.ancestry(key)
        with Changes(self._fs(below[0]) if below else None, self._fs(top), self.directory(top.id)) as changes:
            return write_layer(changes.extract(), out, ops=fsops(), overlay=None, marked=True)

    def changes(self, key: str) -> Iterator[Change]:
        """See `Snapshotter.changes`."""
        from izba.store.snapshots.compare import Changes

        top, *below = self.ancestry(key)
        with Changes(self._fs(below[0]) if below else None, self._fs(top), self.directory(top.id)) as changes:
            yield from changes.listed()

    def commit(self, name: Digest, key: str, *, diff_id: Digest, size: int) -> None:
        """See `Snapshotter.commit`."""
        self.commit_row(name, key, diff_id=diff_id, size=size)

    def is_whole(self, key: str) -> bool:
        """See `Snapshotter.is_whole`."""
        return os.path.isdir(self.upper(key))

    def usage(self, key: str, *, counted: set[tuple[int, int]] | None = None) -> Usage:
        """See `Snapshotter.usage`: of the whole tree, whatever blocks it shares."""
        return usage(self.upper(key), counted=counted)

    def _fs(self, snapshot: Snapshot) -> str:
        return f"{self.directory(snapshot.id)}/fs"


def _fill_empty(directory: str, _: Snapshot | None) -> None:
    os.mkdir(f"{directory}/fs")
    os.chmod(f"{directory}/fs", stat.S_IRWXU | 0o055)
