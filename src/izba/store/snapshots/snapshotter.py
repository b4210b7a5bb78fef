"""Snapshots: the stack of a container's file system changes. The words and the lifecycle are containerd's.

A snapshot is `active` (writable, under a `key` its user chose), a `view` (the same, read-only) or `committed`
(immutable, under a `name`: the chain id of its layers). Its `parent`, if it has one, is committed.

    prepare(key, parent) → mounts → … changes … → commit(name, key)      an active one becomes committed, and its key is
    free prepare(key, parent) → mounts → … changes … → remove(key)            or its changes are dropped view(key,
    parent)    → mounts → … reading … → remove(key)

Import a layer:      prepare("unpack-…", None); apply the tar in upper(key); commit(chain_id, key, …)
Import the next:     prepare("unpack-…", chain_id); apply; commit(next_chain_id, key, …)
Run a container:     prepare(container id, chain_id); mount what mounts(key) says; when it is removed, remove(key)

Promises of every snapshotter, held by `tests/store/test_snapshotters.py`: - prepare, view, commit and remove are whole
or not there, at whatever instant the process dies; a committed snapshot also
  when the machine does, once `sync` returned; before, it may be gone, but is never there in part.
- commit to a name that exists drops the active snapshot and succeeds: equal names are equal contents.
- remove refuses (`SnapshotInUse`) while another snapshot has this one as its parent.
- nothing is mounted by a snapshotter: mounts are values that the caller mounts where and as it likes.
"""

from __future__ import annotations

from izba._record import Record
from izba.errors import AlreadyExists, Conflict, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from izba.layer.apply import Applied
    from izba.layer.diff import Change, Written
    from izba.layer.streams import Reader, Writer
    from izba.linux.mount import Mount
    from izba.oci.digest import Digest

    class Snapshotter(Protocol):
        """Keeps snapshots; safe for threads and for processes beside each other."""

        kind: str

        def prepare(self, key: str, parent: Digest | None) -> tuple[Mount, ...]:
            """Begin an active snapshot on top of `parent`. Raises `SnapshotExists`, `SnapshotNotFound`."""

        def view(self, key: str, parent: Digest | None) -> tuple[Mount, ...]:
            """Begin a read-only snapshot of `parent`. Raises `SnapshotExists`, `SnapshotNotFound`."""

        def mounts(self, key: str) -> tuple[Mount, ...]:
            """How to mount an active snapshot or a view. Raises `SnapshotNotFound`."""

        def upper(self, key: str) -> str:
            """The directory that a layer is applied into, and that an active or committed snapshot's changes are in.

            Of the overlay driver it has only the changes, in overlay's encoding; of the native one the whole tree.
            """

        def lowers(self, chain: Digest) -> tuple[str, ...]:
            """The directories of a committed snapshot and all below it, topmost first (native: one whole tree)."""

        def apply(self, key: str, stream: Reader) -> Applied:
            """Apply an uncompressed layer tar to an active snapshot that has no changes yet."""

        def write_layer(self, key: str, out: Writer) -> Written:
            """Write the tar of the changes of an active or committed snapshot, each time the same."""

        def changes(self, key: str) -> Iterator[Change]:
            """What an active snapshot changed over its parent, as `docker diff` tells it."""

        def commit(self, name: Digest, key: str, *, diff_id: Digest, size: int) -> None:
            """Make an active snapshot immutable under `name`. Raises `SnapshotNotFound`."""

        def sync(self) -> None:
            """Wait until all committed snapshots are on the disk, so that a crash of the machine keeps them."""

        def begin_sync(self) -> None:
            """Begin to write to the disk beside this thread what a later `sync` would have to wait for."""

        def begin_small_sync(self) -> None:
            """Set the disk to work on those of few files, and wait for nothing."""

        def drop_torn(self) -> int:
            """Forget committed snapshots that a crash of the machine may have torn; how many."""

        def has(self, name: str) -> bool:
            """Whether a committed snapshot of this name is there, whole; if so, the open leases keep it."""

        def is_whole(self, key: str) -> bool:
            """Whether the directories of an existing snapshot are there."""

        def stat(self, key: str) -> Snapshot:
            """What is known of a snapshot. Raises `SnapshotNotFound`."""

        def remove(self, key: str) -> None:
            """Drop a snapshot of any kind. Raises `SnapshotNotFound`, `SnapshotInUse`."""

        def usage(self, key: str, *, counted: set[tuple[int, int]] | None = None) -> Usage:
            """What the snapshot's own changes occupy, without the files `counted` before, to which they are added."""

        def walk(self) -> Iterator[Snapshot]:
            """All snapshots, parents before children."""

        def directory(self, id: int) -> str:
            """Where the snapshot with this row keeps its files."""

        def directories(self) -> dict[int, str]:
            """All directories that are there, by the row they belong or belonged to."""


class Snapshot(Record):
    """One row: `kind` is active, view or committed; `parent` the name of the snapshot below; times in nanoseconds."""

    id: int
    key: str
    kind: str
    parent: Digest | None
    diff_id: Digest | None
    size: int | None
    created: int


class Usage(Record):
    """Bytes and inodes on the disk, hard links counted once; `content` is the length of the files, as Docker counts."""

    size: int
    content: int
    inodes: int


class SnapshotNotFound(NotFound):
    """No snapshot has this key or name."""

    def __init__(self, key: str) -> None:
        super().__init__(f"snapshot {key} does not exist")
        self.key = key


class SnapshotExists(AlreadyExists):
    """The key is taken."""

    def __init__(self, key: str) -> None:
        super().__init__(f"snapshot {key} already exists")
        self.key = key


class SnapshotInUse(Conflict):
    """Another snapshot stands on this one."""

    def __init__(self, key: str, *, child: str) -> None:
        super().__init__(f"snapshot {key} is the parent of {child}")
        self.key = key
        self.child = child
