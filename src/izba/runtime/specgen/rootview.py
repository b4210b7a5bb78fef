"""Reading small files of a root file system that is not mounted: its layers, from the topmost down, as overlayfs would.

The image is not trusted, and a running container may change it while it is read. So every step is taken from a
descriptor and follows no link by itself; links are resolved inside the root; a file is read only if it is a regular
file, and only to a limit.
"""

from __future__ import annotations

import errno
import os
import stat

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_LINKS = 40


class BadImageFile(InvalidArgument):
    """A file of the image that izba has to read is not what such a file can be."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} in the image {reason}")
        self.path = path


class RootView:
    """The merged view of `directories`, topmost first; one directory is a whole root by itself."""

    def __init__(self, directories: Sequence[str]) -> None:
        self.directories = tuple(directories)

    def read(self, path: str, *, limit: int) -> bytes | None:
        """The content of the regular file at `path`; None if there is none. Raises `BadImageFile`."""
        root = [os.open(directory, _DIRECTORY & ~os.O_NOFOLLOW) for directory in self.directories]
        walk = [root]
        try:
            fd = _open(walk, path)
        except OSError as error:
            raise BadImageFile(path, f"cannot be read: {(error.strerror or str(error)).lower()}") from None
        finally:
            for fds in walk:
                for directory_fd in fds:
                    os.close(directory_fd)
        if fd is None:
            return None
        with open(fd, "rb", buffering=0) as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise BadImageFile(path, "is not a regular file")
            data = b""
            while len(data) <= limit and (chunk := file.read(limit + 1 - len(data))):
                data += chunk
        if len(data) > limit:
            raise BadImageFile(path, f"is larger than {limit} bytes")
        return data


def _open(walk: list[list[int]], path: str) -> int | None:
    """Open the file at `path`; `walk` holds, for each directory from the root on, its descriptors in all layers."""
    todo = path.split("/")[::-1]
    links = 0
    while todo:
        name = todo.pop()
        if name in {"", "."}:
            continue
        if name == "..":
            if len(walk) > 1:
                _close(walk.pop())
            continue
        found = _look_up(walk[-1], name)
        if found is None:
            return None
        layer, mode = found
        if stat.S_ISLNK(mode):
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            target = os.readlink(name, dir_fd=layer)
            if target.startswith("/"):
                while len(walk) > 1:
                    _close(walk.pop())
            todo += target.split("/")[::-1]
        elif stat.S_ISDIR(mode):
            walk.append(_merged(walk[-1], name))
        elif any(part not in {"", "."} for part in todo):
            return None
        else:
            # Non-blocking, so that a FIFO put there does not hold us; it is refused by its type.
            return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=layer)
    raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))


def _look_up(layers: list[int], name: str) -> tuple[int, int] | None:
    """The topmost layer that has `name`, and the mode there."""
    for fd in layers:
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            continue
        if _is_whiteout(fd, name, status):
            return None
        return fd, status.st_mode
    return None


def _merged(layers: list[int], name: str) -> list[int]:
    """The directory `name` in all layers that contribute to it."""
    result: list[int] = []
    for fd in layers:
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                break
            result.append(os.open(name, _DIRECTORY, dir_fd=fd))
        except FileNotFoundError:
            continue
        if _has_mark(result[-1], "opaque"):
            break
    return result


def _is_whiteout(layer: int, name: str, status: os.stat_result) -> bool:
    if stat.S_ISCHR(status.st_mode):
        return status.st_rdev == 0
    if not stat.S_ISREG(status.st_mode) or status.st_size:
        return False
    fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=layer)
    try:
        return _has_mark(fd, "whiteout")
    finally:
        os.close(fd)


def _has_mark(fd: int, mark: str) -> bool:
    for namespace in ("trusted", "user"):
        try:
            os.getxattr(fd, f"{namespace}.overlay.{mark}")
        except OSError:
            continue
        return True
    return False


def _close(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
