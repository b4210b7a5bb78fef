"""A container's streams in its monitor: output to the log and to those attached, and their input to the container."""

from __future__ import annotations

import os

from izba.monitor.clients import Clients
from izba.monitor.logs import Log
from izba.monitor.stdio import Input, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.linux.loop import Loop
    from izba.monitor.plan import Plan


class Streams:
    """Those of one run after the other. `on_end` is called each time that an output has ended."""

    def __init__(self, loop: Loop, plan: Plan, on_end: Callable[[], None]) -> None:
        self.stdin = Input(loop)
        # Who leaves a terminal may come back to it, so that only pipes end with their feeder.
        once = plan.stdin_once and not plan.tty
        self.clients = Clients(loop, framed=not plan.tty, stdin=self.stdin, stdin_once=once)
        self.clients.on_caught_up = self._go_on
        self.stdin.on_room = self.clients.can_feed
        self.log = Log(plan.directory, plan.log)
        self._loop = loop
        self._on_end = on_end
        self._console = -1
        self._outputs: list[Output] = []

    @property
    def are_open(self) -> bool:
        """Whether an output has not ended."""
        return any(output.fd >= 0 for output in self._outputs)

    @property
    def outputs(self) -> set[int]:
        """The descriptors of the outputs that have not ended."""
        return {output.fd for output in self._outputs if output.fd >= 0}

    def open(self, plan: Plan, pipes: tuple[int, int, int], console: int | None) -> None:
        """A run begins: with our ends of its three pipes, or with a terminal in their place."""
        stdin, stdout, stderr = pipes
        if console is None:
            outputs = [("stdout", stdout), ("stderr", stderr)]
            if plan.stdin:
                self.stdin.open(stdin, owned=True)
            else:
                os.close(stdin)
        else:
            for fd in pipes:
                os.close(fd)
            self._console = console
            outputs = [("stdout", console)]
            if plan.console != (0, 0):
                self.resize(*plan.console)
            if plan.stdin:
                self.stdin.open(console, owned=False)
        self._watch(outputs)

    def resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal, if there is one; its foreground processes get SIGWINCH."""
        if self._console < 0:
            return
        from izba.linux import pty

        pty.set_window_size(self._console, pty.WindowSize(rows=rows, columns=columns))

    def drain(self) -> None:
        """The init ended: take what it has left. A terminal ends with it, a pipe with its last writer."""
        for output in self._outputs:
            output.drain()
            if output.fd == self._console:
                output.close()

    def close(self) -> None:
        """The run is over."""
        self.stdin.close()
        for output in self._outputs:
            output.close()
        self._outputs = []
        self._console = -1

    def pack(self) -> dict[str, Any]:
        """What `unpack` makes those of a quiet run of again, when the monitor wakes (`slumber`)."""
        return {
            "outputs": [[output.name, output.fd] for output in self._outputs if output.fd >= 0],
            "console": self._console,
            "stdin": self.stdin.pack(),
            "log": self.log.pack(),
        }

    def unpack(self, value: dict[str, Any]) -> None:
        """As they were when they were packed."""
        self._console = value["console"]
        self.log.unpack(value["log"])
        self.stdin.unpack(value["stdin"])
        self._watch([(name, fd) for name, fd in value["outputs"]])

    def _watch(self, outputs: list[tuple[str, int]]) -> None:
        self._outputs = [Output(self._loop, name, fd, self._on_output, self._on_end) for name, fd in outputs]

    def _on_output(self, stream: str, data: bytes) -> None:
        self.log.write(stream, data)
        self.clients.send(stream, data)
        if self.clients.are_behind:
            for output in self._outputs:
                output.pause(True)

    def _go_on(self) -> None:
        for output in self._outputs:
            output.pause(False)
