"""Hooks: programs of the host's, or of the container's, that are told its state (config.md, POSIX-platform Hooks)."""

from __future__ import annotations

import os

from izba import jsonio
from izba.errors import Internal
from izba.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.oci.runtimespec import Hook, State


class HookFailed(Internal):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"hook {path}: {reason}")
        self.path = path


def run_all(hooks: Sequence[Hook], state: State | None) -> None:
    """Run them in order; the first that fails ends it. Raises `HookFailed`."""
    for hook in hooks:
        run(hook, state)


def run(hook: Hook, state: State | None) -> None:
    """Run one with the state as its standard input, and wait for it."""
    read_fd, write_fd = os.pipe()
    try:
        pid = _spawn(hook, read_fd)
    except OSError as error:
        os.close(write_fd)
        raise HookFailed(hook["path"], os.strerror(error.errno or 0).lower()) from None
    finally:
        os.close(read_fd)
    try:
        os.write(write_fd, jsonio.dumps_ordered(state).encode())  # far below a pipe's capacity
    except BrokenPipeError:  # it does not want to know
        pass
    finally:
        os.close(write_fd)
    _wait(hook, pid)


def _spawn(hook: Hook, stdin: int) -> int:
    env = dict(entry.partition("=")[::2] for entry in hook.get("env", ()))
    return os.posix_spawn(
        hook["path"], hook.get("args") or [hook["path"]], env, file_actions=[(os.POSIX_SPAWN_DUP2, stdin, 0)]
    )


def _wait(hook: Hook, pid: int) -> None:
    timeout = hook.get("timeout")
    if timeout is not None:
        pidfd = process.pidfd_open(pid)
        ended = process.has_ended(pidfd, timeout * 1000)
        if not ended:
            process.send_signal(pidfd, 9)
        os.close(pidfd)
        if not ended:
            os.waitpid(pid, 0)
            raise HookFailed(hook["path"], f"did not end within {timeout} s")
    code = process.wait(pid)
    if code != 0:
        raise HookFailed(hook["path"], f"exit code {code}")
