"""The commands that a build runs: started, listened to, and ended when the build is."""

from __future__ import annotations

import _signal as signal  # the same calls; the names that `signal` adds cost 1 ms
import os
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from izba.build.progress import RunningStep
    from izba.linux.mount import Mount
    from izba.oci.runtimespec import Spec

_CHUNK = 64 << 10
_TAIL = 4 << 10
"""Bytes of a command's last output that an error shows."""


class Canceled(Exception):
    """Another step failed, or the user ended the build: this one is not done."""


class Running:
    """The commands that run now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pidfds: set[int] = set()
        self._canceled = False

    def cancel(self) -> None:
        """Kill them all, and let none begin."""
        with self._lock:
            self._canceled = True
            for pidfd in self._pidfds:
                _kill(pidfd)

    def check(self) -> None:
        """Raise `Canceled` after `cancel`."""
        if self._canceled:
            raise Canceled

    def add(self, pidfd: int) -> None:
        """A command has begun."""
        with self._lock:
            self._pidfds.add(pidfd)
            if self._canceled:
                _kill(pidfd)

    def remove(self, pidfd: int) -> None:
        """A command is over."""
        with self._lock:
            self._pidfds.discard(pidfd)


def run(
    running: Running, spec: Spec, rootfs: Sequence[Mount], bundle: str, run_directory: str, step: RunningStep
) -> tuple[int, bytes]:
    """Run the container of `spec`; its exit code and the last of its output. Raises `Canceled`, `InitFailed`."""
    from izba.runtime.launch import Stdio
    from izba.runtime.native import run_step

    pidfds: list[int] = []

    def started(pidfd: int) -> None:
        pidfds.append(os.dup(pidfd))
        running.add(pidfds[0])

    with _Listener(step) as listener:
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        try:
            status = run_step.run(
                spec,
                id=os.path.basename(bundle),
                bundle=bundle,
                rootfs=rootfs,
                stdio=Stdio(stdin=null, stdout=listener.writer, stderr=listener.writer),
                run_directory=run_directory,
                started=started,
            )
        finally:
            os.close(null)
            for pidfd in pidfds:
                running.remove(pidfd)
                os.close(pidfd)
            listener.finish()
    running.check()
    return status, listener.tail


class _Listener:
    """A pipe, and a thread that tells the step what comes out of it.

    Both of the command's outputs go into the one pipe: people want to read them in the order they were written.
    """

    def __init__(self, step: RunningStep) -> None:
        self._step = step
        self._reader, self.writer = os.pipe2(os.O_CLOEXEC)
        self._over = os.eventfd(0, os.EFD_CLOEXEC)
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.tail = b""

    def finish(self) -> None:
        """Read what is left, and no more: all processes went with the command's pid namespace.

        The end of the pipe is nothing to wait for, as other steps' children may have copies of it.
        """
        if self._open:
            self._open = False
            os.eventfd_write(self._over, 1)
            self._thread.join()
            for fd in (self.writer, self._over, self._reader):
                os.close(fd)

    def _listen(self) -> None:
        import select

        poll = select.poll()
        for fd in (self._reader, self._over):
            poll.register(fd, select.POLLIN)
        over = False
        while not over or poll.poll(0):
            for fd, _ in poll.poll():
                if fd == self._over:
                    over = True
                    poll.unregister(fd)
                else:
                    data = os.read(fd, _CHUNK)
                    self.tail = (self.tail + data)[-_TAIL:]
                    self._step.output(data)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.finish()


def _kill(pidfd: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except ProcessLookupError:
        pass
