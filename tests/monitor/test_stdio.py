"""A container's streams as the monitor holds them, where the other side is slow, or never at rest."""

from __future__ import annotations

import os
import tty

from izba.linux.loop import Loop
from izba.monitor.stdio import Input, Output


def test_input_that_a_terminal_does_not_take_waits_for_one_look_and_not_for_each_piece() -> None:
    """Nobody reads: with a look for each key that is pressed, the monitor would soon do nothing else."""
    loop = Loop()
    master, slave = os.openpty()
    tty.setraw(slave)
    stdin = Input(loop)
    stdin.open(master, owned=False)
    while stdin.is_idle:
        stdin.write(bytes(4096))
    for _ in range(100):
        stdin.write(b"k")
    assert loop.timers == 1

    def read() -> None:
        try:
            taken.extend(os.read(slave, 65536))
        except BlockingIOError:
            if stdin.is_idle:
                loop.stop()
                return
        loop.after(0.005, read)

    taken: list[int] = []
    os.set_blocking(slave, False)
    read()
    loop.run()
    assert bytes(taken[-100:]) == b"k" * 100
    assert loop.timers == 0
    os.close(master)
    os.close(slave)


def test_what_is_left_is_taken_and_no_more_of_what_is_written_without_end() -> None:
    """A writer as fast as the reader, as a process that outlives the init in the host's pid namespace may be."""
    loop = Loop()
    theirs, ours = os.pipe()[::-1]
    taken = []

    def write_again(_name: str, data: bytes) -> None:
        taken.append(len(data))
        if len(taken) < 10_000:
            os.write(theirs, data)

    output = Output(loop, "stdout", ours, write_again, lambda: None)
    os.write(theirs, bytes(65536))
    output.drain()

    assert sum(taken) == 1 << 20
    assert output.fd == ours
    output.close()
    os.close(theirs)
