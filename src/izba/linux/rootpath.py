"""Paths inside a root directory: symbolic links, `..` and absolute names never lead out of it.

Every function takes the root as a descriptor and gives a descriptor, so that what was checked is what is used: nobody
can swap a component in between. openat2(2) with RESOLVE_IN_ROOT does it in one call; before Linux 5.6 a walk does.
"""

from __future__ import annotations

import errno
import os
import stat
from _struct import pack

from izba.linux import flags, libc

MAX_SYMLINKS = 40
"""path_resolution(7): more is ELOOP."""


def open_root(path: str) -> int:
    """A descriptor of the directory `path`, to be passed as `root_fd` to the others."""
    return os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def open_in_root(root_fd: int, path: str, open_flags: int = os.O_PATH, *, mode: int = 0, resolve: int = 0) -> int:
    """Open `path` as a process whose root is `root_fd` would. `resolve` adds RESOLVE_* restrictions of openat2(2).

    Magic links, as in /proc/self/fd, are never followed.
    """
    if not has_openat2():
        return _walk(root_fd, path, open_flags, mode, resolve)
    how = pack("=QQQ", open_flags | os.O_CLOEXEC, mode, flags.RESOLVE_IN_ROOT | flags.RESOLVE_NO_MAGICLINKS | resolve)
    return _openat2(root_fd, path, how)


def make_directories(root_fd: int, path: str, mode: int = 0o755, *, resolve: int = 0) -> int:
    """An O_PATH descriptor of the directory `path`, made with its parents where missing.

    Links to what does not exist yet are followed and their targets made, as `mkdir -p` inside the root would.
    """
    try:
        return open_in_root(root_fd, path, os.O_PATH | os.O_DIRECTORY, resolve=resolve)
    except FileNotFoundError:
        return _make_missing(root_fd, path, mode, resolve)


def make_file(root_fd: int, path: str, mode: int = 0o644, *, resolve: int = 0) -> int:
    """An O_PATH descriptor of whatever is at `path`; an empty file with its parents where nothing is."""
    try:
        return open_in_root(root_fd, path, os.O_PATH, resolve=resolve)
    except FileNotFoundError:
        directory, _, name = path.rstrip("/").rpartition("/")
        parent_fd = make_directories(root_fd, directory or "/", resolve=resolve)
    try:
        os.close(
            os.open(name, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY | os.O_CLOEXEC, mode, dir_fd=parent_fd)
        )
        return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent_fd)
    finally:
        os.close(parent_fd)


def path_of(fd: int) -> str:
    """The path of an open descriptor as this process sees it; for messages, not for opening it again."""
    return os.readlink(f"/proc/self/fd/{fd}")


def filesystem_type(fd: int) -> int:
    """The magic number of the filesystem an open descriptor is on (statfs(2); works on O_PATH)."""
    buffer = libc.Buffer(256)
    libc.check("fstatfs", _fstatfs(fd, buffer.pointer))
    return int.from_bytes(bytes(buffer)[:4], "little")


_fstatfs = libc.function("fstatfs", libc.Int, libc.Pointer)
_openat2_works: bool | None = None


def has_openat2() -> bool:
    """Whether this kernel (or the seccomp filter around us) has openat2."""
    global _openat2_works
    if _openat2_works is None:
        try:
            os.close(_openat2(flags.AT_FDCWD, "/", pack("=QQQ", os.O_PATH | os.O_CLOEXEC, 0, 0)))
            _openat2_works = True
        except OSError as error:
            _openat2_works = error.errno not in {errno.ENOSYS, errno.EPERM}
    return _openat2_works


def _openat2(root_fd: int, path: str, how: bytes) -> int:
    while True:
        fd = libc.syscall(flags.SYS_openat2, root_fd, os.fsencode(path), how, len(how))
        if fd >= 0:
            return fd
        # EAGAIN: a rename somewhere raced with a ".." in the path (openat2(2)); EINTR as everywhere.
        if libc.errno() not in {errno.EAGAIN, errno.EINTR}:
            raise libc.failure("openat2", path)


def _make_missing(root_fd: int, path: str, mode: int, resolve: int) -> int:
    """Walk down as the kernel would, making each directory that is not there."""
    done: list[str] = []
    todo = [part for part in path.split("/") if part and part != "."]
    links = 0
    fd = open_in_root(root_fd, "/")
    try:
        while todo:
            name = todo.pop(0)
            if name == "..":
                done = done[:-1]
                following = open_in_root(root_fd, "/" + "/".join(done), os.O_PATH | os.O_DIRECTORY, resolve=resolve)
            else:
                try:
                    os.mkdir(name, mode, dir_fd=fd)
                except FileExistsError:
                    pass
                following = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
                kind = stat.S_IFMT(os.fstat(following).st_mode)
                if kind == stat.S_IFLNK:
                    links += 1
                    if links > MAX_SYMLINKS or resolve & flags.RESOLVE_NO_SYMLINKS:
                        os.close(following)
                        raise libc.failure("openat2", path, errno.ELOOP)
                    target = os.readlink("", dir_fd=following)
                    os.close(following)
                    todo = [part for part in target.split("/") if part and part != "."] + todo
                    if not target.startswith("/"):
                        continue
                    done = []
                    following = open_in_root(root_fd, "/")
                elif kind != stat.S_IFDIR:
                    os.close(following)
                    raise libc.failure("mkdir", path, errno.ENOTDIR)
                else:
                    done.append(name)
            os.close(fd)
            fd = following
    except BaseException:
        os.close(fd)
        raise
    return fd


def _walk(root_fd: int, path: str, open_flags: int, mode: int, resolve: int) -> int:
    """openat2 with RESOLVE_IN_ROOT, by hand: a stack of descriptors makes `..` safe against renames."""
    stack = [os.dup(root_fd)]
    todo = [part for part in path.split("/") if part and part != "."]
    directory_asked = path.endswith(("/", "/."))
    links = 0
    try:
        while todo:
            name = todo.pop(0)
            if name == "..":
                if len(stack) > 1:
                    os.close(stack.pop())
                continue
            try:
                fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=stack[-1])
            except FileNotFoundError:
                if todo or not open_flags & os.O_CREAT:
                    raise libc.failure("openat2", path, errno.ENOENT) from None
                return os.open(name, open_flags | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=stack[-1])
            kind = stat.S_IFMT(os.fstat(fd).st_mode)
            if kind == stat.S_IFLNK and (todo or directory_asked or not open_flags & os.O_NOFOLLOW):
                links += 1
                target = os.readlink("", dir_fd=fd)
                on_proc = filesystem_type(fd) == flags.PROC_SUPER_MAGIC
                magic = on_proc and (target.startswith("/") or ":[" in target)
                os.close(fd)
                if magic or links > MAX_SYMLINKS or resolve & flags.RESOLVE_NO_SYMLINKS:
                    raise libc.failure("openat2", path, errno.ELOOP)
                if target.startswith("/"):
                    while len(stack) > 1:
                        os.close(stack.pop())
                todo = [part for part in target.split("/") if part and part != "."] + todo
                continue
            stack.append(fd)
            if resolve & flags.RESOLVE_NO_XDEV and os.fstat(fd).st_dev != os.fstat(root_fd).st_dev:
                raise libc.failure("openat2", path, errno.EXDEV)
            if todo and kind != stat.S_IFDIR:
                raise libc.failure("openat2", path, errno.ENOTDIR)
        return _reopen(stack[-1], path, open_flags | (os.O_DIRECTORY if directory_asked else 0), mode)
    finally:
        for fd in stack:
            os.close(fd)


def _reopen(fd: int, path: str, open_flags: int, mode: int) -> int:
    """Open again what an O_PATH descriptor holds, with other flags."""
    if open_flags & os.O_CREAT and open_flags & os.O_EXCL:
        raise libc.failure("openat2", path, errno.EEXIST)
    is_directory = stat.S_ISDIR(os.fstat(fd).st_mode)
    if open_flags & os.O_DIRECTORY and not is_directory:
        raise libc.failure("openat2", path, errno.ENOTDIR)
    if open_flags & os.O_PATH:
        return os.dup(fd)
    return os.open(f"/proc/self/fd/{fd}", open_flags & ~(os.O_NOFOLLOW | os.O_CREAT) | os.O_CLOEXEC, mode)
