"""What a monitor holds of its container's networks: the ports of the host, and the connection to the networks' relay.

Nothing at all for a container that has no network, or one that needs neither.
"""

from __future__ import annotations

import os

from izba.linux.loop import READ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from izba.linux.loop import Loop, Timer
    from izba.monitor.plan import Plan
    from izba.network.plan import NetworkPlan
    from izba.network.ports import Reserved

_PATIENCE = 0.05
_END = 2.0
_TRIES = 6
"""The last one is one and a half seconds after the one before."""


class Attachment:
    """The ports are held from before the first start to the end for good, the connection for one run."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._reserved: Reserved | None = None
        self._held: tuple[int, ...] = ()  # the connection to the relay, and the namespaces of the networks (rootless)
        self._plan: Plan | None = None
        self._pid = 0
        self._retry: tuple[Timer, Callable[[], None]] | None = None
        self._failures = 0
        self._turn = 0

    @property
    def sockets(self) -> list[int]:
        """What holds the ports, in the order of the plan's places."""
        return [each.fileno() for each in self._reserved.sockets] if self._reserved else []

    def reserve(self, plan: Plan) -> Plan:
        """Hold the plan's ports; the plan with those that the kernel chose. Once: a restart finds them held."""
        if self._reserved is not None or plan.network is None or not plan.network.ports:
            return plan
        from izba.network import ports

        reserved = ports.reserve(plan.network.ports, containers=os.path.dirname(plan.directory))
        self._reserved = reserved
        if plan.network.helper:  # it listens itself
            reserved.close()
        ports.record(plan.directory, reserved.bindings)
        return plan.replace(network=plan.network.replace(ports=reserved.bindings, places=tuple(reserved.places)))

    def hold(self, plan: Plan, pid: int, held: tuple[int, ...]) -> None:
        """The container `pid` is attached as long as these descriptors are open."""
        self.run_ended()
        self._plan, self._pid, self._held = plan, pid, held
        if held:
            self._loop.watch(held[0], READ, lambda _events: self._on_relay_gone())

    def change(self, plan: Plan, pid: int, done: Callable[[], None]) -> None:
        """The container's networks are those of `plan` now; `done` is called when the relay knows what it has to."""
        network, before = plan.network, self._plan.network if self._plan else None
        self._plan = plan
        assert network is not None
        if pid and before is not None and _is_the_relays(before, network):
            self._failures = 0
            self.register(plan, pid, done)
        else:
            done()

    def run_ended(self) -> None:
        """Its namespace dies, and its names with it."""
        self._turn += 1
        self._drop_retry()
        if self._held:
            self._loop.unwatch(self._held[0])
            if self._plan is not None and self._plan.network is not None and self._plan.network.helper:
                _await_end(self._held[0])
        for fd in self._held:
            os.close(fd)
        self._held = ()

    def release(self, plan: Plan) -> None:
        """Let go of the ports. The rules that lead to the container go in a child's own time."""
        self.run_ended()
        if self._reserved is None or plan.network is None:
            return
        from izba.monitor import children
        from izba.network import ports, trust

        network = plan.network
        trust.distrust(network.run)
        ports.forget(plan.directory)
        self._reserved.close()
        self._reserved = None
        if network.rootless:
            return

        def main() -> int:
            from izba.network.attach import detach

            trust.distrust(network.run)  # should somebody have looked in between
            detach(network)
            return 0

        children.fork(main, keep=())

    # -- while its monitor sleeps

    def pack(self) -> dict[str, Any]:
        """What `unpack` makes it of again; the plan has the ports' numbers."""
        return {"held": list(self._held), "reserved": self._reserved is not None, "sockets": self.sockets}

    def unpack(self, value: dict[str, Any], plan: Plan, pid: int) -> None:
        """As it was when it was packed."""
        if value["reserved"] and plan.network is not None:
            from _socket import socket

            from izba.network.ports import Reserved

            self._reserved = Reserved()
            self._reserved.bindings, self._reserved.places = plan.network.ports, list(plan.network.places)
            self._reserved.sockets = [socket(fileno=fd) for fd in value["sockets"]]
        self.hold(plan, pid, tuple(value["held"]))

    # -- a relay, or a helper, that was killed

    def _on_relay_gone(self) -> None:
        """Register anew, with a new relay; several monitors see this at once, and one of them starts it."""
        self._loop.unwatch(self._held[0])
        self._failures = 0
        self._try_again(lambda: None)

    def _try_again(self, done: Callable[[], None]) -> None:
        plan, pid = self._plan, self._pid
        assert plan is not None

        def again() -> None:
            self._retry = None
            self.register(plan, pid, done)

        self._retry = self._loop.after(_PATIENCE * 2**self._failures, again), done

    def _drop_retry(self) -> None:
        """No further try: the run ended, or a later call has begun. Whoever waits for it is told."""
        if self._retry:
            (timer, done), self._retry = self._retry, None
            timer.cancel()
            done()

    def register(self, plan: Plan, pid: int, done: Callable[[], None]) -> None:
        """Register the container with the relay, by a child; it is held from when the child has done so.

        `done` is called then, or when nothing comes of it: the run ended, or a later call is on its way.
        """
        self._drop_retry()
        self._turn += 1
        turn = self._turn
        from izba.linux import wire
        from izba.monitor import children

        reserved, namespaces = self.sockets, self._held[1:]
        network = plan.network
        assert network is not None

        def main() -> int:
            from izba.network import attach

            attached = attach.renew(network, pid, reserved, namespaces)
            wire.send(theirs, {}, fds=attached.fds)
            return 0

        def on_answer(_events: int) -> None:
            self._loop.unwatch(ours.fileno())
            try:
                _, held = wire.receive(ours)
            except EOFError:
                held = []
            ours.close()
            if turn != self._turn:
                for fd in held:
                    os.close(fd)
                done()
                return
            settle(held)

        def settle(held: list[int]) -> None:
            self._failures += 1
            if not held and self._failures < _TRIES and self._held:
                self._try_again(done)
                return
            # Without any, what the container had is lost until it is started again.
            self.hold(plan, pid, tuple(held))
            done()

        try:
            ours, theirs = wire.pair()
            children.fork(main, keep=(theirs.fileno(), *reserved, *namespaces))
        except OSError:  # no descriptor or no process to be had
            settle([])
            return
        theirs.close()
        self._loop.watch(ours.fileno(), READ, on_answer)


def _is_the_relays(before: NetworkPlan, after: NetworkPlan) -> bool:
    """Whether a change of networks is one for the relay: it has to answer names now, or to carry ports elsewhere."""
    from izba.network.plan import published_by

    if after.names and not before.names:
        return True
    carries = any(after.rootless or ":" in place.host_ip for place in after.places)
    old, new = published_by(before.links), published_by(after.links)
    return carries and (old and old.address) != (new and new.address)


def _await_end(fd: int) -> None:
    """Let the keeper of a helper end, and with it the helper: a next run wants the same ports."""
    from _socket import SHUT_WR, socket

    keeper = socket(fileno=os.dup(fd))
    try:
        keeper.settimeout(_END)
        keeper.shutdown(SHUT_WR)
        keeper.recv(1)
    except OSError:  # it was killed, or somebody stopped it
        pass
    finally:
        keeper.close()
