"""A project of six web services: up until all answer, up again, scaled to ten, down. Docker's Compose is the wheel's.

Once with a network and published ports, as projects are; once without networks, which leaves the engines' own work. The
bench's dockerd has no iptables, so its ports are published by its proxies.
"""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench.harness import Goal, Measure
from bench.peers import Peer, give_image

WITHOUT_NETWORK = """
  {name}:
    image: busybox
    network_mode: none
    init: true
    command: [sh, -c, "touch /ready; exec sleep 1000"]
    stop_grace_period: 1s
    healthcheck: {{test: test -f /ready, interval: 1s}}
"""
WEB = """
  {name}:
    image: busybox
    init: true
    command: [sh, -c, "echo ready > /index.html; exec httpd -f -p 80 -h /"]
    ports: ["127.0.0.1:{port}:80"]
    stop_grace_period: 1s
"""
WORKER = """
  worker: {image: busybox, init: true, command: [sleep, "1000"], stop_grace_period: 1s}
"""
FIRST_PORT = 18480
THIRD = Goal(factor=1 / 3)


def project(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    give_image(peers, "busybox:latest", scratch)
    bare = "".join(WITHOUT_NETWORK.format(name=f"web{n}") for n in range(6))
    yield from _measures(peers, scratch / "compose.yaml", f"name: six\nservices:{bare}", "web0", ports=())
    ports = range(FIRST_PORT, FIRST_PORT + 6)
    webs = "".join(WEB.format(name=f"web{port - FIRST_PORT}", port=port) for port in ports)
    file = scratch / "networked" / "compose.yaml"
    file.parent.mkdir()
    yield from _measures(peers, file, f"name: sixnet\nservices:{webs}{WORKER}", "worker", ports=ports)


def large(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    """`config` of a file of a hundred services."""
    services = "".join(
        f"""
  service-{number}:
    <<: *common
    image: "registry.example.org/team/service-{number}:${{TAG:-1.0}}"
    build: {{context: ./s{number}, args: {{V: "{number}"}}}}
    ports: ["{8000 + number}:80"]
    volumes: ["data:/data", "./c{number}:/c:ro"]
    environment: {{SERVICE: service-{number}, LOG: "${{LOG:-info}}"}}
    depends_on: [service-{number - 1}]
    healthcheck: {{test: "true", interval: 10s, retries: 3}}
    networks: [front, back]"""
        for number in range(1, 100)
    )
    file = scratch / "compose.yaml"
    file.write_text(
        f"x-common: &common {{restart: always, labels: {{a: b}}}}\nservices:\n  service-0: {{image: busybox}}"
        f"{services}\nvolumes: {{data: }}\nnetworks: {{front: , back: }}\n"
    )
    compose = {name: _compose(peers[name], file) for name in ("izba", "docker") if name in peers}
    actions = {name: partial(run, "config") for name, run in compose.items()}
    yield Measure(name="compose config of 100 services", actions=actions, goals=(Goal(seconds=0.4),))


def _measures(
    peers: Mapping[str, Peer], file: Path, text: str, scaled: str, *, ports: range | tuple[int, ...]
) -> Iterator[Measure]:
    file.write_text(text)
    compose = {name: _compose(peers[name], file) for name in ("izba", "docker") if name in peers}
    how = "with a network" if ports else "without networks"

    def down(_peer: str) -> None:
        for run in compose.values():  # the ports are for one at a time
            run("down")

    def up(peer: str) -> None:
        down(peer)
        compose[peer]("up", "-d")

    def up_until_all_answer(run: Callable[..., str]) -> None:
        run("up", "-d")
        for port in ports:
            _await_answer(port)

    def measure(what: str, before: Callable[[str], object], goal: Goal, *args: str) -> Measure:
        actions: dict[str, Callable[[], object]] = {peer: partial(run, *args) for peer, run in compose.items()}
        if what == "up -d":
            actions = {peer: partial(up_until_all_answer, run) for peer, run in compose.items()}
        return Measure(
            name=f"compose {what}, six services {how}", actions=actions, before=before, runs=5, goals=(goal,)
        )

    yield measure("up -d", down, THIRD, "up", "-d")
    yield measure("up -d with nothing to do", up, Goal(seconds=0.3), "up", "-d")
    yield measure("up -d --scale to ten", up, THIRD, "up", "-d", "--scale", f"{scaled}=10")
    yield measure("down", up, THIRD, "down")
    down("")


def _await_answer(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/index.html")
            if connection.getresponse().read() == b"ready\n":
                return
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    raise RuntimeError(f"nothing answered on port {port}")


def _compose(peer: Peer, file: Path) -> Callable[..., str]:
    if peer.name == "izba":
        return partial(peer, "compose", "--file", str(file), "--progress", "quiet")
    real = Peer(peer.directory)
    real.name = "docker compose"
    real.argv = [str(Path(sys.prefix) / "bin" / "docker-compose"), "--file", str(file), "--progress", "quiet"]
    real.environment = peer.environment
    return real
