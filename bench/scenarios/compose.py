"""A project of six services: up, up again, scaled to ten, down. Docker's Compose is the one of the wheel.

Without networks on either side: the bench's dockerd has no bridge.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.harness import Goal, Measure
from bench.peers import Peer, give_image

SERVICE = """
  {name}:
    image: busybox
    network_mode: none
    init: true
    command: [sh, -c, "touch /ready; exec sleep 1000"]
    stop_grace_period: 1s
    healthcheck: {{test: test -f /ready, interval: 1s}}
"""


def project(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "busybox:latest", scratch)
    file = scratch / "compose.yaml"
    file.write_text("name: six\nservices:" + "".join(SERVICE.format(name=f"web{n}") for n in range(6)))
    compose = {name: _compose(peers[name], file) for name in ("izba", "docker") if name in peers}

    def measure(name: str, before: Callable[[str], object], goal: Goal, *args: str) -> Measure:
        actions = {peer: partial(run, *args) for peer, run in compose.items()}
        return Measure(name=name, actions=actions, before=before, runs=5, goals=(goal,))

    def down(peer: str) -> None:
        compose[peer]("down")

    def up(peer: str) -> None:
        compose[peer]("up", "-d")

    def one(peer: str) -> None:
        compose[peer]("up", "-d", "--scale", "web0=1")

    third = Goal(factor=1 / 3)
    yield measure("compose up -d of six services", down, third, "up", "-d")
    yield measure("compose up -d with nothing to do", up, Goal(seconds=0.3), "up", "-d")
    yield measure("compose up -d --scale web0=10", one, third, "up", "-d", "--scale", "web0=10")
    yield measure("compose down", up, third, "down")
    for run in compose.values():
        run("down")


def _compose(peer: Peer, file: Path) -> Callable[..., str]:
    if peer.name == "izba":
        return partial(peer, "compose", "--file", str(file), "--progress", "quiet")
    real = Peer(peer.directory)
    real.name = "docker compose"
    real.argv = [str(Path(sys.prefix) / "bin" / "docker-compose"), "--file", str(file), "--progress", "quiet"]
    real.environment = peer.environment
    return real
