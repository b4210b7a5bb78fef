"""One epoll loop: descriptors, timers and signals call what was registered for them."""

from __future__ import annotations

import _signal
import os
import select
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

READ, WRITE = select.EPOLLIN, select.EPOLLOUT
_GONE = select.EPOLLHUP | select.EPOLLERR


class Timer:
    """A call at a time; `cancel` before it comes."""

    __slots__ = ("call", "due")

    def __init__(self, due: float, call: Callable[[], None]) -> None:
        self.due = due
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Never call. Cancelling twice, or after the call, does nothing."""
        self.call = None


class Loop:
    """Runs until `stop`. A callback is given the events that came; a peer that is gone counts as readable.

    `eager` seconds is how long it goes on asking before it sleeps, while events come faster than that: to be woken is
    what a message costs most, on a virtual machine above all. It yields its processor between two questions, and on a
    machine with only one it sleeps at once.
    """

    def __init__(self, *, eager: float = 0.0) -> None:
        self._eager = eager if len(os.sched_getaffinity(0)) > 1 else 0.0
        self._is_hot = False
        self._epoll = select.epoll()
        self._calls: dict[int, Callable[[int], None]] = {}
        self._fresh: set[int] = set()
        self._timers: list[Timer] = []
        self._stopped = False
        self.busy = time.monotonic()
        """When a descriptor was ready last, or a signal came."""
        self._signals: dict[int, Callable[[], None]] = {}
        self._wakeup = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        _signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        self.watch(self._wakeup[0], READ, self._on_signals)

    def watch(self, fd: int, events: int, call: Callable[[int], None]) -> None:
        """Call `call(events)` whenever `fd` is ready; watching again replaces events and callback."""
        if fd in self._calls:
            self._epoll.modify(fd, events)
        else:
            self._epoll.register(fd, events)
            self._fresh.add(fd)
        self._calls[fd] = call

    def unwatch(self, fd: int) -> None:
        """Forget `fd`, before it is closed. Nothing happens if it is not watched."""
        if self._calls.pop(fd, None):
            self._epoll.unregister(fd)

    def after(self, seconds: float, call: Callable[[], None]) -> Timer:
        """Call `call` once, `seconds` from now."""
        timer = Timer(time.monotonic() + seconds, call)
        self._timers.append(timer)
        return timer

    def on_signal(self, number: int, call: Callable[[], None]) -> None:
        """Call `call` from the loop after the signal came."""
        self._signals[number] = call
        _signal.signal(number, _ignore)

    @property
    def epoll_fd(self) -> int:
        """The epoll instance itself, which is readable when one of the watched descriptors is ready."""
        return self._epoll.fileno()

    def is_ready(self) -> bool:
        """Whether a descriptor is ready, or a signal came, that the next turn will tell of."""
        return bool(self._epoll.poll(0))

    @property
    def watched(self) -> set[int]:
        """The descriptors that are watched, the loop's own aside."""
        return set(self._calls) - {self._wakeup[0]}

    @property
    def timers(self) -> int:
        """How many calls are to come by themselves."""
        return sum(timer.call is not None for timer in self._timers)

    def stop(self) -> None:
        """Return from `run` after the current callback."""
        self._stopped = True

    def run(self) -> None:
        """Wait and call, until `stop`."""
        while not self._stopped:
            self._turn()

    def _wait(self) -> list[tuple[int, int]]:
        """What is ready, at the latest when the next timer is due."""
        if self._is_hot:
            until = time.monotonic() + self._eager
            while True:
                if ready := self._epoll.poll(0):
                    return ready
                if time.monotonic() >= until:
                    break
                os.sched_yield()
        asleep = time.monotonic()
        ready = self._epoll.poll(self._timeout())
        self._is_hot = time.monotonic() - asleep < self._eager
        return ready

    def _turn(self) -> None:
        ready = self._wait()
        if ready:
            self.busy = time.monotonic()
        self._fresh.clear()
        for fd, events in ready:
            # An earlier callback may have unwatched it. If another descriptor has its number by now, these are not its
            # events, and what it has of its own comes with the next turn.
            if fd not in self._fresh and (call := self._calls.get(fd)):
                call(events | READ if events & _GONE else events)
            if self._stopped:
                return
        self._call_timers()

    def _timeout(self) -> float:
        self._timers = [timer for timer in self._timers if timer.call]
        if not self._timers:
            return -1
        return max(0.0, min(timer.due for timer in self._timers) - time.monotonic())

    def _call_timers(self) -> None:
        now = time.monotonic()
        for timer in [timer for timer in self._timers if timer.due <= now]:
            if call := timer.call:
                timer.cancel()
                call()

    def _on_signals(self, _events: int) -> None:
        for number in set(os.read(self._wakeup[0], 512)):
            if call := self._signals.get(number):
                call()


def _ignore(_number: int, _frame: object) -> None:
    """The wake-up descriptor tells the loop."""
