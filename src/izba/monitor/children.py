"""Short-lived children of a monitor, which do what it would need much code for."""

from __future__ import annotations

import _signal
import os

from izba.errors import IzbaError
from izba.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

STANDARD = {0, 1, 2}


def fork(main: Callable[[], int], *, keep: Iterable[int]) -> int:
    """Run `main` in a child, which has only the standard descriptors and those of `keep`; its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 70  # EX_SOFTWARE: whoever waits for more than a code has a channel
    try:
        reset_signals()
        process.close_all_but(STANDARD | set(keep))
        code = main()
    finally:
        os._exit(code)


def complaint(main: Callable[[], None]) -> str:
    """Run `main` in a child and wait for it; what went wrong, or nothing."""
    read_fd, write_fd = os.pipe2(os.O_CLOEXEC)

    def told() -> int:
        try:
            main()
        except (IzbaError, OSError) as error:
            os.write(write_fd, str(error).encode())
        return 0

    child = fork(told, keep=(write_fd,))
    os.close(write_fd)
    with open(read_fd, "rb") as reader:
        error = reader.read().decode(errors="replace")
    os.waitpid(child, 0)
    return error


def reset_signals() -> None:
    """As a process starts with them."""
    _signal.set_wakeup_fd(-1)
    for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT):
        _signal.signal(number, _signal.SIG_DFL)
