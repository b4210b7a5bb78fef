"""The short-lived child that knows the runtime: it creates the container, starts it, and leaves it to the monitor.

starter                          monitor
   ◀──── plan ────────────────────
   ───── created: pid, terminal ──▶   writes state.json, so that nobody can lose the process
   ◀──── go ──────────────────────
   ───── started, or an error ────▶   with what it warns of
ends; the container's init is the monitor's child from here on
"""

from __future__ import annotations

import os

from izba._record import Record
from izba.errors import Unavailable
from izba.linux import wire
from izba.monitor import children, failure
from izba.monitor.plan import from_json, to_json
from izba.monitor.stdio import Pipes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Sequence
    from typing import Any

    from izba.monitor.plan import Plan


class Launched(Record):
    """A created container: its init's pid and, with a terminal, the descriptor of the terminal's master.

    attached  what keeps it attached to its networks (`network.attach.Attached`)
    """

    pid: int
    console: int | None
    attached: tuple[int, ...]


class CannotFork(Unavailable):
    """The machine has no process or no descriptor left for whoever starts the container."""

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"no process can be made to start the container: {error.strerror}",
            hint="`ulimit -u` and `ulimit -n` tell how many processes and descriptors you may have",
        )


class Starter:
    """The monitor's end. Forked early, the child imports what it needs while nobody waits for it yet."""

    def __init__(self) -> None:
        self.pipes = Pipes()
        self.has_plan = False
        try:
            self._channel, theirs = wire.pair()
            keep = (theirs.fileno(), *self.pipes.theirs)
            self.pid = children.fork(lambda: _main(theirs, self.pipes.theirs), keep=keep)
        except OSError as error:
            self.pipes.close()
            raise CannotFork(error) from error
        theirs.close()
        for fd in self.pipes.theirs:
            os.close(fd)

    def create(self, plan: Plan, reserved: Sequence[int] = (), uses: Sequence[int] = ()) -> None:
        """Have the container created, with the sockets `reserved` for its ports.

        `uses` hold its networks (`network.uses`) until it was started, or this starter ended.
        """
        wire.send(self._channel, {"reserved": len(reserved)}, fds=uses)
        wire.send(self._channel, to_json(plan))
        for first in range(0, len(reserved), wire.MOST_DESCRIPTORS):
            wire.send(self._channel, {}, fds=reserved[first : first + wire.MOST_DESCRIPTORS])
        self.has_plan = True

    def created(self) -> Launched:
        """The container, once it was created. Raises what the runtime raised, and `EOFError` if the starter died."""
        value, fds = self._receive()
        console = fds.pop(0) if value["console"] else None
        return Launched(pid=value["pid"], console=console, attached=tuple(fds))

    def start(self) -> list[str]:
        """Let it go; warnings for whoever asked for it. Raises like `created`.

        The starter is about to end then, and to leave us the container.
        """
        wire.send(self._channel, {"go": True})
        warnings: list[str] = self._receive()[0]["warnings"]
        self._channel.close()
        return warnings

    def close(self) -> None:
        """See the starter's end, and with it that of a container that was created and not started."""
        self._channel.close()
        self.reap(block=True)

    def reap(self, *, block: bool = False) -> None:
        """Take note of its end. After that the container is our own child."""
        if self.pid and os.waitpid(self.pid, 0 if block else os.WNOHANG)[0]:
            self.pid = 0

    def _receive(self) -> tuple[dict[str, Any], list[int]]:
        try:
            value, fds = wire.receive(self._channel)
        except EOFError:
            self.close()
            raise
        if "error" in value:
            self.close()
            raise failure.from_json(value["error"])
        return value, fds


def _main(channel: socket, stdio: tuple[int, int, int]) -> int:
    from izba import log
    from izba.monitor import container  # the costly part, done before anybody asks

    warnings: list[str] = []
    log.divert(warnings.append)  # standard error leads nowhere
    try:
        told, _uses = wire.receive(channel)  # these end with this process
        value, reserved = wire.receive(channel)
        while len(reserved) < told["reserved"]:
            reserved += wire.receive(channel)[1]
        created = container.create(from_json(value), stdio, reserved)
        console = () if created.console is None else (created.console,)
        fds = (*console, *(created.attached.fds if created.attached else ()))
        wire.send(channel, {"pid": created.pid, "console": bool(console)}, fds=fds)
        if created.attached:
            created.attached.close()
        for fd in (*stdio, *reserved, *console):
            os.close(fd)
        wire.receive(channel)
        created.start()
        wire.send(channel, {"warnings": warnings})
    except EOFError:  # no plan came, or the monitor died: what was created ends with us
        return 0
    except BaseException as error:  # whoever's fault it is, the monitor must hear of it
        wire.send(channel, {"error": failure.to_json(error)})
    return 0
