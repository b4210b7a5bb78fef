"""Messages between izba's processes, longer than a packet and with more descriptors than there is room for."""

from __future__ import annotations

import os
import resource
import threading

import pytest

from izba.linux import wire


def test_a_message_longer_than_a_packet_comes_whole_and_with_its_descriptors() -> None:
    """Three thousand published ports are a message of this length."""
    value = {"places": [["tcp", "172.17.0.2", number] for number in range(200_000)], "first": "\x01"}
    ours, theirs = wire.pair()
    read, write = os.pipe()
    sender = threading.Thread(target=lambda: [wire.send(theirs, each, fds=(read,)) for each in (value, "short")])
    sender.start()
    for expected in (value, "short"):
        got, (fd,) = wire.receive(ours)
        assert got == expected
        assert os.path.sameopenfile(fd, read)
        os.close(fd)
    sender.join()
    for fd in (read, write):
        os.close(fd)
    for each in (ours, theirs):
        each.close()


def test_descriptors_that_there_is_no_room_for_are_an_error_and_none_stays() -> None:
    """unix(7): the kernel drops them, and says so in a flag."""
    ours, theirs = wire.pair()
    wire.send(theirs, {}, fds=(0, 1, 2, 0, 1, 2))
    wire.send(theirs, "next")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = sorted(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before) + 3, hard))
    taken = []
    try:
        while True:
            taken.append(os.dup(0))
    except OSError:
        for fd in taken[-2:]:
            os.close(fd)
    try:
        with pytest.raises(OSError, match="Too many open files"):
            wire.receive(ours)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for fd in taken[:-2]:
            os.close(fd)
    assert wire.receive(ours) == ("next", [])
    for each in (ours, theirs):
        each.close()
