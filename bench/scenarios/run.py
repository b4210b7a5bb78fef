"""Starting a container, entering one, and what one costs while it idles."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.harness import Goal, Measure
from bench.peers import Docker, Peer, give_image


def run(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "busybox:latest", scratch)

    yield Measure(
        name="run --rm --network none busybox true",
        actions={
            name: partial(peer, "run", "--rm", "--network", "none", "busybox", "true") for name, peer in peers.items()
        },
        runs=15,
        warmups=2,
        goals=(Goal(factor=0.25), Goal(seconds=0.060)),
    )


def exec_(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "busybox:latest", scratch)
    for peer in peers.values():
        peer("run", "-d", "--name", "bench-exec", "--network", "none", "busybox", "sleep", "3600")
    yield Measure(
        name="exec CONTAINER true",
        actions={name: partial(peer, "exec", "bench-exec", "true") for name, peer in peers.items()},
        runs=15,
        warmups=2,
        goals=(Goal(factor=1.0),),
    )
    for peer in peers.values():
        peer("rm", "-f", "bench-exec")


IDLE = 8.0
"""Seconds after which a container counts as idle."""

PSS_GOAL = 3 << 10
"""Kibibytes that all of izba's processes may have for an idle container."""


def memory(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    """Not a time but a size: what izba's processes keep for an idle container, beside the peers'."""
    give_image(peers, "busybox:latest", scratch)
    print("\nprivate memory (PSS) of an idle detached container, the container's own process aside")
    for name, peer in peers.items():
        peer("run", "-d", "--name", "bench-idle", "--network", "none", "busybox", "sleep", "3600")
        pid = int(peer("inspect", "--format", "{{.State.Pid}}", "bench-idle"))
        time.sleep(IDLE)
        supervisors = [_parent(pid)]
        daemons = peer.daemons() if isinstance(peer, Docker) else []
        pss = _pss(supervisors)
        print(f"  {name:<16}{pss / 1024:7.3f} MB a container" + _daemons(daemons))
        if name == "izba":
            print(f"  goal: at most {PSS_GOAL >> 10} MB: {'met' if pss <= PSS_GOAL else 'MISSED'}")
        peer("rm", "-f", "bench-idle")
    yield from ()


LINES = ("sh", "-c", "dd if=/dev/zero bs=1M count=50 2>/dev/null | tr '\\0' 'a' | fold")
"""Fifty megabytes in lines of eighty characters."""


def output(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    """What a container writes: kept by its log, shown to somebody attached, and read again."""
    give_image(peers, "busybox:latest", scratch)

    def detached(peer: Peer) -> None:
        whole = ("--log-opt", "max-size=-1") if peer.name == "izba" else ()  # the peers keep all that is written
        peer("run", "-d", "--name", "bench-output", "--network", "none", *whole, "busybox", *LINES)
        peer("wait", "bench-output")

    def remove(name: str) -> None:
        subprocess.run(
            [*peers[name].argv, "rm", "-f", "bench-output"],
            env=peers[name].environment,
            capture_output=True,
            check=False,
        )

    yield Measure(
        name="50 MB of lines, run -d and wait",
        actions={name: partial(detached, peer) for name, peer in peers.items()},
        before=remove,
        runs=3,
        goals=(Goal(factor=1.0),),
    )
    yield Measure(
        name="50 MB of lines, logs",
        actions={name: partial(peer, "logs", "bench-output") for name, peer in peers.items()},
        runs=3,
        goals=(Goal(factor=1.0),),
    )
    for name in peers:
        remove(name)
    yield Measure(
        name="50 MB of lines, run --rm attached",
        actions={
            name: partial(peer, "run", "--rm", "--network", "none", "busybox", *LINES) for name, peer in peers.items()
        },
        runs=3,
        goals=(Goal(factor=1.0),),
    )


def _daemons(pids: list[int]) -> str:
    return f", and {_pss(pids) / 1024:.1f} MB of daemons" if pids else ""


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _pss(pids: list[int]) -> int:
    """Kibibytes; shared pages are divided among those who share them."""
    done = subprocess.run(
        ["grep", "-h", "^Pss:", *(f"/proc/{pid}/smaps_rollup" for pid in pids)],
        capture_output=True,
        text=True,
        check=False,
    )
    return sum(int(line.split()[1]) for line in done.stdout.splitlines())
