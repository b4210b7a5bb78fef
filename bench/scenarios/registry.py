"""An image of many small files and 300 MB, to and from Debian's docker-registry on loopback."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from bench.harness import Goal, Measure
from bench.peers import Peer, give_image
from bench.scenarios.context import image_of_a_tree


def transfers(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "busybox:latest", scratch)
    for name, peer in peers.items():
        image_of_a_tree(peer, scratch / f"context-{name}")
    with _registries(peers, scratch) as hosts:
        names = {name: f"{host}/bench/context" for name, host in hosts.items()}
        for name, peer in peers.items():
            peer("tag", "context", names[name])
        push = {name: partial(_transfer, peers[name], "push", names[name]) for name in peers}
        pull = {name: partial(_transfer, peers[name], "pull", names[name]) for name in peers}

        def empty_registry(name: str) -> None:
            shutil.rmtree(scratch / name / "storage" / "docker", ignore_errors=True)
            subprocess.run(["sync", "-f", scratch], check=True)

        def empty_store(name: str) -> None:
            _forget_images(peers[name], names[name])
            subprocess.run(["sync", "-f", scratch], check=True)

        what = "of 20,000 small files and 300 MB"
        yield Measure(
            name=f"push {what}, the registry empty",
            actions=push,
            before=empty_registry,
            warmups=0,
            runs=3,
            goals=(Goal(factor=0.5),),
        )
        yield Measure(name="push of what is there", actions=push, goals=(Goal(seconds=0.15),))
        yield Measure(
            name=f"pull {what}, unpacked, the store empty",
            actions=pull,
            before=empty_store,
            warmups=0,
            runs=3,
            goals=(Goal(factor=0.5),),
        )
        yield Measure(name="pull of what is there", actions=pull, goals=(Goal(seconds=0.15),))


def _transfer(peer: Peer, verb: str, name: str) -> None:
    plain = ["--tls-verify=false"] if peer.name == "podman" else []
    peer(verb, *plain, name)


def _forget_images(peer: Peer, name: str) -> None:
    """Have no layer of the image in the store, nor what a build remembers of it."""
    if peer.name == "podman":
        peer("rmi", "-af")
        return
    for image in ("context", name):
        try:
            peer("rmi", "-f", image)
        except RuntimeError:
            continue  # another turn removed it
    peer("builder", "prune", "--all", "--force")
    if peer.name == "izba":
        peer("image", "prune", "--force")


@contextmanager
def _registries(peers: Mapping[str, Peer], scratch: Path) -> Iterator[dict[str, str]]:
    """A registry of its own for each contestant, so that none finds another's blobs; their addresses."""
    hosts, processes = {}, []
    try:
        for name in peers:
            directory = scratch / name
            directory.mkdir()
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                host = f"127.0.0.1:{free.getsockname()[1]}"
            (directory / "config.yml").write_text(
                "version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\n"
                f"storage: {{filesystem: {{rootdirectory: {directory}/storage}}}}\nhttp: {{addr: '{host}'}}\n"
            )
            with (directory / "log").open("w") as log:
                command = ["docker-registry", "serve", directory / "config.yml"]
                processes.append(subprocess.Popen(command, stdout=log, stderr=log))
            _wait_for(host)
            hosts[name] = host
        yield hosts
    finally:
        for process in processes:
            process.terminate()
            process.wait()


def _wait_for(host: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    for _ in range(100):
        try:
            opener.open(f"http://{host}/v2/", timeout=2).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"docker-registry does not answer on {host}")
