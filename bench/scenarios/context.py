"""Contexts that are large in number or in bytes, and images made of them as archives."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.harness import Goal, Measure
from bench.peers import Peer, give_image


def many_files(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    contexts = {name: _tree(scratch / name, files=20_000, size=2_000) for name in peers}
    yield from _builds("20,000 small files", peers, contexts, scratch)


def large_file(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    contexts = {name: _tree(scratch / name, files=30, size=10 << 20) for name in peers}
    yield from _builds("300 MB", peers, contexts, scratch)


def archives(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "busybox:latest", scratch)
    for name, peer in peers.items():
        image_of_a_tree(peer, scratch / f"context-{name}")
    yield Measure(
        name="save of 20,000 small files and 300 MB",
        actions={name: partial(peers[name], "save", "-o", str(scratch / f"{name}.tar"), "context") for name in peers},
        before=lambda name: (scratch / f"{name}.tar").unlink(missing_ok=True),
        warmups=0,
        runs=3,
        goals=(Goal(factor=0.5),),
    )

    def forget(name: str) -> None:
        peers[name]("rmi", "-f", "context")
        if name == "izba":
            peers[name]("builder", "prune", "--all", "--force")
            peers[name]("image", "prune", "--force")
        elif name == "docker":
            peers[name]("builder", "prune", "--all", "--force")
        os.sync()

    yield Measure(
        name="load of it",
        actions={name: partial(peers[name], "load", "-i", str(scratch / f"{name}.tar")) for name in peers},
        before=forget,
        warmups=0,
        runs=3,
        goals=(Goal(factor=0.5),),
    )


def image_of_a_tree(peer: Peer, directory: Path) -> None:
    """Make the image `context`: 20,000 small files and 300 MB on busybox."""
    _tree(directory, files=20_000, size=2_000)
    _tree(directory, files=30, size=10 << 20, below="large")
    _build(peer, directory)


def _builds(what: str, peers: Mapping[str, Peer], contexts: Mapping[str, Path], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "busybox:latest", scratch)
    actions = {name: partial(_build, peers[name], contexts[name]) for name in peers}
    counter = itertools.count()

    def forget(name: str) -> None:
        if name == "podman":
            peers[name]("rmi", "-af")
            peers[name]("load", "-i", str(scratch / "base.tar"))
        else:
            peers[name]("builder", "prune", "--all", "--force")
        os.sync()

    peers["izba"]("save", "-o", str(scratch / "base.tar"), "busybox:latest")
    yield Measure(
        name=f"COPY . . of {what}, cold",
        actions=actions,
        before=forget,
        warmups=0,
        runs=3,
        goals=(Goal(factor=1.0),),
    )
    yield Measure(name=f"COPY . . of {what}, unchanged", actions=actions, runs=5, goals=(Goal(factor=0.5),))

    def add(name: str) -> None:
        (contexts[name] / f"added-{next(counter)}").write_text("a new file\n")

    yield Measure(
        name=f"COPY . . of {what}, one file added",
        actions=actions,
        before=add,
        warmups=0,
        runs=3,
        goals=(Goal(factor=0.5),),
    )


def _build(peer: Peer, context: Path) -> None:
    layers = ["--layers"] if peer.name == "podman" else []
    peer("build", *layers, "-t", "context", str(context), env={"DOCKER_BUILDKIT": "1"})


def _tree(directory: Path, *, files: int, size: int, below: str = "tree") -> Path:
    """A context with `files` files of about `size` random bytes each, a hundred to a directory."""
    source = random.Random(below)
    for number in range(files):
        folder = directory / below / f"{number // 100:04}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        (folder / f"{number % 100:02}.dat").write_bytes(source.randbytes(size))
    (directory / "Dockerfile").write_text("FROM busybox\nWORKDIR /data\nCOPY . .\n")
    return directory
