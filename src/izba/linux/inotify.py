"""Waiting until something in a directory changes (inotify(7)). What changed is for the waiter to look at."""

from __future__ import annotations

import os
import select

from izba.linux import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

# <linux/inotify.h>
MODIFY, MOVED_TO, CREATE, DELETE = 0x2, 0x80, 0x100, 0x200
_ANYTHING = MODIFY | MOVED_TO | CREATE | DELETE

_init = libc.function("inotify_init1", libc.Int)
_add = libc.function("inotify_add_watch", libc.Int, libc.Pointer, libc.Int)


class Watch:
    """`with Watch(directory) as watch:` whatever happens in it from now on is told by `wait`.

    Raises `OSError`: a user has but so many watches (`/proc/sys/fs/inotify`).
    """

    def __init__(self, directory: str) -> None:
        self._fd = libc.check("inotify_init1", _init(os.O_CLOEXEC | os.O_NONBLOCK))
        try:
            libc.check("inotify_add_watch", _add(self._fd, os.fsencode(directory), _ANYTHING), directory)
        except BaseException:
            os.close(self._fd)
            raise
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def wait(self, seconds: float) -> bool:
        """Whether something changed since the last call, or does so within `seconds`."""
        if not self._poll.poll(max(0.0, seconds) * 1000):
            return False
        os.read(self._fd, 65536)
        return True

    def close(self) -> None:
        """Watch no longer."""
        os.close(self._fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
