"""What a runtime is given and gives back: the descriptors of a process, and the process."""

from __future__ import annotations

import os

from izba._record import Record


class Stdio(Record):
    """The descriptors that become 0, 1 and 2. With `process.terminal` in the spec they are not used."""

    stdin: int = 0
    stdout: int = 1
    stderr: int = 2


class Launched:
    """A process in a container: created and waiting for `start`, or running.

    `pidfd` and `start_time` name it for good; `console` is the master of its terminal. The process is a child of the
    one that called `create` or `exec`, which has to reap it. Descriptors are the caller's; `close` closes what is left
    of them.
    """

    def __init__(self, pid: int, pidfd: int, start_time: int, console: int | None = None) -> None:
        self.pid = pid
        self.pidfd = pidfd
        self.start_time = start_time
        self.console = console

    def close(self) -> None:
        """Close the descriptors. A container that was not started then ends by itself."""
        for fd in (self.pidfd, self.console):
            if fd is not None and fd >= 0:
                os.close(fd)
        self.pidfd, self.console = -1, None
