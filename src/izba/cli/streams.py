"""A command's own streams joined to a container's: standard input in, output out, until the container's end or ours.

One poll loop. Signals that came are told by a wake-up descriptor; a terminal is put into raw mode and back.
"""

from __future__ import annotations

import _signal
import errno
import os
import select

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

DETACH_KEYS = b"\x10\x11"  # ctrl-p,ctrl-q
PROXIED = (
    *(_signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2, _signal.SIGALRM),
    *(_signal.SIGTERM, _signal.SIGCONT, _signal.SIGTSTP),
)
_BLOCK = 65536


class Detached(Exception):
    """The user typed the keys that leave a container running."""


class InvalidKeys(InvalidArgument):
    """`--detach-keys` is no sequence of keys; Docker's sentence."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"invalid detach keys ({text})", hint="write single characters or ctrl-<letter>, as in ctrl-p,ctrl-q"
        )


def detach_keys(text: str | None) -> bytes:
    """`ctrl-p,ctrl-q` as bytes; without a text, what the user's config.json says, or Docker's."""
    if not text:
        from izba.cli.output.userformat import configured

        text = configured("detachKeys")
    if not text:
        return DETACH_KEYS
    keys = bytearray()
    for key in text.split(","):
        letter = key.removeprefix("ctrl-")
        if (
            key.startswith("ctrl-")
            and len(letter) == 1
            and ((letter.isascii() and letter.isalpha()) or letter in "@[\\]^_")
        ):
            keys.append(ord(letter.upper()) & 0x1F)
        elif len(key) == 1 and key.isascii():
            keys.append(ord(key))
        else:
            raise InvalidKeys(text)
    return bytes(keys)


class RawTerminal:
    """`with RawTerminal(0):` every key goes to the container, and none is a signal for us. Not a terminal: nothing."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list[Any] | None = None

    def __enter__(self) -> Self:
        if os.isatty(self._fd):
            import termios

            self._before = termios.tcgetattr(self._fd)
            mode = termios.tcgetattr(self._fd)
            mode[0] &= ~(
                termios.IGNBRK
                | termios.BRKINT
                | termios.PARMRK
                | termios.ISTRIP
                | termios.INLCR
                | termios.IGNCR
                | termios.ICRNL
                | termios.IXON
            )
            mode[1] &= ~termios.OPOST
            mode[2] = (mode[2] & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
            mode[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
            termios.tcsetattr(self._fd, termios.TCSANOW, mode)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._before is not None:
            import termios

            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._before)


class Signals:
    """`with Signals(on_signal):` the signals of PROXIED, and SIGWINCH, are passed on instead of ending us."""

    def __init__(self, on_signal: Callable[[int], None], *, proxied: bool) -> None:
        self._on_signal = on_signal
        self._numbers = (*(PROXIED if proxied else ()), _signal.SIGWINCH)
        self._before: dict[int, Any] = {}
        self.fd, self._write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def read(self) -> None:
        """Pass on what came."""
        for number in os.read(self.fd, 512):
            if number in self._numbers:
                self._on_signal(number)

    def __enter__(self) -> Self:
        _signal.set_wakeup_fd(self._write_fd, warn_on_full_buffer=False)
        for number in self._numbers:
            self._before[number] = _signal.signal(number, _nothing)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            _signal.signal(number, handler)
        os.close(self.fd)
        os.close(self._write_fd)


class Input:
    """Our standard input on its way to `fd`. At its end `on_end` is called; the detach keys raise `Detached`."""

    def __init__(self, fd: int, on_end: Callable[[], None], keys: bytes) -> None:
        self.fd = fd
        self._on_end = on_end
        self._keys = keys
        self._held = b""
        self._pending = bytearray()
        self.ended = False

    @property
    def is_full(self) -> bool:
        """Whether the other side has to take something before more is read."""
        return bool(self._pending)

    def read(self) -> None:
        """Take what our standard input has."""
        try:
            data = os.read(0, _BLOCK)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:  # a terminal that was hung up
                raise
            data = b""
        if not data:
            self._end()
            return
        self._pending += self._without_keys(data) if self._keys else data
        self.write()

    def write(self) -> None:
        """Pass on what the other side takes."""
        try:
            while self._pending:
                del self._pending[: os.write(self.fd, self._pending)]
        except BlockingIOError:
            return
        except OSError:  # nobody reads any more
            self._pending.clear()
            self._end()

    def _end(self) -> None:
        if not self.ended:
            self.ended = True
            self._on_end()

    def _without_keys(self, data: bytes) -> bytes:
        """Hold back a beginning of the detach keys until it is known whether it is one."""
        out = bytearray()
        for byte in data:
            self._held += bytes((byte,))
            if self._held == self._keys:
                raise Detached
            while not self._keys.startswith(self._held):
                out += self._held[:1]
                self._held = self._held[1:]
        return bytes(out)


class Frames:
    """Docker's raw stream taken apart: stdout and stderr in one connection (see `monitor.clients`)."""

    def __init__(self, outputs: frozenset[int]) -> None:
        self._outputs = outputs
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Write what is whole, and what can be told already of what is not."""
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= 8:
            length = int.from_bytes(self._buffer[at + 4 : at + 8], "big")
            if len(self._buffer) - at - 8 < length:
                break
            if (stream := self._buffer[at]) in self._outputs:
                write_all(stream, bytes(self._buffer[at + 8 : at + 8 + length]))
            at += 8 + length
        del self._buffer[:at]


def relay_connection(
    connection: socket, *, framed: bool, stdin: bool, keys: bytes, signals: Signals, outputs: frozenset[int]
) -> None:
    """Join our streams to an attached connection until it ends. Raises `Detached`."""
    connection.setblocking(False)
    fd = connection.fileno()
    frames = Frames(outputs) if framed else None

    def receive() -> bool:
        try:
            data = connection.recv(_BLOCK)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        if not data:
            return False
        if frames:
            frames.feed(data)
        elif 1 in outputs:
            write_all(1, data)
        return True

    source = Input(fd, lambda: _shutdown(connection), keys) if stdin else None
    _loop(fd, receive, source, signals)


def relay_terminal(console: int, *, stdin: bool, keys: bytes, signals: Signals) -> None:
    """Join our streams to the master of a terminal until nobody has the terminal open. Raises `Detached`."""
    os.set_blocking(console, False)

    def receive() -> bool:
        try:
            data = os.read(console, _BLOCK)
        except BlockingIOError:
            return True
        except OSError:  # EIO: the last process that had it open is gone
            return False
        write_all(1, data)
        return bool(data)

    # At the end of our input the terminal stays: its line discipline was told by ctrl-d, if at all.
    _loop(console, receive, Input(console, _nothing_to_end, keys) if stdin else None, signals)


def _loop(fd: int, receive: Callable[[], bool], source: Input | None, signals: Signals) -> None:
    poll = select.poll()
    poll.register(signals.fd, select.POLLIN)
    reading_stdin = False
    while True:
        wants = source is not None and not source.ended and not source.is_full
        if wants != reading_stdin:
            if wants:
                poll.register(0, select.POLLIN)
            else:
                poll.unregister(0)
            reading_stdin = wants
        blocked = source is not None and source.is_full
        poll.register(fd, select.POLLIN | (select.POLLOUT if blocked else 0))
        for ready, events in poll.poll():
            if ready == signals.fd:
                signals.read()
            elif ready == 0 and source:
                source.read()
            elif ready == fd:
                if source and events & select.POLLOUT:
                    source.write()
                if events & ~select.POLLOUT and not receive():
                    return


def write_all(fd: int, data: bytes) -> None:
    """Write to one of our own streams, which may be slow, and may have been made non-blocking by somebody."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()


def _shutdown(connection: socket) -> None:
    from _socket import SHUT_WR

    try:
        connection.shutdown(SHUT_WR)
    except OSError:  # the container ended first
        return


def _nothing_to_end() -> None:
    """A terminal has no end of input."""


def _nothing(_number: int, _frame: object) -> None:
    """The wake-up descriptor tells."""
