"""What differs between two whole trees, as a layer has it: new and changed files, and `.wh.` files for what is gone.

Files count as the same when type, owner, mode, size, modification time, target and attributes are equal; a copy keeps
them all, and whoever changes a file moves its time. The changed files get second names in a directory of their own,
from which the layer is written, so that a time set there (`layer.diff.clamp_times`) is set in the tree itself.
"""

from __future__ import annotations

import os
import stat

from izba.store.snapshots.copy import copy_attributes
from izba.store.snapshots.trees import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Literal, Self

    from izba.layer.diff import Change

WHITEOUT = ".wh."


class Changes:
    """The difference of the tree `new` over `old` (None: nothing); `scratch` is a directory to extract it in."""

    def __init__(self, old: str | None, new: str, scratch: str) -> None:
        self._old = old
        self._new = new
        self._extracted = f"{scratch}/changes-{os.getpid()}-{id(self)}"

    def listed(self) -> Iterator[Change]:
        """As `docker diff` tells it."""
        from izba.layer.diff import Change

        told: set[str] = set()
        for path, kind in self._walk():
            for parent in (*_parents(path), path):
                if parent not in told:
                    told.add(parent)
                    yield Change(kind=kind if parent == path else "C", path=f"/{parent}")

    def extract(self) -> str:
        """A directory with the changed files and whiteouts only."""
        os.mkdir(self._extracted, 0o700)
        made = {""}
        for path, kind in self._walk():
            parent, _, name = path.rpartition("/")
            self._make_parents(parent, made)
            if kind == "D":
                os.close(os.open(f"{self._extracted}/{parent}/{WHITEOUT}{name}", os.O_CREAT | os.O_CLOEXEC, 0o600))
            elif _is_directory(f"{self._new}/{path}"):
                self._make_parents(path, made)
            else:
                os.link(f"{self._new}/{path}", f"{self._extracted}/{path}", follow_symlinks=False)
        for path in sorted(made, reverse=True):
            copy_attributes(f"{self._new}/{path}", f"{self._extracted}/{path}", os.lstat(f"{self._new}/{path}"))
        return self._extracted

    def _make_parents(self, path: str, made: set[str]) -> None:
        if path in made:
            return
        self._make_parents(path.rpartition("/")[0], made)
        os.mkdir(f"{self._extracted}/{path}", 0o700)
        made.add(path)

    def _walk(self) -> Iterator[tuple[str, Literal["A", "C", "D"]]]:
        """Changed paths with A, C or D, a directory before what it holds."""
        pending = [("", self._old is not None)]
        while pending:
            directory, was_directory = pending.pop()
            prefix = f"{directory}/" if directory else ""
            new = set(os.listdir(f"{self._new}/{directory}"))
            old = set(os.listdir(f"{self._old}/{directory}")) if was_directory else set()
            for name in sorted(old - new):
                yield f"{prefix}{name}", "D"
            for name in sorted(new):
                path = f"{prefix}{name}"
                if name not in old:
                    yield path, "A"
                elif not self._same(path):
                    yield path, "C"
                if _is_directory(f"{self._new}/{path}"):
                    # Below a link that became a directory nothing was, whatever the link leads to.
                    pending.append((path, name in old and _is_directory(f"{self._old}/{path}")))

    def _same(self, path: str) -> bool:
        old, new = f"{self._old}/{path}", f"{self._new}/{path}"
        one, other = os.lstat(old), os.lstat(new)
        if any(getattr(one, field) != getattr(other, field) for field in ("st_mode", "st_uid", "st_gid", "st_rdev")):
            return False
        if one.st_mtime_ns != other.st_mtime_ns or (one.st_size != other.st_size and not stat.S_ISDIR(one.st_mode)):
            return False
        if stat.S_ISLNK(one.st_mode) and os.readlink(old) != os.readlink(new):
            return False
        return _attributes(old) == _attributes(new)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        remove_tree(self._extracted)


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _is_directory(path: str) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def _attributes(path: str) -> dict[str, bytes]:
    names = os.listxattr(path, follow_symlinks=False)
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in names if not name.startswith("system.")}
