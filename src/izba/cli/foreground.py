"""A container in the foreground: its streams are ours, our signals are its, and its exit code becomes ours."""

from __future__ import annotations

import _signal
import os

from izba.cli import streams
from izba.engine import eventlog
from izba.monitor import finish

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.spawn import Monitor

BOTH = frozenset((1, 2))

IMPATIENT = 3
"""So many SIGINTs or SIGTERMs mean: never mind the container, end yourself (as Docker's command does)."""


def run_attached(
    engine: Engine,
    container: Container,
    monitor: Monitor,
    *,
    keys: str | None,
    proxy: bool,
    stdin: bool,
    outputs: frozenset[int] = BOTH,
) -> int:
    """Start it and stay until its end; its exit code. After the detach keys it runs on, and 0."""
    from izba.engine.containers.start import start

    tty = container.config.get("Tty", False)
    assert monitor.streams is not None
    handler = SignalHandler(container, tty=tty)
    # A terminal sends the container its keys, so our own signals mean ourselves.
    with streams.Signals(handler, proxied=proxy and not tty) as signals:
        start(engine, container, monitor, console=window_size() if tty else (0, 0))
        try:
            with streams.RawTerminal(0 if tty and stdin else -1):
                streams.relay_connection(
                    monitor.streams,
                    framed=not tty,
                    stdin=stdin,
                    keys=streams.detach_keys(keys) if tty else b"",
                    signals=signals,
                    outputs=outputs,
                )
        except streams.Detached:
            return 0
        code = monitor.wait()
    if container.host_config.get("AutoRemove"):
        _discard(engine, container, monitor)
    return code


def _discard(engine: Engine, container: Container, monitor: Monitor) -> None:
    """Remove it: the row now, so that nobody sees it any more and its name is free, the files by a child.

    They have to wait for the disk (`store.db`), and nobody has to wait for them. The monitor holds the container's lock
    until the child is done, and does it over if the child dies. Volumes can be seen by others, so a container that has
    some of its own is gone as a whole when we return.
    """
    if volumes := container.anonymous_volumes:
        finish.discard(engine.store, container.id, volumes=volumes)
        eventlog.emit_container(engine, container, "destroy")
        monitor.removed()
        return
    engine.store.containers.delete(container.id)
    eventlog.emit_container(engine, container, "destroy")
    if os.fork():
        return
    try:
        os.setsid()  # what ends our terminal or our job is not meant for it
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):  # whoever reads our output must not wait for it
            os.dup2(null, fd)
        finish.remove_files(engine.store, container.id)
        monitor.removed()
    finally:
        os._exit(0)


def attach(container: Container, *, stdin: bool, keys: str | None, proxy: bool) -> int:
    """Join a container that runs already. Raises `NotRunning`, `IsPaused`."""
    from izba.engine.containers import lifecycle
    from izba.engine.containers.stop import wait
    from izba.monitor import control

    if lifecycle.require_running(container).status == "paused":
        raise lifecycle.IsPaused(container)
    tty = container.config.get("Tty", False)
    try:
        connection = control.connect(container.run)
        control.ask(connection, {"verb": "attach", "streams": ["stdout", "stderr"], "stdin": stdin})
    except (OSError, EOFError):
        raise lifecycle.NotRunning(container) from None
    handler = SignalHandler(container, tty=tty)
    if tty:
        handler.resize()
    with streams.Signals(handler, proxied=proxy and not tty) as signals:
        try:
            with streams.RawTerminal(0 if tty and stdin else -1):
                streams.relay_connection(
                    connection,
                    framed=not tty,
                    stdin=stdin,
                    keys=streams.detach_keys(keys) if tty else b"",
                    signals=signals,
                    outputs=BOTH,
                )
        except streams.Detached:
            return 0
    return wait(container)


class SignalHandler:
    """Called with each signal that came: passes it to the container, or the terminal's new size."""

    def __init__(self, container: Container, *, tty: bool) -> None:
        self._container = container
        self._tty = tty
        self._count = 0

    def __call__(self, number: int) -> None:
        if number == _signal.SIGWINCH:
            if self._tty:
                self.resize()
            return
        if number in {_signal.SIGINT, _signal.SIGTERM}:
            self._count += 1
            if self._count >= IMPATIENT:
                raise KeyboardInterrupt
        self._ask({"verb": "signal", "number": int(number), "final": number == self._stop_signal()})

    def resize(self) -> None:
        """Tell the container the size of our terminal."""
        rows, columns = window_size()
        self._ask({"verb": "resize", "rows": rows, "columns": columns})

    def _stop_signal(self) -> int:
        from izba.engine.containers.start import stop_signal

        return stop_signal(self._container.config)

    def _ask(self, request: dict[str, object]) -> None:
        from izba.engine.containers import lifecycle

        try:
            lifecycle.ask(self._container, request)
        except lifecycle.NotRunning:  # it ended while the signal came, or has not begun
            return


def window_size() -> tuple[int, int]:
    """Rows and columns of our terminal; zeros where there is none."""
    from izba.linux.pty import window_size as size_of

    for fd in (1, 0, 2):
        if os.isatty(fd):
            size = size_of(fd)
            return size.rows, size.columns
    return 0, 0
