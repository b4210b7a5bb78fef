"""Where an entry of an archive belongs: names become a directory's descriptor and a last component, inside one root."""

from __future__ import annotations

import errno
import os

from izba.layer.tarheader import BadTar, shown
from izba.linux import flags, rootpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Maker(Protocol):
        """What to do where a parent directory is missing."""

        def make_parent(self, name: bytes, directory: int, path: bytes) -> None:
            """Make the directory `name` in `directory`; `path` is where that is in the root."""

        def clear_parent(self, name: bytes, directory: int, path: bytes) -> None:
            """`name` is no directory and no link: replace it by a directory, or raise `BadTar`."""


_DIRECTORY = os.O_PATH | os.O_DIRECTORY
_STEP = _DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = flags.RESOLVE_NO_SYMLINKS


def clean(name: bytes) -> bytes:
    """`name` relative to the root, without `.`, `..` and doubled slashes. Raises `BadTar` where it leads out."""
    if not name:
        raise BadTar("an entry has no name")
    parts: list[bytes] = []
    for part in name.split(b"/"):
        if part == b"..":
            if not parts:
                raise BadTar(f"{shown(name)} leads out of the layer")
            parts.pop()
        elif part and part != b".":
            parts.append(part)
    return b"/".join(parts)


class Place:
    """Where an entry goes: the name `leaf` in the open directory `parent`; `path` is that without links."""

    __slots__ = ("leaf", "parent", "path")

    def __init__(self, parent: int, leaf: bytes, path: bytes) -> None:
        self.parent = parent
        self.leaf = leaf
        self.path = path


class Places:
    """Finds parents below a root directory. Links in them are followed as if the root were `/`."""

    def __init__(self, directory: str, maker: Maker, link_steps: int) -> None:
        self.root = rootpath.open_root(directory)
        self._maker = maker
        self._link_steps = link_steps
        self._asked: bytes | None = b""  # the parent asked for last, where it really is, and its descriptor
        self._resolved = b""
        self._fd = self.root

    def find(self, path: bytes) -> Place:
        """Where a clean `path` is; parents that are missing are made. Its descriptor is good until the next call."""
        parent, _, leaf = path.rpartition(b"/")
        if parent != self._asked:
            self._close_last()
            self._fd, self._resolved = self._open(parent, make=True)
            self._asked = parent
        return Place(self._fd, leaf, self._resolved + b"/" + leaf if self._resolved else leaf)

    def open_parent(self, path: bytes) -> tuple[int, bytes]:
        """The parent of a clean `path`, which must be there, as a descriptor of the caller; and the last component."""
        parent, _, leaf = path.rpartition(b"/")
        return self._open(parent, make=False)[0], leaf

    def open_directory(self, path: bytes) -> int:
        """The directory at a path without links, for reading. Raises `OSError`."""
        flags_ = os.O_RDONLY | os.O_DIRECTORY
        return rootpath.open_in_root(self.root, os.fsdecode(path) or ".", flags_, resolve=_NO_LINKS)

    def forget(self) -> None:
        """A directory or a link was replaced: resolve again the next time."""
        self._asked = None

    def close(self) -> None:
        """Close all descriptors."""
        self._close_last()
        os.close(self.root)

    def _close_last(self) -> None:
        if self._fd != self.root:
            os.close(self._fd)
        self._asked, self._resolved, self._fd = None, b"", self.root

    def _open(self, path: bytes, *, make: bool) -> tuple[int, bytes]:
        try:
            return rootpath.open_in_root(self.root, os.fsdecode(path) or ".", _DIRECTORY, resolve=_NO_LINKS), path
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ELOOP, errno.ENOTDIR}:
                raise
        return self._walk(path, make=make)

    def _walk(self, path: bytes, *, make: bool) -> tuple[int, bytes]:
        """One component at a time, because one of them is a link or is missing."""
        todo = _parts(path)[::-1]
        done: list[bytes] = []
        links = 0
        fd = os.dup(self.root)
        try:
            while todo:
                name = todo.pop()
                if links:
                    self._link_steps -= 1
                if name == b"..":
                    done = done[:-1]
                    os.close(fd)
                    fd = os.dup(self.root)
                    todo += done[::-1]
                    done = []
                    continue
                target = _link_target(name, fd)
                if target is None:
                    following = self._step(name, fd, done, make=make)
                    os.close(fd)
                    fd = following
                    done.append(name)
                    continue
                links += 1
                if links > rootpath.MAX_SYMLINKS or self._link_steps < 0:
                    raise BadTar(f"{shown(path)}: too many symbolic links")
                todo += _parts(target)[::-1]
                if target.startswith(b"/"):
                    os.close(fd)
                    fd = os.dup(self.root)
                    done = []
        except BaseException:
            os.close(fd)
            raise
        return fd, b"/".join(done)

    def _step(self, name: bytes, fd: int, done: list[bytes], *, make: bool) -> int:
        try:
            return os.open(name, _STEP, dir_fd=fd)
        except FileNotFoundError:
            if not make:
                raise
            self._maker.make_parent(name, fd, b"/".join([*done, name]))
        except NotADirectoryError:
            if not make:
                raise
            self._maker.clear_parent(name, fd, b"/".join([*done, name]))
        return os.open(name, _STEP, dir_fd=fd)


def _parts(path: bytes) -> list[bytes]:
    return [part for part in path.split(b"/") if part and part != b"."]


def _link_target(name: bytes, directory: int) -> bytes | None:
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno in {errno.EINVAL, errno.ENOENT}:
            return None
        raise
