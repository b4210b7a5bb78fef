"""Snapshots by overlayfs: one directory of changes for each, stacked by the kernel.

    snapshots/overlay/<id>/fs      the changes, in overlay's own encoding of whiteouts and opaque directories
    snapshots/overlay/<id>/work    overlay's scratch space, only of active snapshots

To commit is one change of a row: no file is copied or renamed.
"""

from __future__ import annotations

import os
import stat

from izba.errors import Unavailable
from izba.linux.mount import Mount
from izba.linux.overlay import encoding, options
from izba.store.snapshots.merged import MergedView
from izba.store.snapshots.rows import SnapshotRows
from izba.store.snapshots.snapshotter import SnapshotNotFound
from izba.store.snapshots.trees import remove_tree, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.layer.apply import Applied
    from izba.layer.diff import Change, Written
    from izba.layer.streams import Reader, Writer
    from izba.linux.overlay import OverlayEncoding
    from izba.oci.digest import Digest
    from izba.store.db import Database
    from izba.store.leases import Leases
    from izba.store.snapshots.snapshotter import Snapshot, Usage


class OtherMarks(Unavailable):
    """The data root was begun by root and is used by an ordinary user, or the other way round."""

    def __init__(self, encoding: OverlayEncoding) -> None:
        whose = "an ordinary user" if encoding.userxattr else "root"
        super().__init__(
            f"this data root was begun by {whose}, whose overlays mark deletions in another way",
            hint="run izba as the owner of the data root, or choose another with --root",
        )


class OverlaySnapshotter(SnapshotRows):
    """A `Snapshotter` for file systems that overlayfs can have its upper directory on."""

    kind = "overlay"

    def __init__(self, directory: str, db: Database, leases: Leases, encoding: OverlayEncoding) -> None:
        self.encoding = encoding
        super().__init__(directory, db, leases)

    def prepare(self, key: str, parent: Digest | None) -> tuple[Mount, ...]:
        """See `Snapshotter.prepare`."""
        self._require_own_marks()
        self.begin(key, "active", parent, self._fill_active)
        return self.mounts(key)

    def view(self, key: str, parent: Digest | None) -> tuple[Mount, ...]:
        """See `Snapshotter.view`."""
        self.begin(key, "view", parent, self._fill_view)
        return self.mounts(key)

    def mounts(self, key: str) -> tuple[Mount, ...]:
        """See `Snapshotter.mounts`; a stack of one is a bind mount."""
        top, *below = self.ancestry(key)
        if top.kind == "committed":
            raise SnapshotNotFound(key)
        lowers = tuple(self._fs(snapshot) for snapshot in below)
        match top.kind, len(lowers):
            case "view", 0:
                return (_bind(self._fs(top), "ro"),)
            case "view", 1:
                return (_bind(lowers[0], "ro"),)
            case "view", _:
                return (self._overlay(options(lowers, None, None, self.encoding)),)
            case _, 0:
                return (_bind(self._fs(top), "rw"),)
        return (self._overlay(options(lowers, self._fs(top), f"{self.directory(top.id)}/work", self.encoding)),)

    def upper(self, key: str) -> str:
        """See `Snapshotter.upper`."""
        return self._fs(self.stat(key))

    def lowers(self, chain: Digest) -> tuple[str, ...]:
        """See `Snapshotter.lowers`."""
        self.committed(chain)
        return tuple(self._fs(snapshot) for snapshot in self.ancestry(chain))

    def apply(self, key: str, stream: Reader) -> Applied:
        """See `Snapshotter.apply`."""
        from izba.layer.apply import apply
        from izba.layer.fsops import fsops

        top, *below = self.ancestry(key)
        lowers = [self._fs(snapshot) for snapshot in below]
        return apply(stream, self._fs(top), ops=fsops(), overlay=self.encoding, lowers=lowers)

    def write_layer(self, key: str, out: Writer) -> Written:
        """See `Snapshotter.write_layer`."""
        from izba.layer.diff import write_layer
        from izba.layer.fsops import fsops

        return write_layer(self.upper(key), out, ops=fsops(), overlay=self.encoding)

    def changes(self, key: str) -> Iterator[Change]:
        """See `Snapshotter.changes`."""
        from izba.layer.diff import changes

        return changes(self.upper(key), overlay=self.encoding, lower_has=self._view_below(key).has)

    def commit(self, name: Digest, key: str, *, diff_id: Digest, size: int) -> None:
        """See `Snapshotter.commit`."""
        work = f"{self.directory(self.stat(key).id)}/work"
        self.commit_row(name, key, diff_id=diff_id, size=size)
        self._db.after(lambda: remove_tree(work))

    def is_whole(self, key: str) -> bool:
        """See `Snapshotter.is_whole`."""
        snapshot = self.stat(key)
        parts = ("fs", "work") if snapshot.kind == "active" else ("fs",)
        return all(os.path.isdir(f"{self.directory(snapshot.id)}/{part}") for part in parts)

    def usage(self, key: str, *, counted: set[tuple[int, int]] | None = None) -> Usage:
        """See `Snapshotter.usage`."""
        return usage(self.upper(key), counted=counted)

    @staticmethod
    def _overlay(words: tuple[str, ...]) -> Mount:
        return Mount(type="overlay", source="overlay", options=words)

    def _require_own_marks(self) -> None:
        """What this process deletes must be deleted for whoever stacks the directories later."""
        if encoding() != self.encoding:
            raise OtherMarks(self.encoding)

    def _fs(self, snapshot: Snapshot) -> str:
        return f"{self.directory(snapshot.id)}/fs"

    def _fill_active(self, directory: str, parent: Snapshot | None) -> None:
        self._fill_view(directory, parent)
        os.mkdir(f"{directory}/work", 0o700)

    def _fill_view(self, directory: str, parent: Snapshot | None) -> None:
        """The root of a stack is that of its topmost directory, so it begins as the one below it."""
        fs = f"{directory}/fs"
        os.mkdir(fs, 0o755)
        os.chmod(fs, 0o755)
        if parent is not None:
            _copy_root(self._fs(parent), fs)

    def _view_below(self, key: str) -> MergedView:
        parents = self.ancestry(key)[1:]
        return MergedView([self._fs(snapshot) for snapshot in parents], self.encoding)


def _bind(directory: str, access: str) -> Mount:
    return Mount(type="bind", source=directory, options=("rbind", access))


def _copy_root(source: str, target: str) -> None:
    """Give a new root directory the owner, the mode and the recorded owner of the one it covers."""
    found = os.stat(source)
    os.chown(target, found.st_uid, found.st_gid)
    os.chmod(target, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source):
        if name.startswith("user.") and not name.startswith("user.overlay."):
            os.setxattr(target, name, os.getxattr(source, name))
