"""Command lines about networks for izba and for the real docker, each in a network namespace of its own.

Output, exit codes and whether there is something on stderr are compared. What Docker accepts and izba refuses with a
reason (IPv6, links, drivers, unknown options) is not among them.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.archive import peers

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.peer("dockerd", "docker", "busybox")]

SCRIPT = [
    line.strip()
    for line in """
    import -c 'CMD ["sh"]' ARCHIVE busybox
    network ls
    network ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.IPv6}} {{.Internal}}'
    network ls --format raw
    network ls -q -f name=none
    network ls --format '{{.Nonsense}}'
    network ls -f foo=bar
    network ls -f type=nonsense
    network ls -f dangling=maybe
    network create
    network create n2 --subnet 10.1.2.0/24 --label a=b --label c
    network create n2
    network create bridge
    network create none
    network create default
    network create ''
    network create -d nonsense n3
    network create -d host n3
    network create --subnet nonsense n3
    network create --subnet 10.1.0.0/33 n3
    network create --subnet 10.1.2.0/23 n3
    network create --subnet 10.2.0.0/24 --subnet 10.3.0.0/24 n3
    network create --subnet 10.2.0.0/24 --gateway 10.3.0.1 n3
    network create --gateway 10.2.0.1 n3
    network create --subnet 10.2.0.0/24 --ip-range 10.3.0.0/24 n3
    network create --subnet 10.2.0.0/24 --aux-address r=10.5.0.1 n3
    network create --subnet 10.2.0.0/24 --aux-address nonsense n3
    network create --subnet 10.2.0.0/31 n3
    network create -o com.docker.network.driver.mtu=x n3
    network create -o BRIDGE=much-too-long-a-name n3
    network create --scope swarm n3
    network create --label =x n3
    network create --internal=maybe n3
    network create --internal --attachable --subnet 10.4.0.0/24 --aux-address r=10.4.0.9 --gateway 10.4.0.254 n11
    network create --subnet 10.5.0.0/24 --gateway 10.5.0.1 --ip-range 10.5.0.8/29 -o BRIDGE=br-mine n3
    network create --subnet 10.6.0.0/24 -o BRIDGE=br-mine n4
    network ls --format '{{.Name}} {{.Internal}} {{.Label "a"}}'
    network ls --format '{{.Name}}' -f label=a=b -f label=c
    network ls --format '{{.Name}}' -f driver=bridge -f type=custom
    network ls --format '{{.Name}}' -f dangling=true
    network inspect -f '{{json .IPAM}} {{json .Options}} {{.Internal}} {{.Attachable}}' n11 n3
    network inspect -f '{{json .Labels}} {{json .Containers}} {{json .ConfigFrom}} {{.Ingress}}' n2
    network inspect -f '{{index .Options "com.docker.network.bridge.default_bridge"}}' bridge
    network inspect -f '{{.Driver}} {{.Scope}} {{json .Labels}} {{.EnableIPv6}}' host none
    network inspect n2 nobody -f '{{.Name}}'
    network inspect default
    run -d --name c1 --network n2 --network-alias al --ip 10.1.2.50 --hostname h --domainname d.test busybox sleep 600
    run -d --name c2 --add-host z:9.8.7.6 --dns 8.8.8.8 --dns-search s.test --dns-opt ndots:3 busybox sleep 600
    run -d --name c3 --network container:c1 busybox sleep 600
    run -d --name c4 --network none busybox sleep 600
    run -d --name c5 --network host busybox sleep 600
    run -d --name c6 -p 8080:80 -p 127.0.0.1:8081:81/udp --expose 90 --net-alias x --network n3 busybox sleep 600
    exec c1 cat /etc/hosts
    exec c3 cat /etc/hosts
    exec c3 cat /etc/resolv.conf
    exec c3 hostname -f
    exec c2 sh -c 'sort /etc/resolv.conf; grep z /etc/hosts'
    inspect -f '{{json .NetworkSettings.Ports}}' c6
    inspect -f '{{json .HostConfig.PortBindings}} {{.HostConfig.PublishAllPorts}}' c6
    inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}={{$v.IPAddress}} {{end}}' c1 c3 c4 c5
    inspect -f '{{range .NetworkSettings.Networks}}{{.NetworkID}}{{end}}' c1 c4 c5
    inspect -f '{{json (index .NetworkSettings.Networks "n2").IPAMConfig}}' c1
    network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}} {{.MacAddress}}{{end}}' n2 host none
    ps -f network=n2 --format '{{.Names}} {{.Networks}}'
    ps -f network=none --format '{{.Names}}'
    ps -f publish=8080 --format '{{.Names}}'
    ps -f publish=8081/tcp --format '{{.Names}}'
    ps -f expose=90-92 --format '{{.Names}}'
    ps -f publish=nonsense
    port c6 | grep -v :: | sort
    port c6 81/udp
    port c6 81
    port c6 nonsense
    port c2
    port nobody
    network connect n3 c1
    network connect n3 c1
    exec c1 cut -f 2 /etc/hosts
    network connect --alias x --ip 10.4.0.77 n11 c2
    network connect --ip 10.4.0.77 n11 c6
    network connect --ip 10.9.0.77 n11 c6
    network connect --ip 10.4.0.254 n11 c6
    network connect --ip nonsense n11 c6
    network connect --alias x bridge c1
    network connect --ip 172.17.0.9 bridge c1
    network connect n3 c3
    network connect n3 c4
    network connect n3 c5
    network connect none c1
    network connect host c1
    network connect nobody c1
    network connect n3 nobody
    network connect n3
    network rm n2
    network rm bridge
    network rm nobody
    network disconnect n11 c2
    network disconnect n11 c2
    network disconnect host c5
    network disconnect nobody c1
    network disconnect n3 nobody
    run -d --name taken -p 8080:80 busybox sleep 600 >/dev/null
    ps -a -f name=taken --format '{{.Names}} {{.Status}}'
    run --rm --network nobody busybox true
    run --rm --network '' busybox true
    run --rm --network container:nobody busybox true
    run --rm --network container:c1 --hostname x busybox true
    run --rm --network container:c1 -p 80:80 busybox true
    run --rm --network container:c1 --expose 80 busybox true
    run --rm --network container:c1 --dns 1.1.1.1 busybox true
    run --rm --network n2 --network n2 busybox true
    run --rm --network n2 --network host busybox true
    run --rm --network name=n2,alias=q,ip=10.1.2.99 busybox sh -c 'ip -o -4 addr show eth0 | grep -o "10[^ ]*/24"'
    run --rm --network name=n2,nonsense=1 busybox true
    run --rm --network alias=q busybox true
    run --rm --network n2 --ip 10.1.2.50 busybox true
    run --rm --network n2 --ip 10.9.2.50 busybox true
    run --rm --network bridge --network-alias x busybox true
    run --rm --mac-address 02-42-ac-11-00-99 busybox cat /sys/class/net/eth0/address
    run --rm --mac-address 0242.ac11.0099 busybox cat /sys/class/net/eth0/address
    run --rm --mac-address 02:42:ac:11:00 busybox true
    run --rm --hostname a.b.c busybox sh -c 'hostname; grep a.b.c /etc/hosts | cut -f 2'
    run --rm --network none --add-host a:::1 --add-host b:host-gateway busybox grep -w a /etc/hosts
    run --rm --add-host nonsense busybox true
    run --rm --add-host a:nonsense busybox true
    run --rm --dns nonsense busybox true
    run --rm --dns-search 'bad domain' busybox true
    run --rm --dns-search . busybox cat /etc/resolv.conf
    run --rm -p '' busybox true
    run --rm -p 80: busybox true
    run --rm -p 80:65536 busybox true
    run --rm -p 80/icmp busybox true
    run --rm -p localhost:8000:80 busybox true
    run --rm -p 8000-8002:80-81 busybox true
    run --rm -p 1.2.3.4:8000:80 busybox true
    run --rm --expose 80-70 busybox true
    create --name twice -p 127.0.0.1::80 -p 8000-8001:90-91/udp -P busybox
    inspect -f '{{json .HostConfig.PortBindings}} {{len .Config.ExposedPorts}}' twice
    rm -f c1 c2 c3 c4 c5 c6 taken twice
    network inspect -f '{{json .Containers}}' n2
    network prune -f --filter until=1h
    network prune -f --filter nonsense=1
    network prune -f --filter label=a
    network rm n3 nobody n11
    network ls --format '{{.Name}}'
    """.strip().splitlines()
]


@dataclass
class Said:
    code: int
    stdout: str
    has_stderr: bool


@pytest.fixture(scope="module")
def said(busybox_archive: Path) -> Iterator[list[tuple[Said, Said]]]:
    """What docker and izba said to each line of the script."""
    with (
        tempfile.TemporaryDirectory(prefix="d") as short,
        peers.docker(Path(short), own_network=True) as docker,
        _namespace() as pid,
    ):
        theirs = [*_enter(docker.pid), "/usr/bin/docker", "-H", docker.socket]
        ours = [*_enter(pid), sys.executable, "-m", "izba", "--root", f"{short}/izba"]
        try:
            with ThreadPoolExecutor(2) as both:
                told = both.map(lambda base: _play(base, busybox_archive), (theirs, ours))
                answers = list(zip(*told, strict=True))
            yield answers
        finally:
            for base in (theirs, ours):
                left = subprocess.run([*base, "ps", "-aq"], capture_output=True, text=True, check=False).stdout
                subprocess.run([*base, "rm", "-f", *left.split()], capture_output=True, check=False)
                subprocess.run([*base, "network", "prune", "-f"], capture_output=True, check=False)


def _enter(pid: int) -> list[str]:
    return ["nsenter", f"--net=/proc/{pid}/ns/net"]


@contextmanager
def _namespace() -> Iterator[int]:
    """A process in a network namespace of its own, whose loopback is up; its pid."""
    script = "ip link set lo up && echo ready && exec sleep infinity"
    with subprocess.Popen(["unshare", "--net", "sh", "-c", script], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process.pid
        finally:
            process.kill()


def _play(base: list[str], archive: Path) -> list[Said]:
    said = []
    names = {"ARCHIVE": str(archive), "BRIDGE": "com.docker.network.bridge.name"}
    for line in SCRIPT:
        words = re.sub("|".join(names), lambda found: names[found[0]], line)
        done = subprocess.run(
            ["sh", "-c", f'"$@" {words}', "sh", *base],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            check=False,
        )
        said.append(Said(done.returncode, _settled(done.stdout), bool(done.stderr)))
    return said


def _settled(text: str) -> str:
    """Without ids, and with them the widths of columns."""
    return re.sub(r" +", " ", re.sub(r"\b([0-9a-f]{64}|[0-9a-f]{12})\b", "ID", text))


@pytest.mark.parametrize("number", range(len(SCRIPT)), ids=SCRIPT)
def test_output_and_exit_code_are_dockers(said: list[tuple[Said, Said]], number: int) -> None:
    theirs, ours = said[number]

    assert (ours.code, ours.stdout) == (theirs.code, theirs.stdout)
    assert ours.has_stderr == theirs.has_stderr
