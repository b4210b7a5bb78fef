"""The FastAPI service: everything cached, and with one source file changed."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.harness import Goal, Measure
from bench.peers import Peer, give_image

HELLO = Path(__file__).parents[2] / "examples" / "hello"


def service(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "python:3.11-slim", scratch)
    contexts = {}
    for name, peer in peers.items():
        contexts[name] = scratch / f"context-{name}"
        shutil.copytree(HELLO, contexts[name])
        if name != "izba":
            _trust_the_host(peer, scratch)
    classic = scratch / "context-classic"
    shutil.copytree(HELLO, classic)

    def build(name: str) -> None:
        match name:
            case "izba":
                peers["izba"]("build", "-t", "service", str(contexts["izba"]))
            case "docker":
                peers["docker"](
                    "build", "--network", "host", "-t", "service", str(contexts["docker"]), env={"DOCKER_BUILDKIT": "1"}
                )
            case "docker classic":
                peers["docker"](
                    "build", "--network", "host", "-t", "classic", str(classic), env={"DOCKER_BUILDKIT": "0"}
                )
            case "podman":
                peers["podman"]("build", "--layers", "--network", "host", "-t", "service", str(contexts["podman"]))

    names = [name for name in ("izba", "docker", "docker classic", "podman") if name.partition(" ")[0] in peers]
    actions = {name: partial(build, name) for name in names}
    yield Measure(
        name="build of a FastAPI service, everything cached",
        actions=actions,
        warmups=1,
        runs=9,
        goals=(Goal(factor=0.5), Goal(seconds=0.150)),
    )
    counter = itertools.count()

    def change(name: str) -> None:
        directory = classic if name == "docker classic" else contexts[name]
        source = directory / "main.py"
        source.write_text((HELLO / "main.py").read_text() + f"\n# change {next(counter)}\n")

    yield Measure(
        name="the same build with one source file changed",
        actions=actions,
        before=change,
        runs=9,
        goals=(Goal(factor=1.0),),
    )


def _trust_the_host(peer: Peer, scratch: Path) -> None:
    """Peers do not lend the host's CA bundle to a build: give it to their base image, so that pip works there too."""
    bundle = os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt"
    directory = scratch / f"trust-{peer.name}"
    directory.mkdir()
    shutil.copy(bundle, directory / "ca.crt")
    (directory / "Dockerfile").write_text(
        "FROM python:3.11-slim\nCOPY ca.crt /host-ca.crt\nENV SSL_CERT_FILE=/host-ca.crt PIP_CERT=/host-ca.crt\n"
    )
    peer("build", "-t", "python:3.11-slim", str(directory), env={"DOCKER_BUILDKIT": "1"})
