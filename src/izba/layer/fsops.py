"""The file operations that differ by privilege (umoci's FsEval): owners and device nodes.

Privileged  real root: owners and device nodes are real
Mapped      root of a user namespace with ranges of ids: owners are real within them, device nodes are recorded
Rootless    one id only: owners and device nodes are recorded

What cannot be done is recorded in the extended attribute `user.izba.owner` of the file or directory, `uid:gid`, or for
a device node `uid:gid:mode:major:minor` on an empty regular file; and `told` reads it back, so that a layer written
again says what the layer that was applied had said.
"""

from __future__ import annotations

import errno
import os
import stat

from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    class FsOps(Protocol):
        """How this process gives files their owners, and learns whom they belong to."""

        def settle(self, fd: int, uid: int, gid: int, mode: int) -> None:
            """Give the open file or directory its owner, then its mode (chown clears setuid)."""

        def settle_link(self, name: bytes, directory: int, uid: int, gid: int) -> None:
            """Give the symbolic link `name` in `directory` its owner."""

        def make_node(self, name: bytes, directory: int, node: Node) -> None:
            """Make the device node or fifo `name` in `directory`, which must not exist."""

        def told(self, status: os.stat_result, xattrs: Mapping[str, bytes]) -> Node:
            """Owner, mode and device as layers tell them, of a file with these attributes."""


RECORD = "user.izba.owner"
NO_ID = (1 << 32) - 1
"""(uid_t) -1, which means "leave it" to chown and is nobody's."""

_DEVICES = {b"2": stat.S_IFCHR, b"6": stat.S_IFBLK}  # the first octal digit of a mode of six
_CAP_CHOWN, _CAP_MKNOD = 1 << 0, 1 << 27


class Node(Record):
    """What a file is besides its content; `mode` with the type bits."""

    uid: int
    gid: int
    mode: int
    device: tuple[int, int] = (0, 0)


class OwnerOutOfRange(InvalidArgument):
    """A file's owner has no id in this user namespace."""

    def __init__(self, uid: int, gid: int, *, name: str = "a file") -> None:
        super().__init__(
            f"{name} belongs to {uid}:{gid}, which lies outside the ids that this user may use",
            hint="give the user more ids, for example with "
            "`usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER`",
        )
        self.uid = uid
        self.gid = gid


def fsops() -> FsOps:
    """The operations that this process can do, from its capabilities and the ids mapped into its user namespace."""
    capabilities = _effective_capabilities()
    if not capabilities & _CAP_CHOWN or _ids_mapped() == 1:
        return Rootless()
    if _ids_mapped() < NO_ID or not capabilities & _CAP_MKNOD:
        return Mapped()
    return Privileged()


class Privileged:
    """Root of the machine."""

    def settle(self, fd: int, uid: int, gid: int, mode: int) -> None:
        """See `FsOps`. Raises `OwnerOutOfRange`."""
        try:
            os.fchown(fd, uid, gid)
        except OSError as error:
            raise _explained(error, uid, gid) from error
        os.fchmod(fd, mode)

    def settle_link(self, name: bytes, directory: int, uid: int, gid: int) -> None:
        """See `FsOps`. Raises `OwnerOutOfRange`."""
        try:
            os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False)
        except OSError as error:
            raise _explained(error, uid, gid) from error

    def make_node(self, name: bytes, directory: int, node: Node) -> None:
        """See `FsOps`."""
        os.mknod(name, node.mode, os.makedev(*node.device), dir_fd=directory)
        self.settle_link(name, directory, node.uid, node.gid)
        os.chmod(name, stat.S_IMODE(node.mode), dir_fd=directory)  # mknod obeys the umask, and chown clears setuid

    def told(self, status: os.stat_result, xattrs: Mapping[str, bytes]) -> Node:  # noqa: ARG002 - others use them
        """See `FsOps`. Only what the kernel says counts: a container's root may write any record."""
        mode = status.st_mode
        if _is_device(mode):
            device = (os.major(status.st_rdev), os.minor(status.st_rdev))
            return Node(uid=status.st_uid, gid=status.st_gid, mode=mode, device=device)
        return _node(status.st_uid, status.st_gid, mode)


class Mapped(Privileged):
    """Root of a user namespace with ranges of ids; the kernel lets it make no device nodes."""

    def make_node(self, name: bytes, directory: int, node: Node) -> None:
        """See `FsOps`."""
        if _is_device(node.mode):
            _record_device(self, name, directory, node)
        else:
            super().make_node(name, directory, node)

    def told(self, status: os.stat_result, xattrs: Mapping[str, bytes]) -> Node:
        """See `FsOps`."""
        recorded = _recorded(status, xattrs)
        return recorded if recorded is not None and _is_device(recorded.mode) else super().told(status, xattrs)


class Rootless:
    """Root of a user namespace with a single id, or no root at all."""

    def settle(self, fd: int, uid: int, gid: int, mode: int) -> None:
        """See `FsOps`."""
        if uid or gid:
            _record(fd, b"%d:%d" % (uid, gid))
        else:
            _forget(fd)
        os.fchmod(fd, mode)

    def settle_link(self, name: bytes, directory: int, uid: int, gid: int) -> None:
        """See `FsOps`. The kernel keeps no user attribute on a link: its owner is lost."""

    def make_node(self, name: bytes, directory: int, node: Node) -> None:
        """See `FsOps`."""
        if _is_device(node.mode):
            _record_device(self, name, directory, node)
        else:
            os.mknod(name, node.mode, dir_fd=directory)
            os.chmod(name, stat.S_IMODE(node.mode), dir_fd=directory)

    def told(self, status: os.stat_result, xattrs: Mapping[str, bytes]) -> Node:
        """See `FsOps`. The one id is that of root; so is every other, which is nobody's here."""
        return _recorded(status, xattrs) or _node(0, 0, status.st_mode)


_NODES: dict[tuple[int, int, int], Node] = {}
_MANY_NODES = 10_000


def _node(uid: int, gid: int, mode: int) -> Node:
    """A node that is no device; there are few of them and many files."""
    key = (uid, gid, mode)
    node = _NODES.get(key)
    if node is None:
        if len(_NODES) >= _MANY_NODES:
            _NODES.clear()
        node = _NODES[key] = Node(uid=uid, gid=gid, mode=mode)
    return node


def _is_device(mode: int) -> bool:
    return stat.S_ISCHR(mode) or stat.S_ISBLK(mode)


def _record_device(ops: FsOps, name: bytes, directory: int, node: Node) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)
    try:
        if not isinstance(ops, Rootless):
            ops.settle(fd, node.uid, node.gid, stat.S_IMODE(node.mode))
        _record(fd, b"%d:%d:%06o:%d:%d" % (node.uid, node.gid, node.mode, *node.device))
        os.fchmod(fd, stat.S_IMODE(node.mode))
    finally:
        os.close(fd)


def _record(fd: int, value: bytes) -> None:
    try:
        os.setxattr(fd, RECORD, value)
    except OSError as error:
        if error.errno != errno.ENOTSUP:  # a file system without user attributes keeps no record
            raise


def _forget(fd: int) -> None:
    try:
        os.removexattr(fd, RECORD)  # an entry that comes again may have said otherwise before
    except OSError as error:
        if error.errno not in {errno.ENODATA, errno.ENOTSUP}:
            raise


def _recorded(status: os.stat_result, xattrs: Mapping[str, bytes]) -> Node | None:
    """The record on a file; None if there is none, or one that makes no sense: a container may write what it likes."""
    fields = xattrs.get(RECORD, b"").split(b":")
    if len(fields) not in {2, 5} or not all(field.isdigit() and len(field) <= 10 for field in fields):
        return None
    uid, gid = int(fields[0]), int(fields[1])
    if max(uid, gid) >= NO_ID:
        return None
    if len(fields) == 2:
        return Node(uid=uid, gid=gid, mode=status.st_mode)
    if status.st_size or not stat.S_ISREG(status.st_mode):
        return None  # it was written over: a file now
    kind = _DEVICES.get(fields[2][:-4].lstrip(b"0"))
    major, minor = int(fields[3]), int(fields[4])
    if kind is None or major >= 1 << 12 or minor >= 1 << 20 or (major, minor) == (0, 0):
        return None
    return Node(uid=uid, gid=gid, mode=kind | stat.S_IMODE(status.st_mode), device=(major, minor))


def _explained(error: OSError, uid: int, gid: int) -> Exception:
    return OwnerOutOfRange(uid, gid) if error.errno == errno.EINVAL else error


def _ids_mapped() -> int:
    """How many uids this user namespace has; the fewer of uids and gids."""
    return min(_count("/proc/self/uid_map"), _count("/proc/self/gid_map"))


def _count(path: str) -> int:
    with open(path, encoding="ascii") as file:
        return sum(int(line.split()[2]) for line in file)


def _effective_capabilities() -> int:
    with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("CapEff:"):
                return int(line.split()[1], 16)
    return 0
