"""Running a piece of a test in a forked child: in namespaces of its own, or to be killed in the middle."""

from __future__ import annotations

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Any

from izba.linux import flags, mount, namespaces
from izba.linux.idmaps import IdMap, IdMapPlan

SINGLE_ID = IdMapPlan(
    uids=(IdMap(inside=0, outside=0, size=1),), gids=(IdMap(inside=0, outside=0, size=1),), helpers=False
)


def in_namespaces(action: Callable[[], None], *, user: bool = False) -> None:
    """Run `action` in a child with its own mount namespace (and user namespace); its failure is ours."""

    def enter() -> None:
        if user:
            namespaces.enter_user_namespace(SINGLE_ID)
        else:
            namespaces.unshare(flags.CLONE_NEWNS)
        mount.set_propagation("/", flags.MS_REC | flags.MS_PRIVATE)
        action()

    in_child(enter)


def in_child(action: Callable[[], None]) -> None:
    """Run `action` in a child; its failure is ours."""
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.close(read_fd)
            action()
            code = 0
        except BaseException:
            os.write(write_fd, traceback.format_exc().encode()[-60000:])
        finally:
            os._exit(code)
    os.close(write_fd)
    told = b""
    while data := os.read(read_fd, 65536):
        told += data
    os.close(read_fd)
    status = os.waitpid(pid, 0)[1]
    if status != 0:
        raise AssertionError(f"the child ended with status {status}\n{told.decode()}")


def children_cpu() -> float:
    """Seconds of processor time that this process's ended children, and theirs, have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def killed_at(step: int, action: Callable[[], None], *, within: tuple[str, ...]) -> bool:
    """Run `action` in a child that kills itself at the `step`-th line it executes in files of `within`.

    Whether the child was killed; False: it came to its end before.
    """
    pid = os.fork()
    if pid == 0:
        try:
            sys.settrace(_killer(step, within))
            action()
            sys.settrace(None)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(pid, 0)[1]
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert status == 0, f"the child failed with status {status}"
    return False


def _killer(step: int, within: tuple[str, ...]) -> Callable[[FrameType, str, Any], Any]:
    left = step

    def line(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        left -= event == "line"
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    def call(frame: FrameType, event: str, argument: object) -> Any:
        return line if any(part in frame.f_code.co_filename for part in within) else None

    return call
