"""A command's side of a monitor: fork it, tell it what to run, hear how it went."""

from __future__ import annotations

import gc
import os

from izba.errors import Internal
from izba.linux import wire
from izba.monitor import children, failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Sequence
    from typing import Any, Self

    from izba.monitor.plan import Plan


class Monitor:
    """A monitor, forked and waiting for its plan.

    Fork it before anything heavy is imported, and from a single thread: its memory is what the forking process has.
    `attached` asks for `streams`, a connection that is attached to the container from its first byte on.
    One that is never launched ends when this object is closed, or with this process.
    """

    def __init__(self, *, attached: bool = False) -> None:
        self._channel, channel = wire.pair()
        self.streams: socket | None = None
        streams: socket | None = None
        if attached:
            import _socket

            self.streams, streams = wire.pair(_socket.SOCK_STREAM)
        reap()
        pid = os.fork()
        if pid == 0:
            try:
                _daemon(channel, streams)
            finally:
                os._exit(1)
        _monitors.append(pid)
        channel.close()
        if streams:
            streams.close()

    @classmethod
    def adopted(cls, fd: int) -> Self:
        """One that another process forked and released (`nursery`)."""
        import _socket

        monitor = cls.__new__(cls)
        monitor._channel = _socket.socket(fileno=fd)  # noqa: SLF001 - our own
        monitor.streams = None
        return monitor

    def release(self) -> int:
        """Give the channel away, for somebody to adopt it."""
        return self._channel.detach()

    def launch(self, plan: Plan, uses: Sequence[int] = ()) -> int:
        """Start the container; its init's pid. Raises what creating and starting it raised.

        `uses` hold its networks (`network.uses`), until it runs and whatever becomes of us.
        """
        from izba.monitor.plan import to_json

        wire.send(self._channel, to_json(plan), fds=uses)
        started = self._receive()
        for warning in started["warnings"]:
            from izba import log

            log.warning(warning)
        return int(started["pid"])

    def wait(self) -> int:
        """The container's exit code, at its end for good. One with --rm is the caller's to remove: see `removed`."""
        return int(self._receive()["exit_code"])

    def removed(self) -> None:
        """Tell the monitor, which holds the container's lock, that the caller removed the container."""
        wire.send(self._channel, {"removed": True})

    def close(self) -> None:
        """Let go: of a monitor that was not launched it is the end; a launched one goes on alone."""
        self._channel.close()

    def _receive(self) -> dict[str, Any]:
        try:
            value, _ = wire.receive(self._channel)
        except EOFError:
            raise Internal("the container's monitor was killed") from None
        if "error" in value:
            raise failure.from_json(value["error"])
        return value  # type: ignore[no-any-return]


_monitors: list[int] = []


def disown() -> None:
    """In a fork of ours: the monitors are not its children."""
    _monitors.clear()


def reap() -> None:
    """Monitors that ended before us are ours to wait for; the others outlive us, and get another parent."""
    for pid in list(_monitors):
        if os.waitpid(pid, os.WNOHANG)[0]:
            _monitors.remove(pid)


def _daemon(channel: socket, streams: socket | None) -> None:
    """Become a process of nobody: a session of its own, no terminal, no descriptor but ours."""
    os.setsid()
    from izba.linux import process

    # The collector is off for good: a monitor makes no cycles, to look for them would dirty every page of its heap, and
    # garbage of the command's whose descriptors are closed here would, when collected, close what has their numbers.
    gc.disable()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    process.close_all_but(children.STANDARD | {channel.fileno()} | ({streams.fileno()} if streams else set()))
    os.chdir("/")
    os.umask(0o022)
    from izba.monitor.daemon import main

    main(channel, streams)
    os._exit(0)
