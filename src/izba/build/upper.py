"""Putting files into a tree: straight into the upper directory of an overlay, which is faster than through its mount.

What is below is looked at through a read-only view. As overlayfs would, a directory that is there gets a copy of its
own in the upper directory before anything is put into it; then the two are merged, and the copy's owner, mode and
attributes are what counts. A file in the upper directory hides what is below. Nothing is ever opened through a link:
paths are resolved first, inside the tree, and nobody else writes to it.
"""

from __future__ import annotations

import os
import stat

from izba._record import Record
from izba.build.filecopy import FileCopy, copy_data, differ, set_attributes
from izba.build.files import attributes
from izba.build.inroot import resolve
from izba.build.modes import change_mode
from izba.build.reuse import nearest
from izba.errors import InvalidArgument
from izba.layer.fsops import RECORD, Node, Privileged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.build.files import Chosen, Entry, FileSource
    from izba.build.reuse import EarlierLayer
    from izba.layer.fsops import FsOps

_WORTH_A_THREAD = 128


class NotADestination(InvalidArgument):
    """Something that is in the tree forbids what should be put there."""


class Wishes(Record):
    """What a COPY does to what it copies: `owner` (uid, gid) and `mode` (text of --chmod), where given."""

    owner: tuple[int, int] | None = None
    mode: str = ""

    def node(self, found: Node) -> Node:
        """The owner and mode that a file gets."""
        if self.owner is None and not self.mode:
            return found
        uid, gid = self.owner or (found.uid, found.gid)
        mode = found.mode
        if self.mode and not stat.S_ISLNK(mode):
            mode = stat.S_IFMT(mode) | change_mode(self.mode, mode, is_directory=stat.S_ISDIR(mode))
        return found.replace(uid=uid, gid=gid, mode=mode)


class Upper:
    """The tree being made: `directory` takes what is new, `below` (or nothing) shows what was there.

    `whole`: it is no overlay, and `directory` has all that was there. All times become `epoch`, except those of
    directories that were there. Call `finish` at the end.
    """

    def __init__(self, directory: str, below: str | None, ops: FsOps, epoch: int, *, whole: bool = False) -> None:
        self._directory = directory
        self._below = below
        self._ops = ops
        self._plain = isinstance(ops, Privileged)
        self._mask = _umask()
        self._time = epoch * 1_000_000_000
        self._settled: dict[str, tuple[Node, int] | None] = {"": None}
        self._nodes: dict[int, Node] = {}
        self._nodes_for: Wishes | None = None
        self._new: set[str] = set() if below is not None or whole else {""}
        self.changed_while_read: list[str] = []
        self.contents: dict[str, bytes] = {}
        """The digests of the files that were put, by path, as far as they are known."""
        self.size = 0
        """How many bytes those have."""
        self.earlier: Sequence[EarlierLayer] = ()
        """Layers that may have some of the files already, the likeliest first."""

    # -- looking

    def absolute(self, path: str) -> str:
        """Where the resolved `path` is in the upper directory."""
        return f"{self._directory}/{path}" if path else self._directory

    def status(self, path: str) -> os.stat_result | None:
        """What is at the resolved `path`."""
        for root in (self._directory, self._below):
            if root is not None:
                try:
                    return os.lstat(f"{root}/{path}")
                except (FileNotFoundError, NotADirectoryError):
                    continue
        return None

    def is_directory(self, path: str) -> bool:
        """Whether a directory is at the resolved `path`."""
        found = self.status(path)
        return found is not None and stat.S_ISDIR(found.st_mode)

    def readlink(self, path: str) -> str | None:
        """The target of the link at the resolved `path`, None for all else."""
        for root in (self._directory, self._below):
            if root is not None:
                try:
                    return os.readlink(f"{root}/{path}")
                except FileNotFoundError:
                    continue
                except OSError:
                    return None
        return None

    def resolve(self, path: str) -> str:
        """The path that `path` means inside the tree, links followed."""
        return resolve(path, self.readlink)

    # -- putting

    def make_directories(self, path: str, owner: tuple[int, int] = (0, 0)) -> None:
        """The directory at the resolved `path` and those above it; new ones belong to `owner`, with mode 0755."""
        if path in self._settled:
            return
        parent = path.rpartition("/")[0]
        self.make_directories(parent, owner)
        found = None if parent in self._new else self.status(path)
        if found is None:
            self._make_directory(path, Node(uid=owner[0], gid=owner[1], mode=stat.S_IFDIR | 0o755))
        elif stat.S_ISDIR(found.st_mode):
            self._copy_up(path)
        else:
            raise NotADestination(f"cannot copy to non-directory: /{path}")

    def put(self, source: FileSource, chosen: Chosen, path: str, wishes: Wishes) -> None:
        """Copy what was chosen to the resolved `path`, whose parent is there; a directory's content goes into it."""
        copies: list[FileCopy] = []
        if chosen.is_directory:
            self.make_directories(path, wishes.owner or (0, 0))
            top = source.absolute(chosen.path)
            prefix = f"{path}/" if path else ""
            for relative, status in chosen.entries:
                self._put(source, f"{top}/{relative}", (prefix + relative, status), wishes, copies)
        else:
            self._put(source, source.absolute(chosen.path), (path, chosen.status), wishes, copies)
        self._copy_all(copies)

    def write(self, path: str, data: bytes, wishes: Wishes) -> None:
        """A new file with this content and mode 0644 at the resolved `path`, whose parent is there."""
        self._make_way(path)
        node = wishes.node(Node(uid=0, gid=0, mode=stat.S_IFREG | 0o644))
        fd = self._create(self.absolute(path), 0o600, path)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(fd, view) :]
            self._ops.settle(fd, node.uid, node.gid, stat.S_IMODE(node.mode))
            os.utime(fd, ns=(self._time, self._time))
        finally:
            os.close(fd)

    @property
    def made(self) -> frozenset[str]:
        """The directories that were not there before."""
        return frozenset(self._new - {""})

    def finish(self) -> None:
        """Give the directories their owners, modes and times, which work in them would have changed, or forbid."""
        for path in sorted(self._settled, reverse=True):
            settled = self._settled[path]
            if settled is None:
                continue
            node, time = settled
            fd = os.open(self.absolute(path), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                self._ops.settle(fd, node.uid, node.gid, stat.S_IMODE(node.mode))
                os.utime(fd, ns=(time, time))
            finally:
                os.close(fd)

    def is_untouched(self) -> bool:
        """Whether nothing was put."""
        with os.scandir(self._directory) as listing:
            return next(listing, None) is None

    # -- how

    def _put(self, source: FileSource, origin: str, entry: Entry, wishes: Wishes, copies: list[FileCopy]) -> None:
        path, status = entry
        name = path.rpartition("/")[2]
        if name.startswith(".wh."):
            raise NotADestination(f"/{path} cannot be kept in an image: names with .wh. mark what a layer deletes")
        if not source.owners and stat.S_ISREG(status.st_mode):
            self._make_way(path)
            node = self._node(status.st_mode, wishes)
            copies.append(FileCopy(origin, path, status, node, digest=source.digests.get(origin)))
            return
        found = attributes(origin) if source.owners else []
        node = wishes.node(self._told(source, status, found))
        kept = tuple(pair for pair in found if pair[0] != RECORD)
        mode = node.mode
        if stat.S_ISREG(mode):
            self._make_way(path)
            copies.append(FileCopy(origin, path, status, node, attributes=kept))
        elif stat.S_ISDIR(mode):
            self._put_directory(path, node, kept)
        elif stat.S_ISLNK(mode):
            self._make_way(path)
            self._put_link(path, os.readlink(origin), node)
        else:
            self._make_way(path)
            if os.path.lexists(self.absolute(path)):
                self._remove(path)
            with _Directory(self.absolute(path.rpartition("/")[0])) as directory:
                self._ops.make_node(os.fsencode(name), directory, node)
            os.utime(self.absolute(path), ns=(self._time, self._time), follow_symlinks=False)

    def _node(self, mode: int, wishes: Wishes) -> Node:
        """What a context's file of this mode becomes; there are few modes and many files."""
        if self._nodes_for is not wishes:
            self._nodes_for, self._nodes = wishes, {}
        node = self._nodes.get(mode)
        if node is None:
            node = self._nodes[mode] = wishes.node(Node(uid=0, gid=0, mode=mode))
        return node

    def _told(self, source: FileSource, status: os.stat_result, found: Sequence[tuple[str, bytes]]) -> Node:
        """A context's files belong to root; of a tree's, what is recorded counts where owners cannot be real."""
        if not source.owners:
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
            return Node(uid=0, gid=0, mode=status.st_mode, device=device)
        return self._ops.told(status, dict(found))

    def _put_directory(self, path: str, node: Node, kept: Sequence[tuple[str, bytes]]) -> None:
        if path in self._settled:
            self._settled[path] = (node, self._time)
            return
        found = None if path.rpartition("/")[0] in self._new else self.status(path)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise NotADestination(f"cannot copy to non-directory: /{path}")
        if found is not None:
            self._copy_up(path)
            self._settled[path] = (node, self._time)
        else:
            self._make_directory(path, node)
        set_attributes(self.absolute(path), kept)

    def _put_link(self, path: str, target: str, node: Node) -> None:
        try:
            os.symlink(target, self.absolute(path))
        except FileExistsError:
            self._remove(path)
            os.symlink(target, self.absolute(path))
        if node.uid or node.gid:
            with _Directory(self.absolute(path.rpartition("/")[0])) as directory:
                self._ops.settle_link(os.fsencode(path.rpartition("/")[2]), directory, node.uid, node.gid)
        os.utime(self.absolute(path), ns=(self._time, self._time), follow_symlinks=False)

    def _make_way(self, path: str) -> None:
        """What is not a directory gives way to a new file."""
        if path.rpartition("/")[0] in self._new:
            # Nothing is below; what this COPY itself put there is found when the file is made.
            return
        found = self.status(path)
        if found is None:
            return
        if stat.S_ISDIR(found.st_mode):
            raise NotADestination(f"cannot replace to directory /{path} with file")
        try:
            os.unlink(self.absolute(path))
        except FileNotFoundError:
            pass

    def _make_directory(self, path: str, node: Node) -> None:
        try:
            os.mkdir(self.absolute(path), 0o700)
        except FileExistsError:
            raise NotADestination(f"cannot copy to non-directory: /{path}") from None
        self._settled[path] = (node, self._time)
        self._new.add(path)

    def _copy_up(self, path: str) -> None:
        """The directory that is below, with what overlayfs would copy of it; its time stays."""
        absolute = self.absolute(path)
        original = absolute
        if self._below is not None and not os.path.lexists(absolute):
            original = f"{self._below}/{path}"
            os.mkdir(absolute, 0o700)
        status = os.lstat(original)
        found = attributes(original)
        self._settled[path] = (self._ops.told(status, dict(found)), status.st_mtime_ns)
        if original != absolute:
            set_attributes(absolute, [pair for pair in found if pair[0] != RECORD])

    def _copy_all(self, copies: list[FileCopy]) -> None:
        # A file that comes twice is what came last: nothing is written twice, nor by two threads at once.
        unique = list({each.path: each for each in copies}.values())
        known = {each.path: each.digest for each in unique if each.digest is not None}
        self.contents.update(known)
        self.size += sum(each.status.st_size for each in unique if each.digest is not None)
        earlier = nearest(self.earlier, unique) if known and self.earlier else None
        if earlier is not None:
            # By one thread: to link is a moment in the kernel, and two would wait for each other between.
            unique = [each for each in unique if not earlier.link(each, self.absolute(each.path), self._time)]
        if len(unique) < _WORTH_A_THREAD:
            self._copy_some(unique)
            return
        from izba.build.threads import in_two_threads

        # Neighbours go to one thread: two that make files in one directory wait for each other.
        middle = len(unique) // 2
        in_two_threads(lambda: self._copy_some(unique[:middle]), lambda: self._copy_some(unique[middle:]))

    def _copy_some(self, copies: Sequence[FileCopy]) -> None:
        for each in copies:
            self._copy(each, self.absolute(each.path))

    def _copy(self, each: FileCopy, target: str) -> None:
        node = each.node
        mode = stat.S_IMODE(node.mode)
        source = os.open(each.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(source)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"{each.source} is no regular file any more")
            if differ(status, each.status):
                self.changed_while_read.append(each.source)
            made = self._create(target, mode, each.path)
            try:
                copy_data(source, made, status.st_size)
                if differ(os.fstat(source), status):
                    self.changed_while_read.append(each.source)
                if node.uid or node.gid or mode & (0o7000 | self._mask) or not self._plain or os.fstat(made).st_gid:
                    self._ops.settle(made, node.uid, node.gid, mode)
                if each.attributes:
                    set_attributes(made, each.attributes)
                os.utime(made, ns=(self._time, self._time))
            finally:
                os.close(made)
        finally:
            os.close(source)

    def _create(self, target: str, mode: int, path: str) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            return os.open(target, flags, mode)
        except FileExistsError:
            self._remove(path)
            return os.open(target, flags, mode)

    def _remove(self, path: str) -> None:
        """What an earlier source of the same COPY put there gives way, unless it is a directory."""
        if stat.S_ISDIR(os.lstat(self.absolute(path)).st_mode):
            raise NotADestination(f"cannot replace to directory /{path} with file")
        os.unlink(self.absolute(path))


def _umask() -> int:
    """What this process's umask is; asking by umask(2) would change it under other threads."""
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        return next((int(line.split()[1], 8) for line in file if line.startswith("Umask:")), 0o777)


class _Directory:
    """`with _Directory(path) as fd:`"""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def __enter__(self) -> int:
        return self._fd

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
