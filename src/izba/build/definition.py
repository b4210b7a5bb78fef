"""The files that define a build: which is the Dockerfile, which its ignore file."""

from __future__ import annotations

import os
import stat

from izba.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

NAMES = ("Dockerfile", "Containerfile", "dockerfile")
_LARGEST = 16 << 20


class DockerfileNotFound(NotFound):
    """There is no such Dockerfile."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"failed to read dockerfile: open {path}: no such file or directory",
            hint="name it with -f, or give the directory that it is in",
        )
        self.path = path


def find(context: str, file: str | None) -> str:
    """The Dockerfile: `file` as seen from here, or else from the context; or the context's own."""
    candidates = [file, os.path.join(context, file)] if file else [os.path.join(context, name) for name in NAMES]
    for candidate in candidates:
        if os.path.lexists(candidate):
            return candidate
    raise DockerfileNotFound(candidates[0])


def shown(context: str, dockerfile: str) -> str:
    """The name for messages: as seen from the context, if it is in there."""
    relative = os.path.relpath(dockerfile, context)
    return dockerfile if relative.startswith("../") else relative


def ignore_candidates(context: str, dockerfile: str) -> tuple[str, ...]:
    """The files of which the first that exists is a build's ignore file."""
    return (
        f"{dockerfile}.dockerignore",
        os.path.join(context, ".dockerignore"),
        os.path.join(context, ".containerignore"),
    )


def open_regular(path: str) -> IO[bytes]:
    """Open a regular file, and nothing else. Raises `DockerfileNotFound`, `InvalidArgument`."""
    # Not waiting: a hostile context may have a FIFO of that name.
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise DockerfileNotFound(path) from None
    file = open(fd, "rb")
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        file.close()
        raise InvalidArgument(f"{path} is no regular file")
    return file


def bounded(file: IO[bytes], what: str) -> bytes:
    """All of a file that is no larger than a Dockerfile may be."""
    data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise InvalidArgument(f"{what} is larger than {_LARGEST >> 20} MiB")
    return data
