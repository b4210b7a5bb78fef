"""What can go wrong when a container is made: the command, a stage of its start, or another runtime's program."""

from __future__ import annotations

import errno as errors
import os

from izba.errors import Internal, InvalidArgument, NotFound


class CommandNotFound(NotFound):
    """The command is not in the container; people know it by exit code 127."""

    exit_code = 127

    def __init__(self, command: str, reason: str = "executable file not found in $PATH") -> None:
        super().__init__(f'exec: "{command}": {reason}')
        self.command = command
        self.reason = reason


class CommandNotExecutable(InvalidArgument):
    """The command is there and cannot be executed; exit code 126."""

    exit_code = 126

    def __init__(self, command: str, reason: str) -> None:
        super().__init__(f'exec: "{command}": {reason}')
        self.command = command
        self.reason = reason


def exec_failure(command: str, number: int) -> CommandNotFound | CommandNotExecutable:
    """What it means that execve(2) of `command` failed with the errno `number`."""
    reason = os.strerror(number).lower()
    if number == errors.ENOENT:  # of the file itself, or of the interpreter it names
        return CommandNotFound(command, f"{reason} (or the interpreter it names is missing)")
    return CommandNotExecutable(command, reason)


class InitFailed(Internal):
    """A stage of the container's start failed inside the child; the facts come from there."""

    def __init__(self, stage: str, *, syscall: str, path: str, errno: int, reason: str = "") -> None:
        where = f"{syscall} {path}".strip()
        what = reason or os.strerror(errno).lower()
        super().__init__(f"container start failed: {stage}: {where}: {what}" if where else f"{stage}: {what}")
        self.stage = stage
        self.syscall = syscall
        self.path = path
        self.errno = errno
        self.reason = reason


class ContainerGone(NotFound):
    """The process that was to be started or joined has ended."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is not running")


class RuntimeFailed(Internal):
    """Another runtime's program failed; `stderr` is the end of what it said."""

    def __init__(self, argv: list[str], code: int, stderr: str) -> None:
        said = stderr.strip().rpartition("\n")[2] or f"exit code {code}"
        super().__init__(f"{os.path.basename(argv[0])} {_verb(argv)}: {said}")
        self.argv = argv
        self.code = code
        self.stderr = stderr


def _verb(argv: list[str]) -> str:
    verbs = {"create", "start", "state", "kill", "delete", "exec", "pause", "resume", "update"}
    return next((word for word in argv[1:] if word in verbs), "")
