"""The container's three streams as its monitor holds them: pipes, or one terminal."""

from __future__ import annotations

import errno
import os

from izba.linux.loop import READ, WRITE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.linux.loop import Loop, Timer

ENOUGH = 64 * 1024
_MOST_LEFT = 1 << 20
"""What a pipe holds at most, unless a privileged process made it larger (pipe(7), pipe-max-size)."""


class Pipes:
    """Both ends of what a container without a terminal is given. The starter has `theirs`, the monitor `ours`."""

    def __init__(self) -> None:
        in_read, in_write = os.pipe2(os.O_CLOEXEC)
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        error_read, error_write = os.pipe2(os.O_CLOEXEC)
        self.theirs = (in_read, out_write, error_write)
        self.ours = (in_write, out_read, error_read)

    def close(self) -> None:
        """Close all of them: nobody was given any."""
        for fd in (*self.theirs, *self.ours):
            os.close(fd)


class Input:
    """What the container reads. It takes bytes at any time, also between two runs, and keeps them until it can."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._fd = -1
        self._owned = False
        self._kept = bytearray()
        self._ended = False
        self._retry: Timer | None = None
        self.on_room: Callable[[], None] = lambda: None

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be read."""
        return not self._kept

    def pack(self) -> dict[str, Any]:
        """What `unpack` makes an idle one of."""
        return {"fd": self._fd, "owned": self._owned, "ended": self._ended}

    def unpack(self, value: dict[str, Any]) -> None:
        """As it was when it was packed."""
        self._fd, self._owned, self._ended = value["fd"], value["owned"], value["ended"]

    def open(self, fd: int, *, owned: bool) -> None:
        """A new run reads from `fd`, which is closed at the end of input if it is `owned` (a terminal is not)."""
        os.set_blocking(fd, False)
        self._fd, self._owned = fd, owned
        self._push()

    def write(self, data: bytes) -> bool:
        """Give `data`; whether more is welcome at once."""
        if self._ended:
            return True
        self._kept += data
        self._push()
        return len(self._kept) < ENOUGH

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._push()

    def close(self) -> None:
        """The run that read it is over."""
        if self._fd >= 0:
            self._loop.unwatch(self._fd)
            if self._owned:
                os.close(self._fd)
            self._fd = -1
        self._kept.clear()

    def _push(self) -> None:
        if self._fd < 0:
            return
        try:
            while self._kept:
                del self._kept[: os.write(self._fd, self._kept)]
        except BlockingIOError:
            self._watch_room()
            return
        except OSError:  # nobody reads any more
            self.close()
            self.on_room()
            return
        if self._ended and self._owned:
            self.close()
        elif self._owned:
            self._loop.unwatch(self._fd)

    def _watch_room(self) -> None:
        if self._owned:
            self._loop.watch(self._fd, WRITE, lambda _events: self._has_room())
        elif self._retry is None:
            self._retry = self._loop.after(0.01, self._has_room)  # the terminal is watched for reading already

    def _has_room(self) -> None:
        self._retry = None
        self._push()
        if len(self._kept) < ENOUGH:
            self.on_room()


class Output:
    """One stream that the container writes. `on_data(name, data)` gets it, `on_end()` comes when no writer is left."""

    def __init__(
        self, loop: Loop, name: str, fd: int, on_data: Callable[[str, bytes], None], on_end: Callable[[], None]
    ) -> None:
        self.name = name
        self.fd = fd
        self._loop = loop
        self._on_data = on_data
        self._on_end = on_end
        self._watched = False
        os.set_blocking(fd, False)
        self.pause(False)

    def pause(self, paused: bool) -> None:
        """Let the container wait, or go on."""
        if self.fd < 0 or self._watched != paused:
            return
        if paused:
            self._loop.unwatch(self.fd)
        else:
            self._loop.watch(self.fd, READ, self._on_ready)
        self._watched = not paused

    def _on_ready(self, _events: int) -> None:
        self.read()

    def read(self) -> int:
        """Take what is there, 64 KiB at most; how many bytes there were."""
        try:
            data = os.read(self.fd, 65536)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # A terminal that nobody has open: not now, or not any more. Its end comes with the container's.
            self.pause(True)
            self._loop.after(0.05, lambda: self.pause(False))
            return 0
        if data:
            self._on_data(self.name, data)
            return len(data)
        self.close()
        self._on_end()
        return 0

    def drain(self) -> None:
        """Take what the init, which ended, has left. No more than that: another process may go on writing for ever."""
        left = _MOST_LEFT
        while self.fd >= 0 and left > 0 and (size := self.read()):
            left -= size

    def close(self) -> None:
        """Forget the stream."""
        if self.fd >= 0:
            self._loop.unwatch(self.fd)
            os.close(self.fd)
            self.fd = -1
