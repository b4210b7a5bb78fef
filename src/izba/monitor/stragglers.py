"""Processes that outlive a container's first one: those of a container that shares another's pids, or the host's.

A pid namespace of its own ends with its first process, and this is for nobody who has one.
"""

from __future__ import annotations

import _signal
import os
import time

from izba import log
from izba.linux import members, process

_PATIENCE = 5.0


def hold(init: int) -> int:
    """A descriptor of what tells them: the container's mount namespace; -1 for a container with pids of its own."""
    try:
        if members.has_own_pids(init):
            return -1
        return os.open(f"/proc/{init}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return -1


def end(mounts: int) -> None:
    """Kill them, and those that they make meanwhile; closes the descriptor."""
    deadline = time.monotonic() + _PATIENCE
    try:
        while found := members.with_mounts(mounts):
            for pidfd in found:
                try:
                    process.send_signal(pidfd, _signal.SIGKILL)
                except ProcessLookupError:
                    pass
                finally:
                    os.close(pidfd)
            if time.monotonic() > deadline:
                log.warning(f"{len(found)} processes of a container that has ended cannot be killed")
                return
            time.sleep(0.001)
    finally:
        os.close(mounts)
