"""Reading the files that a project names: regular ones of this machine, of a size that people write."""

from __future__ import annotations

import os
import stat

from izba import errors
from izba.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.compose.load.source import Source, Sources
    from izba.compose.treepath import Path

MAX_BYTES = 16 << 20

_REMOTE = ("https://", "http://", "git://", "ssh://", "oci://", "github.com/", "git@")


class RemoteFile(errors.NotImplemented):
    """A file of the project is elsewhere."""

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"{reference} is not on this machine, and izba fetches no part of a project",
            hint="clone it, and name the file",
        )


def is_remote(text: str) -> bool:
    """Whether this names something that would have to be fetched."""
    return text.startswith(_REMOTE) or "://" in text


def read_text(file: str) -> str:
    """The text of a regular file. Raises `InvalidArgument`, `NotFound`."""
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"open {file}: no such file or directory") from None
    except OSError as error:
        raise InvalidArgument(f"open {file}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise InvalidArgument(f"{file} is not a regular file")
    with os.fdopen(fd, "rb") as opened:
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InvalidArgument(f"{file} is larger than {MAX_BYTES >> 20} MiB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidArgument(f"{file} is not UTF-8: byte {error.start}") from None


def read_at(source: Source | Sources, path: Path, file: str) -> str:
    """As `read_text`, where the file is named at `path`. Raises `ComposeFileError`."""
    try:
        return read_text(file)
    except (InvalidArgument, NotFound) as error:
        raise source.error(path, error.message, hint=error.hint) from None


def absolute(directory: str, path: str) -> str:
    """The path from the directory, `~` being home. Nothing is looked up, so symbolic links stay."""
    if path.startswith("~"):
        path = os.path.expanduser("~") + path[1:]
    return path if path.startswith("/") else os.path.normpath(os.path.join(directory, path))
