"""Files become a layer's tar (image-spec, layer.md, "Creating"): an overlay's upper directory, or a whole tree.

The same tree gives the same bytes: names in order, owners as numbers, times in whole seconds, no access times, no inode
numbers. So no tar needs to be stored: it is written again when someone asks for it.
"""

from __future__ import annotations

import os
import stat

from izba._record import Record
from izba.errors import InvalidArgument
from izba.layer import tree, xattrs
from izba.layer.streams import CHUNK, HashedSink
from izba.layer.tarheader import (
    BLOCK_DEVICE,
    CHARACTER,
    DIRECTORY,
    END,
    FIFO,
    FILE,
    LINK,
    NAME_LIMIT,
    SYMLINK,
    Entry,
    pack,
    padding,
    shown,
)
from izba.oci.digest import Hasher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Literal

    from izba.layer.fsops import FsOps
    from izba.layer.streams import Writer
    from izba.linux.overlay import OverlayEncoding
    from izba.oci.digest import Digest


class Written(Record):
    """What was written: digest and size of the tar, and how many entries it has."""

    diff_id: Digest
    size: int
    files: int


class Change(Record):
    """One line of `diff`: (A)dded, (C)hanged or (D)eleted; `path` begins with a slash."""

    kind: Literal["A", "C", "D"]
    path: str


class CannotBeLayer(InvalidArgument):
    """A file is of a kind or name that no layer can hold."""


def write_layer(
    directory: str, out: Writer, *, ops: FsOps, overlay: OverlayEncoding | None, marked: bool = False
) -> Written:
    """Write the tar of `directory` to `out` and hash it in a thread meanwhile.

    With `overlay` the directory is the upper directory of an overlay and its marks become whiteouts; None takes the
    files as they are, and refuses names that would be whiteouts, unless the directory is `marked` with them on purpose.
    Raises `CannotBeLayer`.
    """
    sink = HashedSink(out)
    try:
        writer = _LayerWriter(sink, ops, overlay, marked=marked)
        writer.write(directory)
        diff_id, size = sink.finish()
    except BaseException:
        sink.close()
        raise
    return Written(diff_id=diff_id, size=size, files=writer.files)


def frame(directory: str, *, ops: FsOps, overlay: OverlayEncoding | None) -> Digest | None:
    """The digest of the tar that `write_layer` would write, without the bodies of files, which are not read.

    If a tar that was just applied to the directory had the same (`Applied.frame`), it would be written again byte for
    byte. None if there is something that no layer can hold.
    """
    hasher = Hasher()
    try:
        _FrameWriter(hasher, ops, overlay).write(directory)
    except CannotBeLayer:
        return None
    return hasher.digest()


def clamp_times(directory: str, *, newest: int) -> None:
    """Set every modification time in `directory` later than `newest` (seconds since the epoch) to it."""
    cursor = tree.Cursor(directory)
    try:
        _clamp(".", cursor.fd, newest)
        for _, entry in tree.walk(cursor):
            _clamp(entry.name, cursor.fd, newest)
    finally:
        cursor.close()


def changes(upper: str, *, overlay: OverlayEncoding, lower_has: Callable[[str], bool]) -> Iterator[Change]:
    """What the upper directory changes, as `docker diff` lists it. `lower_has` knows paths that begin with a slash."""
    cursor = tree.Cursor(upper)
    hidden: str | None = None  # an opaque directory: nothing of the layers below shows in it
    try:
        for prefix, entry in tree.walk(cursor):
            path = f"/{prefix}{entry.name}"
            if hidden is not None and not path.startswith(hidden):
                hidden = None
            in_lower = hidden is None and lower_has(path)
            if is_whiteout(entry):
                if in_lower:
                    yield Change(kind="D", path=path)
                continue
            if hidden is None and entry.is_dir(follow_symlinks=False) and _is_opaque(entry.name, cursor.fd, overlay):
                hidden = f"{path}/"
            yield Change(kind="C" if in_lower else "A", path=path)
    finally:
        cursor.close()


def is_whiteout(entry: os.DirEntry[str]) -> bool:
    """Whether overlayfs marks a deletion with this entry of an upper directory."""
    if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False) or entry.is_symlink():
        return False
    status = entry.stat(follow_symlinks=False)
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def _is_opaque(name: str, directory: int, overlay: OverlayEncoding) -> bool:
    fd = os.open(name, _OPEN | os.O_DIRECTORY, dir_fd=directory)
    try:
        return xattrs.read(fd).get(overlay.opaque) == b"y"
    finally:
        os.close(fd)


def _clamp(name: str, directory: int, newest: int) -> None:
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if status.st_mtime_ns > newest * 10**9:
        times = (newest * 10**9, newest * 10**9)
        os.utime(name, ns=times, dir_fd=directory, follow_symlinks=False)


_OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TYPES = {stat.S_IFCHR: CHARACTER, stat.S_IFBLK: BLOCK_DEVICE, stat.S_IFIFO: FIFO}
_WHITEOUT = b".wh."
_OPAQUE = b".wh..wh..opq"


class _Walk:
    """Goes through a tree and says what its tar consists of, in order; where that goes is a subclass's to say."""

    def __init__(self, ops: FsOps, overlay: OverlayEncoding | None, *, marked: bool = False) -> None:
        self._ops = ops
        self._overlay = overlay
        self._marked = marked
        self._links: dict[tuple[int, int], bytes] = {}  # files with several names: the first name written
        self._may_spare_times = True
        """Whether files can be read without the access time that would be written for each."""
        self.files = 0

    def _put(self, data: bytes) -> None:
        raise NotImplementedError

    def _put_body(self, fd: int, size: int) -> None:
        raise NotImplementedError

    def write(self, directory: str) -> None:
        """The whole archive."""
        cursor = tree.Cursor(directory)
        try:
            self._root(cursor.fd)
            within, encoded = "", b""
            for prefix, entry in tree.walk(cursor):
                if prefix is not within:
                    within, encoded = prefix, os.fsencode(prefix)
                try:
                    self._entry(encoded, entry, cursor.fd)
                except FileNotFoundError:
                    pass  # a process in the container removed it since the directory was listed
        finally:
            cursor.close()
        self._put(END)

    def _entry(self, prefix: bytes, entry: os.DirEntry[str], directory: int) -> None:
        leaf = os.fsencode(entry.name)
        name = prefix + leaf
        if len(name) >= NAME_LIMIT:
            raise CannotBeLayer(f"{shown(name)}: a path of more than {NAME_LIMIT} bytes cannot be in a layer")
        if leaf.startswith(_WHITEOUT) and not self._marked:
            raise CannotBeLayer(f"{shown(name)}: names that begin with .wh. mean deletions in a layer")
        if entry.is_file(follow_symlinks=False):
            self._file(name, leaf, directory)
        elif entry.is_dir(follow_symlinks=False):
            self._directory(name, leaf, directory)
        elif entry.is_symlink():
            self._symlink(name, leaf, entry.stat(follow_symlinks=False), directory)
        else:
            self._special(prefix, leaf, entry.stat(follow_symlinks=False))

    def _root(self, fd: int) -> None:
        """The root directory is a part of the layer only where it is not what every root is."""
        status = os.fstat(fd)
        attributes = xattrs.read(fd)
        node = self._ops.told(status, attributes)
        kept = {key: value for key, value in attributes.items() if xattrs.belongs_to_layer(key)}
        if (node.uid, node.gid, stat.S_IMODE(node.mode)) != (0, 0, 0o755) or kept:
            self._put_directory(b"./", status, attributes)

    def _directory(self, name: bytes, leaf: bytes, directory: int) -> None:
        fd = os.open(leaf, _OPEN | os.O_DIRECTORY, dir_fd=directory)
        try:
            status = os.fstat(fd)
            attributes = xattrs.read(fd)
        finally:
            os.close(fd)
        self._put_directory(name + b"/", status, attributes)
        if self._overlay is None:
            return
        if self._overlay.prefix + "redirect" in attributes:
            raise CannotBeLayer(f"{shown(name)} was renamed by an overlay with redirect_dir, which layers cannot say")
        if attributes.get(self._overlay.opaque) == b"y":
            self._put_marker(name + b"/" + _OPAQUE)

    def _put_directory(self, name: bytes, status: os.stat_result, attributes: dict[str, bytes]) -> None:
        entry = self._describe(name, DIRECTORY, status, attributes)
        self._put_entry(entry)

    def _file(self, name: bytes, leaf: bytes, directory: int) -> None:
        fd = self._open(leaf, directory)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                return  # another took its place since the directory was listed
            if status.st_nlink > 1 and self._known_link(name, status):
                return
            entry = self._describe(name, FILE, status, xattrs.read(fd))
            if entry.type == FILE:
                entry.size = status.st_size
            self._put_entry(entry)
            self._put_body(fd, entry.size)
        finally:
            os.close(fd)

    def _open(self, leaf: bytes, directory: int) -> int:
        if self._may_spare_times:
            try:
                return os.open(leaf, _OPEN | os.O_NOATIME, dir_fd=directory)
            except PermissionError:  # of files of others; most trees have either none or many
                self._may_spare_times = False
        return os.open(leaf, _OPEN, dir_fd=directory)

    def _symlink(self, name: bytes, leaf: bytes, status: os.stat_result, directory: int) -> None:
        if status.st_nlink > 1 and self._known_link(name, status):
            return
        entry = self._describe(name, SYMLINK, status, {})
        entry.link = os.readlink(leaf, dir_fd=directory)
        self._put_entry(entry)

    def _special(self, prefix: bytes, leaf: bytes, status: os.stat_result) -> None:
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
            if self._overlay is not None:
                self._put_marker(prefix + _WHITEOUT + leaf)
            return
        kind = _TYPES.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            return  # a socket: tar has no word for it, and no use without the process that made it
        name = prefix + leaf
        if status.st_nlink > 1 and self._known_link(name, status):
            return
        self._put_entry(self._describe(name, kind, status, {}))

    def _known_link(self, name: bytes, status: os.stat_result) -> bool:
        """Whether the file was written under another name: then this name is written as a link to it."""
        first = self._links.setdefault((status.st_dev, status.st_ino), name)
        if first == name:
            return False
        entry = self._describe(name, LINK, status, {})
        entry.link = first
        self._put_entry(entry)
        return True

    def _describe(self, name: bytes, type: bytes, status: os.stat_result, attributes: dict[str, bytes]) -> Entry:
        node = self._ops.told(status, attributes)
        entry = Entry(name, type)
        if type == FILE and not stat.S_ISREG(node.mode):
            entry.type = _TYPES[stat.S_IFMT(node.mode)]
        entry.mode = stat.S_IMODE(node.mode)
        entry.uid = node.uid
        entry.gid = node.gid
        entry.device = node.device
        entry.mtime = status.st_mtime_ns
        if attributes:
            entry.xattrs = {key: value for key, value in attributes.items() if xattrs.belongs_to_layer(key)}
        return entry

    def _put_marker(self, name: bytes) -> None:
        """An empty file whose name says what is deleted."""
        entry = Entry(name)
        self._put_entry(entry)

    def _put_entry(self, entry: Entry) -> None:
        self.files += 1
        self._put(pack(entry))


class _FrameWriter(_Walk):
    """Hashes all but the bodies."""

    def __init__(self, hasher: Hasher, ops: FsOps, overlay: OverlayEncoding | None) -> None:
        super().__init__(ops, overlay)
        self._hasher = hasher

    def _put(self, data: bytes) -> None:
        self._hasher.update(data)

    def _put_body(self, _: int, size: int) -> None:
        self._hasher.update(bytes(padding(size)))


class _LayerWriter(_Walk):
    """Fills the buffers of a sink."""

    def __init__(self, sink: HashedSink, ops: FsOps, overlay: OverlayEncoding | None, *, marked: bool) -> None:
        super().__init__(ops, overlay, marked=marked)
        self._sink = sink
        self._buffer = sink.buffer()
        self._view = memoryview(self._buffer)
        self._used = 0

    def write(self, directory: str) -> None:
        """The whole archive."""
        super().write(directory)
        self._sink.full(self._buffer, self._used)

    def _put(self, data: bytes) -> None:
        end = self._used + len(data)
        if end <= CHUNK:
            self._view[self._used : end] = data
            self._used = end
            return
        view = memoryview(data)
        while view:
            part = view[: self._room()]
            self._view[self._used : self._used + len(part)] = part
            self._used += len(part)
            view = view[len(part) :]

    def _put_body(self, fd: int, size: int) -> None:
        """`size` bytes of the file, padded to a block. A file cut short meanwhile ends in NULs, as GNU tar ends it."""
        left = size
        while left:
            count = min(self._room(), left)
            got = os.readv(fd, (self._view[self._used : self._used + count],))
            if not got:
                self._put_zeros(left)
                break
            self._used += got
            left -= got
        if count := padding(size):
            self._put_zeros(count)

    def _put_zeros(self, count: int) -> None:
        while count:
            part = min(self._room(), count)
            self._view[self._used : self._used + part] = bytes(part)
            self._used += part
            count -= part

    def _room(self) -> int:
        """How much fits into the buffer, which is exchanged for an empty one if that is nothing."""
        if self._used == CHUNK:
            self._sink.full(self._buffer, self._used)
            self._buffer = self._sink.buffer()
            self._view = memoryview(self._buffer)
            self._used = 0
        return CHUNK - self._used
