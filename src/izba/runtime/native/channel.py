"""What the creating process and the container's init say to each other: typed messages on a socket pair.

    init                              creator
    NeedIdMaps ───────────────────────▶        a new user namespace waits for its maps
               ◀───────── IdMapsWritten
               ◀────────────── Attached        to its cgroup; on v1 that takes long, and mounts go on meanwhile
    Prepared ─────────────────────────▶        its namespaces and mounts are made: run hooks
               ◀────────────── Continue
    Console ──────────────────────────▶        the master of its terminal
    Created ──────────────────────────▶
               ◀───────────────── Start
    (the end, by exec) or Failed ─────▶

Warning may come at any time. Whatever fails in the init is raised in the creator as it would be had it failed there.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
from _struct import pack, unpack

from izba import jsonio
from izba._record import Record
from izba.errors import IzbaError
from izba.linux import libc
from izba.runtime.failures import CommandNotExecutable, CommandNotFound, InitFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn, TypeVar

    M = TypeVar("M", bound="Message")


class Message(Record):
    pass


class NeedIdMaps(Message):
    pass


class IdMapsWritten(Message):
    pass


class Attached(Message):
    pass


class Prepared(Message):
    pass


class Continue(Message):
    pass


class Console(Message):
    """Its packet carries the descriptor."""


class Created(Message):
    pass


class Start(Message):
    pass


class Exited(Message):
    """From the process that awaited a container in another's stead."""

    code: int


class Pid(Message):
    """From a helper process that made the init in its stead."""

    pid: int


class Warning(Message):  # noqa: A001 - that is what it is
    text: str


class Failed(Message):
    stage: str
    syscall: str = ""
    path: str = ""
    errno: int = 0
    reason: str = ""
    command: str = ""
    """Set where the command itself is at fault: `errno` is then that of finding or executing it."""

    def error(self) -> IzbaError:
        """The error to raise in the creator."""
        if not self.command:
            return InitFailed(self.stage, syscall=self.syscall, path=self.path, errno=self.errno, reason=self.reason)
        kind = CommandNotFound if self.errno == errno.ENOENT else CommandNotExecutable
        return kind(self.command, self.reason)


_TYPES: dict[str, type[Message]] = {
    kind.__name__: kind
    for kind in (
        *(NeedIdMaps, IdMapsWritten, Attached, Prepared, Continue, Console, Created, Start),
        *(Exited, Pid, Warning, Failed),
    )
}

MAX_MESSAGE = 1 << 16


class Ended(Exception):
    """The other side closed the channel: the init executed its command, or one of the two died."""


class ExecFailed(Exception):
    """The last word of the init, from its trampoline: execve(2) failed with this errno."""

    def __init__(self, errno: int) -> None:
        super().__init__(os.strerror(errno))
        self.errno = errno


class Channel:
    """One end of the socket pair. Packets keep messages apart, and descriptors with the message they belong to."""

    def __init__(self, socket: _socket.socket) -> None:
        self.socket = socket
        self.received_fd: int | None = None

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Both ends, closed by exec."""
        ours, theirs = _socketpair()
        return cls(ours), cls(theirs)

    def fileno(self) -> int:
        return self.socket.fileno()

    def close(self) -> None:
        self.socket.close()
        if self.received_fd is not None:
            os.close(self.received_fd)
            self.received_fd = None

    def is_closed(self) -> bool:
        """Whether the other side has closed its end."""
        poll = select.poll()
        poll.register(self.socket.fileno(), select.POLLRDHUP)
        return bool(poll.poll(0))

    def send(self, message: Message, *, fd: int | None = None) -> None:
        """Send one message, with a descriptor if given. Raises `Ended`."""
        body = {name: getattr(message, name) for name in message.__fields__}
        data = jsonio.dumps([type(message).__name__, body]).encode()
        ancillary = [] if fd is None else [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, pack("i", fd))]
        try:
            self.socket.sendmsg([data], ancillary, _socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError):
            raise Ended from None

    def receive(self) -> Message:
        """The next message; a descriptor that came with it is in `received_fd`. Raises `Ended` or `ExecFailed`."""
        try:
            data, ancillary, _, _ = self.socket.recvmsg(MAX_MESSAGE, 64, _MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            # The other side ended with something of ours unread, which is told once, and before its own last words.
            data, ancillary, _, _ = self.socket.recvmsg(MAX_MESSAGE, 64, _MSG_CMSG_CLOEXEC)
        for level, kind, value in ancillary:
            if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
                self.received_fd = unpack("i", value[:4])[0]
        if not data:
            raise Ended
        if len(data) == 4:
            raise ExecFailed(unpack("i", data)[0])
        name, body = jsonio.loads(data)
        message: Message = _TYPES[name](**body)
        return message

    def expect(self, kind: type[M]) -> M:
        """Wait for a message of this kind. A failure of the other side is raised; warnings are shown on the way."""
        while True:
            message = self.receive()
            if isinstance(message, kind):
                return message
            if isinstance(message, Failed):
                raise message.error()
            if isinstance(message, Warning):
                from izba import log

                log.warning(message.text)
                continue
            raise InitFailed("channel", syscall="", path="", errno=0, reason=f"unexpected {message!r}")

    def raise_last_words(self) -> None:
        """Raise what the other side said had failed before it ended: a failed `send` leaves that unread."""
        try:
            self.expect_end()
        except Ended:
            return

    def expect_end(self) -> NoReturn:
        """Wait for the end. Raises `Ended`, `ExecFailed`, or what the other side says has failed."""
        self.expect(_Nothing)
        raise AssertionError


class _Nothing(Message):
    """Never sent."""


_MSG_CMSG_CLOEXEC = 0x40000000


def _socketpair() -> tuple[_socket.socket, _socket.socket]:
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    return ours, theirs


def failed(stage: str, error: BaseException) -> Failed:
    """The message that tells of `error` in `stage`."""
    if isinstance(error, OSError):
        path = error.filename if isinstance(error.filename, str) else os.fsdecode(error.filename or "")
        syscall = libc.syscall_of(error)
        said = error.strerror or str(error)
        reason = said.removeprefix(f"{syscall}: ")
        return Failed(stage=stage, syscall=syscall, path=path, errno=error.errno or 0, reason=_lower(reason))
    if isinstance(error, CommandNotFound):
        return Failed(stage=stage, command=error.command, reason=error.reason, errno=errno.ENOENT)
    if isinstance(error, CommandNotExecutable):
        return Failed(stage=stage, command=error.command, reason=error.reason, errno=errno.EACCES)
    if isinstance(error, InitFailed):
        return Failed(stage=error.stage, syscall=error.syscall, path=error.path, errno=error.errno, reason=error.reason)
    if isinstance(error, IzbaError):
        return Failed(stage=stage, reason=error.message)
    return Failed(stage=stage, reason=f"{type(error).__name__}: {error}"[:1000])


def _lower(reason: str) -> str:
    return reason[:1].lower() + reason[1:]


# -- a start that comes from another process than the creator


def listen(path: str) -> _socket.socket:
    """A listening socket at `path`, for an init whose creator does not stay."""
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    directory_fd, name = _directory(path)
    try:
        listener.bind(f"/proc/self/fd/{directory_fd}/{name}")
    finally:
        os.close(directory_fd)
    listener.listen(1)
    return listener


def connect(path: str) -> Channel:
    """The channel to the init that listens at `path`."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
    directory_fd, name = _directory(path)
    try:
        connection.connect(f"/proc/self/fd/{directory_fd}/{name}")
    finally:
        os.close(directory_fd)
    return Channel(connection)


def _directory(path: str) -> tuple[int, str]:
    """A descriptor of the directory, as sun_path has 108 bytes (unix(7)) and paths more."""
    directory, _, name = path.rpartition("/")
    return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), name
