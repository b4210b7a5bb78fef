"""Streams of bytes on the command line: files, `-`, standard output; and output files that are whole or not there."""

from __future__ import annotations

import os
import stat

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType
    from typing import Self


class TerminalRefused(InvalidArgument):
    """An archive would go to, or come from, a terminal."""


class CannotOpen(InvalidArgument):
    """A file that was named cannot be opened."""

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"cannot open {path}: {error.strerror}")
        self.path = path


class FdReader:
    """Reads a descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._start = os.lseek(fd, 0, os.SEEK_CUR) if stat.S_ISREG(os.fstat(fd).st_mode) else None

    @property
    def again(self) -> Callable[[int, int], Iterator[memoryview]] | None:
        """Reads so many bytes from an offset on once more; None where what was read is gone."""
        return self._again if self._start is not None else None

    def _again(self, offset: int, size: int) -> Iterator[memoryview]:
        from izba.image.inbox import pieces_of

        assert self._start is not None
        return pieces_of(self._fd, self._start + offset, size)

    def read(self, count: int, /) -> bytes:
        """Up to `count` bytes."""
        return os.read(self._fd, count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._fd != 0:
            os.close(self._fd)


class FdWriter:
    """Writes all to a descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes | memoryview, /) -> int:
        """All of `data`."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]
        return len(data)


class Output:
    """`with Output(path) as writer:`; the file appears when the block ends well. None is standard output."""

    def __init__(self, path: str | None, *, what: str) -> None:
        self._path = path
        self._what = what
        self._temporary: str | None = None

    def __enter__(self) -> FdWriter:
        if self._path is None:
            if os.isatty(1):
                message = f"cowardly refusing to {self._what} to a terminal"
                raise TerminalRefused(message, hint="use -o FILE, or redirect")
            self._fd = 1
        elif _is_special(self._path):
            self._fd = _open(self._path, os.O_WRONLY)
        else:
            self._temporary = f"{self._path}.{os.getpid()}.tmp"
            self._fd = _open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, shown=self._path)
        return FdWriter(self._fd)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._fd != 1:
            os.close(self._fd)
        if self._temporary is None or self._path is None:
            return
        if error is None:
            os.rename(self._temporary, self._path)
        else:
            os.unlink(self._temporary)


def open_input(path: str | None, *, what: str) -> FdReader:
    """The file `path`, or standard input for None. Raises `TerminalRefused`, `CannotOpen`."""
    if path is not None:
        return FdReader(_open(path, os.O_RDONLY))
    if os.isatty(0):
        raise TerminalRefused(f"requested {what} from stdin, but stdin is empty", hint="name a file")
    return FdReader(0)


def _open(path: str, flags: int, *, shown: str = "") -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotOpen(shown or path, error) from error


def _is_special(path: str) -> bool:
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return False
