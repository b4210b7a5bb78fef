"""A layer's tar becomes files (image-spec, layer.md, "Applying Changesets").

Two uses, told apart by `overlay`: into the empty directory of one layer, where deletions become overlayfs's own marks;
or onto a whole root file system, where they delete. Nothing in a tar can make a name lead outside of the directory:
parents are resolved inside it, the last component is never followed, and no file that exists is opened for writing.
"""

from __future__ import annotations

import errno
import os
import stat

from izba._record import Record
from izba.layer import tree
from izba.layer.deletions import Deletions
from izba.layer.fsops import Node, OwnerOutOfRange, Privileged, Rootless
from izba.layer.place import Places, clean
from izba.layer.streams import ReadAhead
from izba.layer.tarheader import (
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    FIFO,
    FILE,
    LINK,
    SYMLINK,
    BadTar,
    Entry,
    shown,
)
from izba.layer.tarstream import DEFAULT_LIMITS, Limits, TarReader
from izba.layer.xattrs import belongs_to_layer
from izba.linux.fs import start_writeback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from izba.layer.fsops import FsOps
    from izba.layer.place import Place
    from izba.layer.streams import Reader
    from izba.linux.overlay import OverlayEncoding
    from izba.oci.digest import Digest

    Body = Callable[[], Iterator[memoryview]]


class Applied(Record):
    """What was applied: the digest and size of the tar, and how many entries it had.

    `frame` is the digest of the tar without the bodies of its files; see `diff.frame`.
    """

    diff_id: Digest
    size: int
    files: int
    frame: Digest


def apply(
    stream: Reader,
    directory: str,
    *,
    ops: FsOps,
    overlay: OverlayEncoding | None,
    lowers: Sequence[str] = (),
    limits: Limits = DEFAULT_LIMITS,
    plain: bool = False,
) -> Applied:
    """Unpack the uncompressed tar `stream` into `directory` and read it to its end.

    `overlay` says how deletions are marked in the directory of one layer; None deletes in a whole file system.
    `lowers` are the directories of the layers below, nearest first: a directory that the tar does not mention but has
    files in gets the owner and mode that it has there. `plain`: the tar is no layer, and a name that begins with .wh.
    one like others. Raises `BadTar`, `DataLoss`, `OwnerOutOfRange`; the directory is
    then to be thrown away. Nothing is synced: that is for whoever makes the layer known.
    """
    source = ReadAhead(stream)
    try:
        reader = TarReader(source.chunk, limits)
        with _Layer(lambda maker: Places(directory, maker, limits.link_steps), ops, overlay, lowers) as layer:
            layer.is_plain = plain
            for entry in reader:
                layer.add(entry, reader.body)
            layer.set_directory_times()
        diff_id, size = source.digest()
    finally:
        source.close()
    return Applied(diff_id=diff_id, size=size, files=reader.entries, frame=reader.frame())


_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NODE_TYPES = {CHARACTER: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK, FIFO: stat.S_IFIFO}
_LARGE = 1 << 20  # of such a file the disk begins to write while the next ones are unpacked
_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"
_AUFS = b".wh..wh."


class _Layer:
    """A directory that entries are added to."""

    def __init__(
        self, places: Callable[[_Layer], Places], ops: FsOps, overlay: OverlayEncoding | None, lowers: Sequence[str]
    ) -> None:
        self._ops = ops
        self._new_are_roots = isinstance(ops, (Privileged, Rootless))  # others may give root's files to somebody else
        self._places = places(self)
        self._deletions = Deletions(self._places, overlay, lowers)
        self._times: dict[bytes, int] = {}  # of directories; set last, as every file made in one changes its own
        self._time = 0
        self.is_plain = False
        self._makers: dict[bytes, Callable[[Entry, Place, Body], None]] = {
            FILE: self._file,
            LINK: self._link,
            SYMLINK: self._symlink,
            DIRECTORY: self._directory,
            CHARACTER: self._node,
            BLOCK_DEVICE: self._node,
            FIFO: self._node,
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._places.close()

    def add(self, entry: Entry, body: Body) -> None:
        """Make the file that `entry` describes, or the deletion that its name means."""
        try:
            self._add(entry, body)
        except OwnerOutOfRange as error:
            raise OwnerOutOfRange(error.uid, error.gid, name=shown(entry.name)) from error
        except OSError as error:
            raise _explained(error, entry) from error

    def set_directory_times(self) -> None:
        """The last step."""
        for path, time in self._times.items():
            try:
                fd = self._places.open_directory(path)
            except OSError:
                continue  # a later entry replaced it
            os.utime(fd, ns=(time, time))
            os.close(fd)

    def _add(self, entry: Entry, body: Body) -> None:
        make = self._makers.get(entry.type)
        if make is None:
            raise BadTar(f"{shown(entry.name)}: an entry of the unknown type {shown(entry.type)}")
        self._time = entry.mtime
        path = clean(entry.name)
        if not path:
            self._root(entry)
            return
        at = self._places.find(path)
        if self.is_plain or not at.leaf.startswith(_WHITEOUT):
            make(entry, at, body)
            self._deletions.made(at.path)
        elif at.leaf == _OPAQUE:
            self._deletions.hide_below(at)
        elif not at.leaf.startswith(_AUFS):  # the rest of aufs's own names mean nothing to a layer
            self._deletions.hide(at, at.leaf.removeprefix(_WHITEOUT))

    def _root(self, entry: Entry) -> None:
        if entry.type != DIRECTORY:
            raise BadTar(f"{shown(entry.name)}: the root of a layer must be a directory")
        fd = os.open(".", _OPEN_DIRECTORY, dir_fd=self._places.root)
        try:
            self._settle(fd, entry)
        finally:
            os.close(fd)
        self._times[b""] = entry.mtime

    def _file(self, entry: Entry, at: Place, body: Body) -> None:
        permissions = entry.mode & 0o777
        try:
            fd = os.open(at.leaf, _CREATE, permissions, dir_fd=at.parent)
        except FileExistsError:
            self._replace(at)
            fd = os.open(at.leaf, _CREATE, permissions, dir_fd=at.parent)
        try:
            if entry.sparse is None:
                for piece in body():
                    _write(fd, piece)
            else:
                _write_sparse(fd, entry, body())
            if entry.xattrs or not self._new_are_roots or not _is_roots(os.fstat(fd), entry):
                self._settle(fd, entry)
            os.utime(fd, ns=(entry.mtime, entry.mtime))
            if entry.size >= _LARGE:
                start_writeback(fd)
        finally:
            os.close(fd)

    def _directory(self, entry: Entry, at: Place, _: Body) -> None:
        try:
            os.mkdir(at.leaf, 0o700, dir_fd=at.parent)
        except FileExistsError:
            if not stat.S_ISDIR(os.stat(at.leaf, dir_fd=at.parent, follow_symlinks=False).st_mode):
                self._deletions.replace_by_directory(at.leaf, at.parent)
        fd = os.open(at.leaf, _OPEN_DIRECTORY, dir_fd=at.parent)
        try:
            self._settle(fd, entry)
        finally:
            os.close(fd)
        self._times[at.path] = entry.mtime

    def _symlink(self, entry: Entry, at: Place, _: Body) -> None:
        if not entry.link:
            raise BadTar(f"{shown(entry.name)}: a symbolic link to nothing")
        try:
            os.symlink(entry.link, at.leaf, dir_fd=at.parent)
        except FileExistsError:
            self._replace(at)
            os.symlink(entry.link, at.leaf, dir_fd=at.parent)
        self._ops.settle_link(at.leaf, at.parent, entry.uid, entry.gid)
        os.utime(at.leaf, ns=(entry.mtime, entry.mtime), dir_fd=at.parent, follow_symlinks=False)

    def _link(self, entry: Entry, at: Place, _: Body) -> None:
        try:
            target_parent, target = self._places.open_parent(clean(entry.link))
        except (FileNotFoundError, NotADirectoryError):
            raise _no_target(entry) from None
        try:
            status = os.stat(target, dir_fd=target_parent, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode) or self._deletions.is_whiteout(status):
                raise _no_target(entry)
            try:
                existing = os.stat(at.leaf, dir_fd=at.parent, follow_symlinks=False)
            except FileNotFoundError:
                pass
            else:
                if os.path.samestat(existing, status):
                    return
                self._replace(at)
            os.link(target, at.leaf, src_dir_fd=target_parent, dst_dir_fd=at.parent, follow_symlinks=False)
        except FileNotFoundError:
            raise _no_target(entry) from None
        finally:
            os.close(target_parent)

    def _node(self, entry: Entry, at: Place, _: Body) -> None:
        major, minor = entry.device
        if entry.type != FIFO and not (0 <= major < 1 << 12 and 0 <= minor < 1 << 20):
            raise BadTar(f"{shown(entry.name)}: there is no device {major}:{minor}")
        if entry.type == CHARACTER and entry.device == (0, 0):
            raise BadTar(f"{shown(entry.name)} is the device 0:0, which overlayfs takes for a deletion")
        mode = entry.mode | _NODE_TYPES[entry.type]
        node = Node(uid=entry.uid, gid=entry.gid, mode=mode, device=entry.device)
        try:
            self._ops.make_node(at.leaf, at.parent, node)
        except FileExistsError:
            self._replace(at)
            self._ops.make_node(at.leaf, at.parent, node)
        os.utime(at.leaf, ns=(entry.mtime, entry.mtime), dir_fd=at.parent, follow_symlinks=False)

    def _settle(self, fd: int, entry: Entry) -> None:
        self._ops.settle(fd, entry.uid, entry.gid, entry.mode)
        for name, value in entry.xattrs.items():
            if belongs_to_layer(name):
                _set_xattr(fd, name, value)

    def _replace(self, at: Place) -> None:
        tree.remove(at.leaf, at.parent)
        self._places.forget()

    # What `Places` asks for where a parent is missing.

    def make_parent(self, name: bytes, directory: int, path: bytes) -> None:
        """See `Maker`."""
        os.mkdir(name, 0o755, dir_fd=directory)
        fd = os.open(name, _OPEN_DIRECTORY, dir_fd=directory)
        try:
            node = self._deletions.hidden_directory(path, self._ops) or Node(uid=0, gid=0, mode=0o755)
            self._ops.settle(fd, node.uid, node.gid, stat.S_IMODE(node.mode))
        finally:
            os.close(fd)
        self._times[path] = self._time

    def clear_parent(self, name: bytes, directory: int, path: bytes) -> None:
        """See `Maker`."""
        if not self._deletions.is_whiteout(os.stat(name, dir_fd=directory, follow_symlinks=False)):
            raise BadTar(f"{shown(path)} is no directory, and another entry lies below it")
        self._deletions.replace_by_directory(name, directory)
        os.chmod(name, 0o755, dir_fd=directory)
        self._times[path] = self._time


def _is_roots(made: os.stat_result, entry: Entry) -> bool:
    """Whether a new file, which has no record of an owner, is root's as the entry says, and has its mode."""
    return not (made.st_uid or made.st_gid or entry.uid or entry.gid) and stat.S_IMODE(made.st_mode) == entry.mode


def _write(fd: int, data: memoryview) -> None:
    while (written := os.write(fd, data)) < len(data):
        data = data[written:]


def _write_sparse(fd: int, entry: Entry, body: Iterator[memoryview]) -> None:
    os.ftruncate(fd, entry.size)
    piece = memoryview(b"")
    for offset, length in entry.sparse or ():
        os.lseek(fd, offset, os.SEEK_SET)
        left = length
        while left:
            piece = piece or next(body)
            part, piece = piece[:left], piece[left:]
            _write(fd, part)
            left -= len(part)


def _set_xattr(fd: int, name: str, value: bytes) -> None:
    try:
        os.setxattr(fd, name, value)
    except OSError as error:
        # As Docker: what the file system does not keep or this user may not set is not worth losing the image for.
        if error.errno not in {errno.ENOTSUP, errno.EPERM}:
            raise


def _no_target(entry: Entry) -> BadTar:
    return BadTar(f"{shown(entry.name)} is a hard link to {shown(entry.link)}, which is no file of this layer")


_OF_NAMES = {errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.EILSEQ, errno.ENOENT}


def _explained(error: OSError, entry: Entry) -> Exception:
    if error.errno in _OF_NAMES:
        return BadTar(f"{shown(entry.name)}: {error.strerror}")
    return OSError(error.errno, error.strerror, os.fsdecode(entry.name))
