"""A tree as a sequence of items, and a sequence of items as a tree."""

from __future__ import annotations

import errno
import os
import stat

from izba import log
from izba.engine.containers.copying.item import Item
from izba.errors import InvalidArgument
from izba.layer.fsops import Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from izba.layer.fsops import FsOps

_BLOCK = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TYPES = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFCHR: "character",
    stat.S_IFBLK: "block",
}


class CannotOverwrite(InvalidArgument):
    """A directory is where a file should go, or the other way round; Docker's sentence."""

    def __init__(self, path: str, *, directory: bool) -> None:
        kinds = ("non-directory", "directory") if directory else ("directory", "non-directory")
        super().__init__(f"cannot overwrite {kinds[0]} {path!r} with {kinds[1]}")
        self.path = path


def items(parent: int, name: str) -> Iterator[Item]:
    """The file `name` in the directory `parent` and all below it, directories before what is in them."""
    seen: dict[tuple[int, int], str] = {}
    yield from _walk(parent, name, "", seen)


def _walk(parent: int, name: str, path: str, seen: dict[tuple[int, int], str]) -> Iterator[Item]:
    # One frame and one descriptor for each level: the kernel's own limit on paths keeps that small enough.
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    item = _item(parent, name, path, status, seen)
    if item is None:
        return
    yield item
    if item.type != "directory":
        return
    fd = os.open(name, _DIRECTORY, dir_fd=parent)
    try:
        for child in sorted(os.listdir(fd)):
            try:
                yield from _walk(fd, child, f"{path}/{child}" if path else child, seen)
            except FileNotFoundError:  # it vanished while we looked
                continue
    finally:
        os.close(fd)


def _item(parent: int, name: str, path: str, status: os.stat_result, seen: dict[tuple[int, int], str]) -> Item | None:
    kind = _TYPES.get(stat.S_IFMT(status.st_mode))
    if kind is None:  # a socket: nobody listens to a copy of it
        return None
    item = Item(
        path=path,
        type=kind,
        mode=stat.S_IMODE(status.st_mode),
        uid=status.st_uid,
        gid=status.st_gid,
        mtime=status.st_mtime_ns,
    )
    if kind == "symlink":
        return item.replace(target=os.readlink(name, dir_fd=parent))
    if kind in {"character", "block"}:
        return item.replace(device=(os.major(status.st_rdev), os.minor(status.st_rdev)))
    if kind != "file":
        return item
    key = (status.st_dev, status.st_ino)
    if status.st_nlink > 1 and key in seen:
        return item.replace(link=seen[key])
    seen[key] = path
    return item.replace(size=status.st_size, read=lambda: _content(parent, name))


def _content(parent: int, name: str) -> Iterator[bytes]:
    # Non-blocking: had the file become a FIFO since it was looked at, opening it would wait for ever.
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=parent)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise InvalidArgument(f"{name!r} is no regular file any more")
        while data := os.read(fd, _BLOCK):
            yield data
    finally:
        os.close(fd)


class Writer:
    """Puts items below a directory.

    owners    give files the owners they had, else they are of whoever writes
    trusted   the items may bring devices and setuid bits: those for a container may, those from one may not
    """

    def __init__(self, directory: int, *, owners: FsOps | None, trusted: bool) -> None:
        self._directory = directory
        self._owners = owners
        self._trusted = trusted
        self._times: list[tuple[list[str], Item]] = []

    def write(self, items: Iterable[Item], *, name: str = "") -> None:
        """Write each item; the one copied itself is named `name`, or is the directory if that is empty."""
        for item in items:
            parts = [part for part in f"{name}/{item.path}".split("/") if part not in {"", "."}]
            if ".." in parts:
                raise InvalidArgument(f"{item.path!r} leads out of the archive")
            self._put(item, parts, name)
        for parts, item in reversed(self._times):
            self._set_time(parts, item)

    def _put(self, item: Item, parts: list[str], name: str) -> None:
        if not parts:
            if item.type != "directory":
                raise CannotOverwrite(".", directory=False)
            return
        parent = self._open(parts[:-1])
        try:
            self._make(item, parent, parts, name)
        finally:
            os.close(parent)

    def _open(self, parts: list[str]) -> int:
        """The directory of these names below ours, made where missing; a link is not followed."""
        fd = os.open(".", _DIRECTORY, dir_fd=self._directory)
        for part in parts:
            try:
                inner = _enter(part, fd)
            except OSError as error:
                if error.errno in {errno.ELOOP, errno.ENOTDIR}:
                    raise CannotOverwrite("/".join(parts), directory=True) from None
                raise
            finally:
                os.close(fd)
            fd = inner
        return fd

    def _make(self, item: Item, parent: int, parts: list[str], name: str) -> None:
        leaf = parts[-1]
        if item.type in {"character", "block"} and not self._trusted:
            log.warning(f"the device {'/'.join(parts)} is not copied to the host")
            return
        is_there = self._make_room(item, parent, parts)
        if item.link is not None:
            self._link(item.link, parent, leaf, name)
            return
        if item.type == "file":
            self._file(item, parent, leaf)
        elif item.type == "directory":
            if not is_there:
                os.mkdir(leaf, 0o700, dir_fd=parent)
            fd = os.open(leaf, _DIRECTORY, dir_fd=parent)
            self._settle(item, fd)
            os.close(fd)
        elif item.type == "symlink":
            os.symlink(item.target, leaf, dir_fd=parent)
            if self._owners:
                self._owners.settle_link(os.fsencode(leaf), parent, item.uid, item.gid)
        else:
            self._node(item, parent, leaf)
        self._times.append((parts, item))

    def _make_room(self, item: Item, parent: int, parts: list[str]) -> bool:
        """Remove a file that is in the way; whether a directory is, which stays."""
        try:
            there = os.stat(parts[-1], dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        is_directory = stat.S_ISDIR(there.st_mode)
        if is_directory != (item.type == "directory"):
            raise CannotOverwrite("/".join(parts), directory=not is_directory)
        if not is_directory:
            os.unlink(parts[-1], dir_fd=parent)
        return is_directory

    def _file(self, item: Item, parent: int, leaf: str) -> None:
        how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(leaf, how, 0o600, dir_fd=parent)
        try:
            for data in item.read() if item.read else ():
                view = memoryview(data)
                while view:
                    view = view[os.write(fd, view) :]
            self._settle(item, fd)
        finally:
            os.close(fd)

    def _link(self, link: str, parent: int, leaf: str, name: str) -> None:
        """Another name of a file copied before; a link in a hostile archive stays inside like any other path."""
        known = [part for part in f"{name}/{link}".split("/") if part not in {"", "."}]
        if not known or ".." in known:
            raise InvalidArgument(f"{link!r} leads out of the archive")
        source = self._open(known[:-1])
        try:
            os.link(known[-1], leaf, src_dir_fd=source, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(source)

    def _node(self, item: Item, parent: int, leaf: str) -> None:
        kind = {"fifo": stat.S_IFIFO, "character": stat.S_IFCHR, "block": stat.S_IFBLK}[item.type]
        if self._owners:
            node = Node(uid=item.uid, gid=item.gid, mode=kind | item.mode, device=item.device)
            self._owners.make_node(os.fsencode(leaf), parent, node)
        else:
            os.mknod(leaf, kind | item.mode & 0o777, os.makedev(*item.device), dir_fd=parent)

    def _settle(self, item: Item, fd: int) -> None:
        mode = item.mode if self._trusted else item.mode & 0o1777
        if self._owners:
            self._owners.settle(fd, item.uid, item.gid, mode)
        else:
            os.fchmod(fd, mode)

    def _set_time(self, parts: list[str], item: Item) -> None:
        parent = self._open(parts[:-1])
        try:
            os.utime(parts[-1], ns=(item.mtime, item.mtime), dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:  # a later item took its place
            pass
        finally:
            os.close(parent)


def _enter(name: str, directory: int) -> int:
    try:
        return os.open(name, _DIRECTORY, dir_fd=directory)
    except FileNotFoundError:
        os.mkdir(name, 0o755, dir_fd=directory)
        return os.open(name, _DIRECTORY, dir_fd=directory)
