"""Finding the command in the container, as execvp(3) would, and saying in Docker's words why it cannot be run."""

from __future__ import annotations

import errno
import os
import stat

from izba.runtime.failures import CommandNotExecutable, CommandNotFound

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find(command: str, env: list[str]) -> str:
    """The path to execute. The process is in the container's root, with the ids that decide what may be executed."""
    if "/" in command:
        _check(command)
        return command
    if not command:
        raise CommandNotFound("", "no command specified")
    path = next((entry[5:] for entry in env if entry.startswith("PATH=")), DEFAULT_PATH)
    denied = None
    for directory in path.split(":"):
        candidate = f"{directory or '.'}/{command}"
        try:
            _check(candidate)
        except CommandNotFound:
            continue
        except CommandNotExecutable as error:
            denied = error
            continue
        return candidate
    if denied is not None:
        raise CommandNotExecutable(command, denied.reason)
    raise CommandNotFound(command)


def _check(path: str) -> None:
    try:
        status = os.stat(path)
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            raise CommandNotFound(path, f"stat {path}: {os.strerror(error.errno).lower()}") from None
        raise CommandNotExecutable(path, os.strerror(error.errno or 0).lower()) from None
    if stat.S_ISDIR(status.st_mode):
        raise CommandNotExecutable(path, "is a directory")
    if not stat.S_ISREG(status.st_mode) or not os.access(path, os.X_OK, effective_ids=True):
        raise CommandNotExecutable(path, "permission denied")
