"""Networks: starting on a bridge, names, published ports. root's contestants and those of ordinary users."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench import ownnetwork
from bench.harness import Goal, Measure
from bench.peers import Peer

_MANY, _AT_ONCE = 100, 20


def start(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    with ownnetwork.contestants(peers["izba"], scratch) as found:
        yield Measure(
            name="run --rm busybox true, on a bridge",
            actions={name: partial(peer, "run", "--rm", "busybox", "true") for name, peer in found.items()},
            runs=15,
            warmups=2,
            goals=(Goal(factor=0.25),),
        )
        yield Measure(
            name=f"{_AT_ONCE} containers started at once on a bridge",
            actions={name: partial(_at_once, peer) for name, peer in found.items()},
            before=lambda name: _remove(found[name]),
            runs=3,
            goals=(Goal(factor=1 / 3),),
        )
        for peer in found.values():
            _remove(peer)


def _at_once(peer: Peer) -> None:
    """Until the last command has come back."""
    commands = [
        subprocess.Popen(
            [*peer.argv, "run", "-d", "--name", f"bench{number}", "busybox", "sleep", "1000"],
            env=peer.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for number in range(_AT_ONCE)
    ]
    if codes := [command.wait() for command in commands if command.wait()]:
        raise RuntimeError(f"{peer.name}: {len(codes)} of {_AT_ONCE} did not start")


def _remove(peer: Peer) -> None:
    if ids := peer("ps", "--all", "--quiet").split():
        peer("rm", "--force", *ids)


def many(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    """Not timed in turns: each start is compared with the first ones of the same contestant."""
    with ownnetwork.contestants(peers["izba"], scratch) as found:
        print(
            f"\n{_MANY} containers on one network, one after another: milliseconds of the first ten, and the last ten"
        )
        for name, peer in ownnetwork.by_name(found, "izba", "docker").items():
            peer("network", "create", "bench")
            seconds = []
            for number in range(_MANY):
                began = time.perf_counter()
                peer("run", "-d", "--name", f"c{number}", "--network", "bench", "busybox", "sleep", "1000")
                seconds.append(time.perf_counter() - began)
            first, last = statistics.median(seconds[:10]), statistics.median(seconds[-10:])
            asked = _everybody_asks(peer)
            verdict = ""
            if name == "izba":
                verdict = "   within 20 %: " + ("met" if last <= 1.2 * first else "MISSED")
            print(f"  {name:<10}{first * 1000:8.1f} {last * 1000:8.1f}   {asked} names answered{verdict}", flush=True)
            _remove(peer)
            peer("network", "rm", "bench")
    yield from ()


ASK = """
import socket, struct, sys
wanted, correct = [name.split("=") for name in sys.argv[1:]], 0
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
    client.settimeout(5)
    client.connect(("127.0.0.11", 53))
    for number, (name, address) in enumerate(wanted):
        head = struct.pack(">6H", number, 0x100, 1, 0, 0, 0)
        client.send(head + bytes([len(name)]) + name.encode() + b"\\0\\0\\1\\0\\1")
        correct += socket.inet_aton(address) == client.recv(512)[-4:]
print(correct)
"""


def _everybody_asks(peer: Peer) -> str:
    """Each container asks for the names of all."""
    found = {}
    for each in json.loads(peer("inspect", *(f"c{number}" for number in range(_MANY)))):
        address = each["NetworkSettings"]["Networks"]["bench"]["IPAddress"]
        found[each["Name"].lstrip("/")] = (each["State"]["Pid"], address)
    names = [f"{name}={address}" for name, (_, address) in found.items()]
    right = sum(int(_within(pid, ASK, *names)) for pid, _ in found.values())
    return f"{right} of {len(found) ** 2}"


def _within(pid: int, script: str, *args: str) -> str:
    command = ["nsenter", f"--net=/proc/{pid}/ns/net", sys.executable, "-I", "-S", "-c", script, *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


LOOK_UP = """
import socket, struct, sys, time
name, rate, seconds = sys.argv[1].encode(), int(sys.argv[2]), float(sys.argv[3])
question = b"".join(bytes([len(part)]) + part for part in name.split(b".")) + b"\\0\\0\\1\\0\\1"
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
client.connect(("127.0.0.11", 53))
client.setblocking(False)
sent = 0
got = set()

def receive():
    while True:
        try:
            got.add(client.recv(512)[:2])
        except BlockingIOError:
            return

began = time.perf_counter()
while sent < rate * seconds:
    while sent < min(rate * seconds, (time.perf_counter() - began) * rate if rate < 1 << 15 else len(got) + 16):
        client.send(struct.pack(">6H", sent, 0x100, 1, 0, 0, 0) + question)
        sent += 1
    receive()
    time.sleep(0.0005)
until = time.perf_counter() + 3
while len(got) < sent and time.perf_counter() < until:
    receive()
    time.sleep(0.0005)
print(len(got))
"""


def names(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    with ownnetwork.contestants(peers["izba"], scratch) as found:
        asking = ownnetwork.by_name(found, "izba", "docker")
        pids = {}
        for name, peer in asking.items():
            peer("network", "create", "bench")
            for container in ("web", "client"):
                peer("run", "-d", "--name", container, "--network", "bench", "busybox", "sleep", "1000")
            pids[name] = int(peer("inspect", "--format", "{{.State.Pid}}", "client"))
        for rate in (1000, 2000, 4000):
            yield Measure(
                name=f"look-ups answered of {3 * rate}, at {rate} a second",
                actions={name: partial(_within, pid, LOOK_UP, "web", str(rate), "3") for name, pid in pids.items()},
                runs=3,
                warmups=0,
                unit="look-ups",
                goals=(Goal(figure=3 * rate),) if rate == 1000 else (),
            )
        for peer in asking.values():
            _remove(peer)
            peer("network", "rm", "bench")


# -- published ports


def published(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    with ownnetwork.contestants(peers["izba"], scratch) as found, _serving(found) as ports:
        yield from _measures(ports, (Goal(factor=1.0, peer="podman"),), (Goal(factor=0.9, peer="podman"),))


def published_rootless(peers: Mapping[str, Peer], scratch: Path) -> Iterator[Measure]:
    archives = ownnetwork.images(peers["izba"], scratch)
    with ownnetwork.contestants(peers["izba"], scratch) as found, ownnetwork.users_contestants(archives) as users:
        serving = ownnetwork.by_name(found, "docker", "podman") | users
        options = {}
        if podman := users.get("podman rootless"):
            for handler in ("slirp4netns", "rootlesskit"):
                serving[f"podman {handler}"] = podman
                options[f"podman {handler}"] = ("--network", f"slirp4netns:port_handler={handler}")
            del serving["podman rootless"]
        serving["izba slirp4netns"] = users["izba range"]
        options["izba slirp4netns"] = ("--network", "slirp4netns")
        with _serving(serving, options) as published, _limits(found["izba"]) as limits:
            ports = published | limits
            kinds = ("izba range", "izba single")
            requests = tuple(
                Goal(factor=factor, peer=peer, izba=kind)
                for kind in kinds
                for factor, peer in ((1.0, "docker"), (2.0, "podman slirp4netns"), (2.0, "izba slirp4netns"))
            )
            bulk = tuple(
                Goal(factor=factor, peer=peer, izba=kind)
                for kind in kinds
                for factor, peer in (
                    (0.9, "podman rootlesskit"),
                    (2.0, "podman slirp4netns"),
                    (2.0, "izba slirp4netns"),
                )
            )
            yield from _measures(ports, requests, bulk)


@contextlib.contextmanager
def _serving(
    peers: Mapping[str, Peer], options: Mapping[str, tuple[str, ...]] | None = None
) -> Iterator[dict[str, int]]:
    """A web server of each, and where it is published."""
    ports = {}
    for number, (name, peer) in enumerate(peers.items()):
        port = 8100 + number
        args = ("--name", f"web{number}", "-p", f"127.0.0.1:{port}:80", *(options or {}).get(name, ()))
        try:
            peer("run", "-d", *args, "nginx")
            _wait_for(port)
        except RuntimeError as error:
            print(f"  {name} does not serve: {error}")
            continue
        ports[name] = port
    try:
        yield ports
    finally:
        for number, peer in enumerate(peers.values()):
            with contextlib.suppress(RuntimeError):
                peer("rm", "--force", f"web{number}")


@contextlib.contextmanager
def _limits(izba: Peer) -> Iterator[dict[str, int]]:
    """What this machine allows: the web server on the host's own network, and behind a relay in C that does nothing
    else (HAProxy in TCP mode, where it is installed).
    """
    direct, relayed = 80, 8199
    izba("run", "-d", "--name", "direct", "--network", "host", "nginx")
    try:
        _wait_for(direct)
        ports = {"no relay": direct}
        with contextlib.ExitStack() as kept:
            if haproxy := shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin"):
                kept.enter_context(_haproxy(haproxy, relayed, direct))
                ports["haproxy"] = relayed
            yield ports
    finally:
        izba("rm", "--force", "direct")


@contextlib.contextmanager
def _haproxy(program: str, listen: int, server: int) -> Iterator[None]:
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as configuration:
        configuration.write(
            f"""
            defaults
                mode tcp
                option splice-auto
                timeout connect 5s
                timeout client 60s
                timeout server 60s
            listen relay
                bind 127.0.0.1:{listen}
                server web 127.0.0.1:{server}
"""
        )
        configuration.flush()
        with subprocess.Popen([program, "-db", "-f", configuration.name]) as process:
            try:
                _wait_for(listen)
                yield
            finally:
                process.kill()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=2) as client:
                client.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if client.recv(100).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"nobody answers on port {port}")


def _measures(ports: Mapping[str, int], requests: tuple[Goal, ...], bulk: tuple[Goal, ...]) -> Iterator[Measure]:
    def measure(name: str, unit: str, action: Callable[[int], float], goals: tuple[Goal, ...]) -> Measure:
        actions = {peer: partial(action, port) for peer, port in ports.items()}
        return Measure(name=name, unit=unit, actions=actions, goals=goals, runs=5)

    yield measure("requests through a published port, 1 connection", "requests/s", partial(_wrk, 1), requests)
    yield measure("requests through a published port, 32 connections", "requests/s", partial(_wrk, 32), requests)
    yield measure("bulk data out of a published port", "Gbit/s", _bulk, bulk)


def _wrk(connections: int, port: int) -> float:
    command = ["wrk", "-t1", f"-c{connections}", "-d2s", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", said)
    if found is None or "Socket errors" in said or "Non-2xx" in said:
        raise RuntimeError(f"wrk: {said}")
    return float(found[1])


def _bulk(port: int) -> float:
    """Four times half a gigabyte, on one connection."""
    buffer = bytearray(1 << 20)
    received = 0
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        began = time.perf_counter()
        for _ in range(4):
            client.sendall(b"GET /bulk HTTP/1.1\r\nHost: bench\r\n\r\n")
            wanted = received + (512 << 20)
            while received < wanted:
                count = client.recv_into(buffer)
                if not count:
                    raise RuntimeError("the connection ended early")
                received += count
    return received * 8 / (time.perf_counter() - began) / 1e9
