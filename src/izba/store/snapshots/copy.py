"""A directory tree copied with everything a layer can hold: owners, modes, times, links, devices, attributes."""

from __future__ import annotations

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FICLONE = 0x40049409
_CHUNK = 1 << 30
_UNSUPPORTED = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM}


def copy_tree(source: str, target: str) -> None:
    """Copy the directory `source`, which nobody changes, to `target`, which does not exist."""
    links: dict[tuple[int, int], str] = {}
    directories: list[tuple[str, str]] = []
    os.mkdir(target, 0o700)
    pending = [(source, target)]
    while pending:
        source_directory, target_directory = pending.pop()
        directories.append((source_directory, target_directory))
        with os.scandir(source_directory) as entries:
            for entry in entries:
                path = f"{target_directory}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    os.mkdir(path, 0o700)
                    pending.append((entry.path, path))
                else:
                    _copy_entry(entry.path, path, links)
    # Contents change a directory's time, so directories are finished after all they hold.
    for source_directory, target_directory in reversed(directories):
        copy_attributes(source_directory, target_directory, os.lstat(source_directory))


def _copy_entry(source: str, target: str, links: dict[tuple[int, int], str]) -> None:
    found = os.lstat(source)
    inode = (found.st_dev, found.st_ino)
    if found.st_nlink > 1:
        if inode in links:
            os.link(links[inode], target, follow_symlinks=False)
            return
        links[inode] = target
    if stat.S_ISREG(found.st_mode):
        _copy_content(source, target)
    elif stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(source), target)
    else:
        os.mknod(target, found.st_mode, found.st_rdev)
    copy_attributes(source, target, found)


def _copy_content(source: str, target: str) -> None:
    """By sharing blocks, or in the kernel, or through memory: what the file systems allow."""
    read_fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        write_fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if not _clone(read_fd, write_fd) and not _copy_in_kernel(read_fd, write_fd):
                while data := os.read(read_fd, 1 << 20):
                    _write_all(write_fd, data)
        finally:
            os.close(write_fd)
    finally:
        os.close(read_fd)


def _clone(read_fd: int, write_fd: int) -> bool:
    import fcntl

    try:
        fcntl.ioctl(write_fd, _FICLONE, read_fd)
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return False
        raise
    return True


def _copy_in_kernel(read_fd: int, write_fd: int) -> bool:
    try:
        while os.copy_file_range(read_fd, write_fd, _CHUNK):
            pass
    except OSError as error:
        if error.errno in _UNSUPPORTED:
            return False
        raise
    return True


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def copy_attributes(source: str, target: str, found: os.stat_result) -> None:
    """Owner, mode, extended attributes and times, in the order in which none undoes another."""
    os.chown(target, found.st_uid, found.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(target, stat.S_IMODE(found.st_mode))
    for name in os.listxattr(source, follow_symlinks=False):
        value = _attribute(source, name)
        if value is not None:
            os.setxattr(target, name, value, follow_symlinks=False)
    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns), follow_symlinks=False)


def _attribute(path: str, name: str) -> Any:
    """The value, or None for one that only the kernel or another name space may carry over."""
    if name.startswith(("system.", "trusted.overlay.", "user.overlay.", "security.selinux")):
        return None
    return os.getxattr(path, name, follow_symlinks=False)
