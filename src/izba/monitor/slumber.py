"""When a monitor sleeps: the interpreter goes and comes back (`wake`), the process stays.

A monitor of a detached container has nothing to do for hours. After some quiet seconds it executes `sleeper`, which
takes 16 KB where an interpreter takes megabytes, and which executes the interpreter again as soon as the container
writes or ends, somebody asks, or a signal comes. Pid and start time stay, so that for everybody else nothing happened:
the container is still its child, its lock is held, its ports are.

What only memory has goes along as JSON in a memory file, the descriptors as they are. A wake-up costs some 30 ms of
processor time; who is woken soon sleeps later the next time, so that a container which writes now and then has a
monitor that stays awake.
"""

from __future__ import annotations

import _signal
import os
import sys
import time

from izba import jsonio
from izba.linux.loop import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.linux.loop import Loop
    from izba.monitor.supervise import Supervisor

QUIET = 5.0
"""Seconds without any event before the first sleep."""
LONGEST_QUIET = 120.0
NEVER = 86400.0
"""So much quiet is not waited for."""
SHORT = 60.0
"""A sleep of fewer seconds was not worth it: twice as much quiet is wanted before the next."""

SIGNALS = (_signal.SIGCHLD, _signal.SIGTERM)

WAKE = """
import os, sys, time
sys.path += sys.argv[2:]
try:
    from izba import codecache
    codecache.install()
    from izba.monitor import wake
except Exception:
    time.sleep(1)
    os.execv(sys.executable, sys.orig_argv)
wake.main(int(sys.argv[1]))
"""
"""What the interpreter is told; while a package manager replaces izba's files, it tries again."""


class Slumber:
    """Puts one monitor to sleep once its loop has been quiet for `quiet` seconds."""

    def __init__(self, supervisor: Supervisor, quiet: float) -> None:
        self._supervisor = supervisor
        self._loop: Loop = supervisor.loop
        self._quiet = quiet
        probes = supervisor.plan.health is not None and supervisor.plan.health.test[0] != "NONE"
        if not probes and quiet < NEVER:  # probes would wake it
            self._loop.after(quiet, self._look)

    def _look(self) -> None:
        left = self._loop.busy + self._quiet - time.monotonic()
        if left <= 0:
            left = self._quiet
            if self._loop.timers == 0 and self._supervisor.is_idle():
                try:
                    _sleep(self._supervisor, self._quiet)
                except OSError:  # no memory files here, or none that may be executed: the next will have no more luck
                    return
        self._loop.after(left, self._look)


def quiet_at_first() -> float:
    """How much quiet is wanted before the first sleep: `IZBA_SLEEP_AFTER`, in seconds, or `QUIET`."""
    try:
        return float(os.environ.get("IZBA_SLEEP_AFTER", QUIET))
    except ValueError:
        return QUIET


def _sleep(supervisor: Supervisor, quiet: float) -> None:
    """Become the sleeper. Returns, or raises `OSError`, with everything as before, where that cannot be just now."""
    from izba.linux import process
    from izba.monitor import sleeper

    value, fds = supervisor.pack()
    epoll_fd = supervisor.loop.epoll_fd
    before = _signal.pthread_sigmask(_signal.SIG_BLOCK, SIGNALS)
    signals = memory = -1
    try:
        signals = process.signal_fd(SIGNALS)
        supervisor.loop.watch(signals, READ, lambda _events: None)
        if supervisor.loop.is_ready():  # what came since the last look, a signal among it
            return
        memory = os.memfd_create("izba-monitor-state", 0)
        _write(memory, value | {"quiet": quiet, "slept": time.monotonic(), "only_asleep": [epoll_fd, signals]})
        for fd in (epoll_fd, signals, *fds):
            os.set_inheritable(fd, True)
        interpreter = [sys.executable, "-X", "utf8", "-I", "-S", "-c", WAKE]
        sleeper.become(epoll_fd, [*interpreter, str(memory), *_import_path()])
    finally:
        for fd in (epoll_fd, *fds):
            os.set_inheritable(fd, False)
        if signals >= 0:
            supervisor.loop.unwatch(signals)
            os.close(signals)
        if memory >= 0:
            os.close(memory)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, before)


def _import_path() -> list[str]:
    """Where izba and its libraries are: each may be in a place of its own, and the relay that a monitor starts needs
    them all."""
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    return list(dict.fromkeys([root, *(each for each in sys.path if os.path.isabs(each))]))


def _write(fd: int, value: dict[str, Any]) -> None:
    with open(fd, "wb", closefd=False) as file:
        file.write(jsonio.dumps(value).encode())
        file.seek(0)
