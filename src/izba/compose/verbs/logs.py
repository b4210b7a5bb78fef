"""What several containers wrote, in the order of time."""

from __future__ import annotations

import time

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from queue import SimpleQueue

    from izba.engine.containers.logs import LogEntry, LogQuery
    from izba.engine.containers.model import Container

_WINDOW = 0.03
"""Entries that arrive within this many seconds are put in the order of their own times."""


class Line(Record):
    """One entry of one container."""

    container: Container
    entry: LogEntry


def recorded(containers: Iterable[Container], query: LogQuery) -> Iterator[Line]:
    """What was written so far, all of it in order."""
    import heapq

    from izba.engine.containers.logs import NoLog, read

    def lines(container: Container) -> Iterator[Line]:
        try:
            for entry in read(container, query):
                yield Line(container=container, entry=entry)
        except NoLog:
            return

    yield from heapq.merge(*map(lines, containers), key=lambda line: line.entry.time)


class Follower:
    """Follows containers, each in a thread of its own, until it ends."""

    def __init__(self) -> None:
        from queue import SimpleQueue

        self._queue: SimpleQueue[Line | None] = SimpleQueue()
        self._running = 0
        self.endless = False
        """Whether more containers may come when the last one has ended."""
        self.followed: set[str] = set()
        """The ids of the containers that are followed now."""

    def add(self, container: Container, query: LogQuery) -> None:
        """One more to follow."""
        from threading import Thread

        self._running += 1
        self.followed.add(container.id)
        Thread(target=self._follow, args=(container, query), daemon=True).start()

    def lines(self) -> Iterator[Line]:
        """The lines as they come, until the last container ended."""
        from queue import Empty

        while self._running or self.endless:
            batch: list[Line] = []
            deadline = 0.0
            while self._running or self.endless or batch:
                try:
                    item = self._queue.get(timeout=max(deadline - time.monotonic(), 0) if batch else 0.25)
                except Empty:
                    break
                if item is None:
                    self._running -= 1
                    if not self._running:
                        break
                    continue
                if not batch:
                    deadline = time.monotonic() + _WINDOW
                batch.append(item)
            yield from sorted(batch, key=lambda line: line.entry.time)

    def _follow(self, container: Container, query: LogQuery) -> None:
        from izba.engine.containers.logs import NoLog, read

        try:
            for entry in read(container, query):
                self._queue.put(Line(container=container, entry=entry))
        except (NoLog, OSError):
            pass
        finally:
            self.followed.discard(container.id)
            self._queue.put(None)
