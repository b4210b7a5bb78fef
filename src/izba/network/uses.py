"""That a network stays as it is while a container is being connected to it.

A start holds its networks from before it looks at their rows until its container is known to run; who removes a
network, or its bridge, waits for all of these and keeps new ones waiting. So a start finds the network whole, or gone.

The locks are flock(2) on files of the run directory, shared by starts. They end with their last descriptor: one that is
passed on, by a command to the monitor and by that to the starter, outlives whoever of them is killed.
"""

from __future__ import annotations

import fcntl
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    from izba.network.plan import NetworkPlan

PATIENCE = 10.0
"""Seconds that a removal waits for containers that are being started."""
_PAUSE = 0.005


class Uses:
    """`with Uses(run) as uses:` what is taken is held until the end, here; `run` is the networks' run directory."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._held: dict[str, int] = {}

    @property
    def fds(self) -> list[int]:
        """What holds them, to be passed on."""
        return list(self._held.values())

    def take(self, networks: Iterable[str]) -> None:
        """Hold these, by id, too. Waits for whoever removes one: not within a transaction, which that waits for."""
        for network in networks:
            if network not in self._held:
                self._held[network] = fd = _open(self._run, network)
                fcntl.flock(fd, fcntl.LOCK_SH)

    def cover(self, networks: Iterable[str]) -> bool:
        """Whether all of these are held."""
        return self._held.keys() >= set(networks)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for fd in self._held.values():
            os.close(fd)
        self._held.clear()


def held(plan: NetworkPlan) -> list[int]:
    """The plan's networks held, by descriptors that are the caller's to close or to pass on."""
    uses = Uses(plan.run)
    uses.take(link.network for link in plan.links)
    return uses.fds


class StillUsed(Exception):
    """Somebody holds the network."""


class Unused:
    """`with Unused(run, network):` nobody has it or gets it. Raises `StillUsed` after `patience` seconds."""

    def __init__(self, run: str, network: str, *, patience: float = 0.0) -> None:
        self._run = run
        self._network = network
        self._patience = patience
        self._fd = -1

    def forget(self) -> None:
        """The network has no row any more: who waits for it will see that."""
        os.unlink(_path(self._run, self._network))

    def __enter__(self) -> Self:
        deadline = time.monotonic() + self._patience
        fd = _open(self._run, self._network)
        try:
            while not _is_taken(fd):
                if time.monotonic() >= deadline:
                    raise StillUsed
                time.sleep(_PAUSE)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)  # a child of another thread's may have the descriptor
        os.close(self._fd)


def _is_taken(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _path(run: str, network: str) -> str:
    return f"{run}/uses/{network}"


def _open(run: str, network: str) -> int:
    path, flags = _path(run, network), os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        return os.open(path, flags, 0o600)
