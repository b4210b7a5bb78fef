"""The loop that asks for a while before it sleeps, and the one that does not."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from izba.linux.loop import READ, Loop

EAGER = 0.005


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        yield here, there


@pytest.mark.parametrize("eager", [0.0, EAGER])
def test_messages_timers_and_the_end_come_either_way(pair: tuple[socket.socket, socket.socket], eager: float) -> None:
    loop, (here, there) = Loop(eager=eager), pair
    seen: list[bytes] = []

    def answer(_events: int) -> None:
        seen.append(here.recv(100))
        here.send(seen[-1])
        if seen[-1] == b"300":
            loop.after(0.02, loop.stop)

    def ask() -> None:
        for number in range(301):
            there.send(str(number).encode())
            assert there.recv(100) == str(number).encode()

    loop.watch(here.fileno(), READ, answer)
    asking = threading.Thread(target=ask)
    asking.start()
    loop.run()
    asking.join()

    assert seen == [str(number).encode() for number in range(301)]


def test_one_that_nothing_comes_to_sleeps_however_eager_it_was(pair: tuple[socket.socket, socket.socket]) -> None:
    loop, (here, there) = Loop(eager=EAGER), pair

    def answer(_events: int) -> None:
        if here.recv(100) == b"199":
            loop.after(1.0, loop.stop)
        else:
            there.send(b"199" if left.pop() == 0 else b"more")

    left = list(range(50))
    loop.watch(here.fileno(), READ, answer)
    there.send(b"first")
    began, spent = time.monotonic(), time.process_time()
    loop.run()

    assert time.monotonic() - began >= 1.0
    assert time.process_time() - spent < 0.3, "it asked all the while"


def test_on_a_machine_with_one_processor_it_sleeps_at_once() -> None:
    every = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(every)})
        assert Loop(eager=EAGER)._eager == 0.0
    finally:
        os.sched_setaffinity(0, every)


def test_a_descriptor_that_has_the_number_of_a_closed_one_is_not_given_its_events() -> None:
    """Both are ready in one turn; the first to be called closes the other and opens another under its number."""
    loop = Loop()
    pairs = [socket.socketpair() for _ in range(2)]
    calls: list[str] = []
    fresh: list[socket.socket] = []

    def replace(closed: socket.socket) -> None:
        if fresh:
            return
        number = closed.fileno()
        loop.unwatch(number)
        closed.close()
        opened, there = socket.socketpair()
        fresh.extend((opened, there))
        assert opened.fileno() == number
        loop.watch(number, READ, lambda _events: calls.append("fresh"))

    for (here, there), (other, _) in zip(pairs, reversed(pairs), strict=True):
        loop.watch(here.fileno(), READ, lambda _events, other=other: replace(other))
        there.send(b"x")
    loop.after(0, loop.stop)
    loop.run()

    assert len(fresh) == 2
    assert calls == []
    for each in (*fresh, *(each for pair in pairs for each in pair)):
        each.close()
