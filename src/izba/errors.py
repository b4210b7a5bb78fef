"""The kinds of failure, and what every izba error can tell.

    IzbaError
    ├─ NotFound            the thing named does not exist
    ├─ AlreadyExists       it exists, and must not
    ├─ Conflict            it is in a state that forbids this
    ├─ InvalidArgument     the caller's words or document are wrong
    ├─ Unauthorized        who are you
    ├─ Forbidden           you may not
    ├─ NotModified         nothing to do
    ├─ Unavailable         not now: unreachable, locked, timed out
    ├─ NotImplemented      known, and not offered here
    ├─ DataLoss            stored or received bytes are not what they claim
    └─ Internal            izba or the kernel failed where neither should

A kind says what a caller may do about it; types in each package derive from a kind and say what it is about.
This module imports nothing of izba.
"""

from __future__ import annotations

import errno


class IzbaError(Exception):
    """A failure with a one-line `message` (lowercase, no full stop) and, where there is one, a `hint` to act on.

    `exit_code` is there only where a command ends with another code than for its other failures.
    """

    exit_code: int

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class NotFound(IzbaError):
    """The thing named does not exist."""


class AlreadyExists(IzbaError):
    """The thing exists and must not."""


class Conflict(IzbaError):
    """The thing is in a state that forbids the operation."""


class InvalidArgument(IzbaError):
    """The caller's words or document are wrong."""


class Unauthorized(IzbaError):
    """Credentials are missing or were refused."""


class Forbidden(IzbaError):
    """The caller is known and may not do this."""


class NotModified(IzbaError):
    """The thing is already in the state asked for."""


class Unavailable(IzbaError):
    """It cannot be done now: unreachable, locked, timed out."""


class NotImplemented(IzbaError):  # noqa: A001 - the field's word for the kind
    """Known to izba's peers and not offered by izba."""


class DataLoss(IzbaError):
    """Bytes are not what their digest or size claims."""


class Internal(IzbaError):
    """izba, or the kernel under it, failed where neither should."""


class Range:
    """A place in a source file: lines count from 1, columns from 1; `end` is inclusive."""

    __slots__ = ("column", "end", "end_column", "file", "start")

    def __init__(
        self, file: str, start: int, end: int | None = None, column: int = 1, end_column: int | None = None
    ) -> None:
        self.file = file
        self.start = start
        self.end = start if end is None else end
        self.column = column
        self.end_column = end_column

    def __str__(self) -> str:
        return f"{self.file}:{self.start}" + (f":{self.column}" if self.column > 1 else "")


class SourceError(InvalidArgument):
    """An error at a place in a text the user wrote; `cli.main` prints the excerpt of `source` at `place`."""

    def __init__(self, message: str, *, place: Range, source: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.place = place
        self.source = source

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


_HINTS: dict[int | None, str] = {
    errno.ENOSPC: "`izba system df` shows what takes the room, `izba system prune` gives back what nobody needs",
    errno.EMFILE: "`ulimit -n` shows how many files a process may have open here; a command needs some sixty",
    errno.EAGAIN: "`ulimit -u` shows how many processes this user may have; each container needs two of its own",
}


def hint_for(error: BaseException) -> str | None:
    """What helps where the machine refuses, if that is known."""
    return _HINTS.get(error.errno) if isinstance(error, OSError) else None
