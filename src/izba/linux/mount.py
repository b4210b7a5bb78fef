"""Mounts: the `Mount` value that storage makes and runtimes execute, and the system calls under it.

Mounts are made detached and then moved onto a descriptor (open_tree(2), fsopen(2), move_mount(2)), so that a path is
looked at once and nobody can put a link in the way. Needs Linux 5.12.
"""

from __future__ import annotations

import os
from _struct import pack

from izba._record import Record
from izba.linux import flags as f
from izba.linux import libc, mountoptions, rootpath
from izba.linux.mountoptions import MountOptions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Mount(Record):
    """What to mount where, in mount(8)'s words; `target` is a path in a root given later, empty for the root itself."""

    type: str
    source: str
    target: str = ""
    options: tuple[str, ...] = ()

    def attach(self, root: str) -> None:
        """Mount it on its target inside the directory `root`. The target exists."""
        options = mountoptions.parse(self.options)
        root_fd = rootpath.open_root(root)
        try:
            target_fd = rootpath.open_in_root(root_fd, self.target or "/")
        finally:
            os.close(root_fd)
        try:
            if options.bind:
                self._attach(bind_source(self.source, options), target_fd)
            elif self.type == "overlay" and fits_options_page(options.data):
                # fsconfig(2) takes 256 bytes a value, mount(2) a page in all: right for up to some 50 layers.
                old_flags = mountoptions.old_flags(options.set)
                mount(self.source, f"/proc/self/fd/{target_fd}", self.type, old_flags, ",".join(options.data))
            else:
                self._attach(new_filesystem(self.type, self.source, options.data, options.set), target_fd)
        finally:
            os.close(target_fd)

    def _attach(self, tree_fd: int, target_fd: int) -> None:
        try:
            move_mount(tree_fd, target_fd, path=self.target or self.source)
        finally:
            os.close(tree_fd)


def attach_all(mounts: Sequence[Mount], root: str) -> None:
    """Mount all in order inside `root`; when one fails, those before it are unmounted again."""
    done: list[Mount] = []
    try:
        for each in mounts:
            each.attach(root)
            done.append(each)
    except BaseException:
        detach_all(done, root)
        raise


def detach_all(mounts: Sequence[Mount], root: str) -> None:
    """Unmount them in reverse order, at once even where something inside is in use."""
    for each in reversed(mounts):
        umount(f"{root}/{each.target}".rstrip("/"), f.MNT_DETACH | f.UMOUNT_NOFOLLOW)


# -- detached mounts


def bind_source(source: str | int, options: MountOptions) -> int:
    """A detached copy of the mount at `source` (a path or a descriptor), its options applied before anyone sees it."""
    tree_fd = open_tree(source, recursive=options.recursive)
    try:
        set_attributes(tree_fd, options)
    except BaseException:
        os.close(tree_fd)
        raise
    return tree_fd


def open_tree(source: str | int, *, recursive: bool = False) -> int:
    """A detached copy of the mount at `source`, gone when the descriptor is closed before it was moved anywhere."""
    how = f.OPEN_TREE_CLONE | os.O_CLOEXEC | (f.AT_RECURSIVE if recursive else 0)
    directory_fd, path = (f.AT_FDCWD, source) if isinstance(source, str) else (source, "")
    if not isinstance(source, str):
        how |= f.AT_EMPTY_PATH
    result = libc.syscall(f.SYS_open_tree, directory_fd, os.fsencode(path), how)
    return libc.check("open_tree", result, path or f"fd {source}")


def new_filesystem(type: str, source: str, data: Iterable[str] = (), attributes: int = 0) -> int:
    """A detached mount of a new filesystem (fsopen(2), fsconfig(2), fsmount(2)); `data` are `name` or `name=value`."""
    fs_fd = libc.check("fsopen", libc.syscall(f.SYS_fsopen, type.encode(), f.FSOPEN_CLOEXEC), type)
    try:
        if source:
            _configure(fs_fd, "source", source)
        for option in data:
            name, equals, value = option.partition("=")
            _configure(fs_fd, name, value if equals else None)
        result = libc.syscall(f.SYS_fsconfig, fs_fd, f.FSCONFIG_CMD_CREATE, None, None, 0)
        if result == -1:
            raise _filesystem_failure(fs_fd, "mount", type)
        result = libc.syscall(f.SYS_fsmount, fs_fd, f.FSMOUNT_CLOEXEC, attributes)
        return libc.check("fsmount", result, type)
    finally:
        os.close(fs_fd)


def _configure(fs_fd: int, name: str, value: str | None) -> None:
    command = f.FSCONFIG_SET_FLAG if value is None else f.FSCONFIG_SET_STRING
    text = None if value is None else os.fsencode(value)
    if libc.syscall(f.SYS_fsconfig, fs_fd, command, os.fsencode(name), text, 0) == -1:
        raise _filesystem_failure(fs_fd, "fsconfig", name if value is None else f"{name}={value}")


def _filesystem_failure(fs_fd: int, call: str, what: str) -> OSError:
    """The error with what the filesystem itself said about it, which can be read from its descriptor."""
    error = libc.failure(call, what)
    try:
        message = os.read(fs_fd, 1024).decode(errors="replace").strip()
    except OSError:
        return error
    if message:
        error.strerror = f"{error.strerror} ({message.removeprefix('e ')})"
    return error


def move_mount(tree_fd: int, target_fd: int, *, path: str = "") -> None:
    """Attach the detached mount `tree_fd` on what `target_fd` holds; `path` names it in the error."""
    how = f.MOVE_MOUNT_F_EMPTY_PATH | f.MOVE_MOUNT_T_EMPTY_PATH
    libc.check("move_mount", libc.syscall(f.SYS_move_mount, tree_fd, b"", target_fd, b"", how), path)


def set_attributes(tree_fd: int, options: MountOptions) -> None:
    """Apply attributes and propagation to a mount; what is not named stays (also what a user namespace has locked)."""
    if options.set_below or options.clear_below:
        _mount_setattr(tree_fd, options.set_below, options.clear_below, 0, recursive=True)
    if options.set or options.clear:
        _mount_setattr(tree_fd, options.set, options.clear, 0)
    for propagation in options.propagation:
        _mount_setattr(tree_fd, 0, 0, propagation & ~f.MS_REC, recursive=bool(propagation & f.MS_REC))


def _mount_setattr(fd: int, set_: int, clear: int, propagation: int, *, recursive: bool = False) -> None:
    attributes = pack("=QQQQ", set_, clear, propagation, 0)
    how = f.AT_EMPTY_PATH | (f.AT_RECURSIVE if recursive else 0)
    result = libc.syscall(f.SYS_mount_setattr, fd, b"", how, attributes, len(attributes))
    libc.check("mount_setattr", result, f"fd {fd}")


# -- mount(2) and its kin

_mount = libc.function("mount", libc.Pointer, libc.Pointer, libc.Pointer, libc.Long, libc.Pointer)
_umount2 = libc.function("umount2", libc.Pointer, libc.Int)
_pivot_root = libc.function("pivot_root", libc.Pointer, libc.Pointer)

OPTIONS_PAGE = 4096


def fits_options_page(data: Iterable[str]) -> bool:
    """Whether mount(2) can take these options: it copies one page, with the final NUL."""
    return len(os.fsencode(",".join(data))) < OPTIONS_PAGE


def mount(source: str | None, target: str, type: str | None, flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    result = _mount(_encode(source), os.fsencode(target), _encode(type), flags, os.fsencode(data) if data else None)
    libc.check("mount", result, target)


def umount(target: str, flags: int = 0) -> None:
    """umount2(2)."""
    libc.check("umount2", _umount2(os.fsencode(target), flags), target)


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2). The new root is a mount point."""
    libc.check("pivot_root", _pivot_root(os.fsencode(new_root), os.fsencode(put_old)), new_root)


def set_propagation(path: str, propagation: int) -> None:
    """Change how mount events travel: MS_PRIVATE, MS_SLAVE, MS_SHARED, with MS_REC for all below."""
    mount(None, path, None, propagation)


def _encode(text: str | None) -> bytes | None:
    return None if text is None else os.fsencode(text)
