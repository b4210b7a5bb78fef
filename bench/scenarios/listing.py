"""Lists of a thousand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.harness import Goal, Measure
from bench.peers import Peer, give_image


def listing(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "busybox:latest", scratch)
    context = scratch / "context"
    context.mkdir()
    for number in range(1000):
        for name in ("izba", "docker"):
            if name not in peers:
                continue
            (context / "Dockerfile").write_text(f"FROM busybox\nLABEL number={number}\n")
            peers[name]("build", "-q", "-t", f"many:{number}", str(context), env={"DOCKER_BUILDKIT": "1"})
            peers[name]("create", "--network", "none", f"many:{number}", "true")
    contestants = {name: peers[name] for name in ("izba", "docker") if name in peers}
    for command in (("ps", "--all"), ("images",)):
        yield Measure(
            name=f"{command[0]} with 1,000 containers and 1,000 images",
            actions={name: partial(peer, *command) for name, peer in contestants.items()},
            runs=9,
            goals=(Goal(seconds=0.150),),
        )
