"""A snapshotter under test; every check runs with both snapshotters, as root and in a user namespace."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from izba.layer.streams import Discard
from izba.linux.overlay import OverlayEncoding
from izba.oci.chain import next_chain_id
from izba.oci.digest import Digest
from izba.store.snapshots.native import NativeSnapshotter
from izba.store.snapshots.overlay import OverlaySnapshotter
from izba.store.store import Store
from tests.store.conftest import roots_at


class Bench:
    """A snapshotter under test, and the few things that checks do with it."""

    def __init__(self, path: Path, kind: str, *, user: bool) -> None:
        self.path = path
        self.store = Store.open(roots_at(path / "data"))
        where = f"{path}/data/snapshots/{kind}"
        if kind == "native":
            self.snapshots: NativeSnapshotter | OverlaySnapshotter = NativeSnapshotter(
                where, self.store.db, self.store.leases
            )
        else:
            encoding = OverlayEncoding(userxattr=user)
            self.snapshots = OverlaySnapshotter(where, self.store.db, self.store.leases, encoding)

    @contextlib.contextmanager
    def mounted(self, key: str) -> Iterator[Path]:
        target = self.path / f"mount-{len(list(self.path.iterdir()))}"
        target.mkdir()
        for mount in self.snapshots.mounts(key):
            mount.attach(str(target))
        try:
            yield target
        finally:
            from izba.linux.mount import umount

            umount(str(target))

    def commit(self, key: str, parent: Digest | None = None) -> Digest:
        written = self.snapshots.write_layer(key, Discard())
        name = next_chain_id(parent, written.diff_id)
        self.snapshots.commit(name, key, diff_id=written.diff_id, size=written.size)
        return name

    def layer(self, parent: Digest | None, change: Callable[[Path], object]) -> Digest:
        """Commit what `change` does to a mounted snapshot of `parent`."""
        key = f"build-{len(list(self.snapshots.walk()))}"
        self.snapshots.prepare(key, parent)
        with self.mounted(key) as root:
            change(root)
        return self.commit(key, parent)

    def tree(self, parent: Digest) -> dict[str, str]:
        """What a view of `parent` shows: type, mode and content by path."""
        self.snapshots.view("look", parent)
        try:
            with self.mounted("look") as root:
                return {str(path.relative_to(root)): _told(path) for path in sorted(root.rglob("*"))}
        finally:
            self.snapshots.remove("look")


def _told(path: Path) -> str:
    found = path.lstat()
    content = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
    return f"{stat.filemode(found.st_mode)} {content}"


def base(root: Path) -> None:
    (root / "etc").mkdir()
    (root / "etc/passwd").write_text("root")
    (root / "etc/group").write_text("root")
    (root / "var/log").mkdir(parents=True)
    (root / "var/log/one").write_text("1")
    (root / "bin").symlink_to("usr/bin")


def checks_of(names: dict[str, object]) -> list[Callable[[Bench], None]]:
    """The checks among a module's names: each function of one `bench`."""
    return [
        check
        for check in names.values()
        if callable(check) and getattr(check, "__annotations__", {}).get("bench") == "Bench"
    ]
