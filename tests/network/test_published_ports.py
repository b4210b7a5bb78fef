"""Published ports, as root and as both kinds of ordinary user."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from izba.network.files import host_address
from tests.network.conftest import (
    Izba,
    Server,
    eventually,
    fetch,
    idle,
    relays,
    send,
    served,
    within,
)

pytestmark = pytest.mark.root


def test_a_published_port_is_reached_by_ipv4_and_ipv6(any_izba: Izba, port: int) -> None:
    web = served(any_izba, "-p", f"{port}:80")
    for address in ("127.0.0.1", "::1", host_address()):
        assert fetch(address, port) == web, address


def test_of_a_range_of_the_hosts_ports_for_one_port_a_free_one_is_taken(any_izba: Izba, port: int) -> None:
    """As with Docker, which keeps the range as it was asked for."""
    with socket.create_server(("127.0.0.1", port)):
        web = served(any_izba, "-p", f"127.0.0.1:{port}-{port + 3}:80")
        assert any_izba.inspect(web)["HostConfig"]["PortBindings"] == {
            "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": f"{port}-{port + 3}"}]
        }
        chosen = int(any_izba.ok("port", web, "80").rpartition(":")[2])
        assert port < chosen <= port + 3
        assert fetch("127.0.0.1", chosen) == web
        assert f"127.0.0.1:{chosen}->80/tcp" in any_izba.ok("ps")
        any_izba.ok("create", "--name", any_izba.name(), "-p", f"{port}-{port + 3}:80", "busybox")
        assert web in any_izba.ok("ps", "-a")
        full = any_izba("run", "--rm", "-p", f"127.0.0.1:{port}-{port}:80", "busybox", "true")
        assert (full.returncode, "has the port" in full.stderr) == (125, True)


def test_more_ports_are_published_than_one_message_has_sockets(any_izba: Izba) -> None:
    """Each has two, and a message 253; they come as they were to the next run."""
    name = any_izba.name()
    script = "for i in 9000 9150 9299; do mkdir /$i; echo $i >/$i/index.html; httpd -p $i -h /$i; done; sleep 1000"
    options = ("-p", "9000-9299", "--restart", "always")
    any_izba.ok("run", "-d", "--name", name, *options, "busybox", "sh", "-c", script.replace("mkdir", "mkdir -p"))
    shown = any_izba.inspect(name)["NetworkSettings"]["Ports"]
    assert len(shown) == 300

    def answers() -> bool:
        listening = "netstat -ltn | grep -c -e ':9000 ' -e ':9150 ' -e ':9299 '"
        return any_izba("exec", name, "sh", "-c", listening).stdout.strip() == "3"

    eventually(answers)
    for port in ("9000", "9150", "9299"):
        for place in shown[f"{port}/tcp"]:
            address = "::1" if ":" in place["HostIp"] else "127.0.0.1"
            assert fetch(address, int(place["HostPort"])) == port
    pid = any_izba.state(name)["Pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: any_izba.state(name)["Pid"] not in {0, pid})
    eventually(answers)
    assert any_izba.inspect(name)["NetworkSettings"]["Ports"] == shown
    assert fetch("127.0.0.1", int(shown["9299/tcp"][0]["HostPort"])) == "9299"


def test_a_port_of_the_ipv6_loopback_is_on_no_other_address(any_izba: Izba, port: int) -> None:
    """H1."""
    web = served(any_izba, "-p", f"[::1]:{port}:80")
    assert fetch("::1", port) == web
    assert fetch("127.0.0.1", port) == fetch(host_address(), port) == "ConnectionRefusedError"
    assert any_izba.ok("port", web) == f"80/tcp -> [::1]:{port}"


def test_a_port_of_the_loopback_is_on_no_other_address(any_izba: Izba, port: int) -> None:
    """H1."""
    web = served(any_izba, "-p", f"127.0.0.1:{port}:80")
    assert fetch("127.0.0.1", port) == web
    assert fetch(host_address(), port) == "ConnectionRefusedError"


def test_datagrams_come_in_by_published_ports(any_izba: Izba, port: int) -> None:
    import socket

    name = idle(any_izba, "-p", f"{port}:53/udp")
    with Server("0.0.0.0", 53, within(any_izba, name)), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(30)
        client.sendto(b"ping", ("127.0.0.1", port))
        assert client.recv(100).endswith(b" ping")


def test_no_client_of_a_published_port_seems_to_be_the_loopback(any_izba: Izba, port: int) -> None:
    """H6 (CVE-2021-20199)."""
    name = idle(any_izba, "-p", f"{port}:80")
    with Server("0.0.0.0", 80, within(any_izba, name)):
        assert fetch("127.0.0.1", port) == any_izba.inspect(name)["NetworkSettings"]["Gateway"]


def test_a_client_of_a_published_port_is_seen_by_its_own_address(any_izba: Izba, port: int) -> None:
    name = idle(any_izba, "-p", f"{port}:80", "-p", f"{port}:80/udp")
    with Server("0.0.0.0", 80, within(any_izba, name)):
        seen = fetch(host_address(), port)
        said = send(host_address(), port, "ping")
    expected = {host_address()}
    if any_izba.user is None:  # the host itself is behind its bridge
        expected.add(any_izba.inspect(name)["NetworkSettings"]["Gateway"])
    assert seen in expected
    assert said in {f"{address} ping" for address in expected}


def test_ports_of_a_container_on_the_hosts_network_are_discarded_with_a_warning(any_izba: Izba) -> None:
    done = any_izba("run", "--rm", "--network", "host", "-p", "80:80", "busybox", "true")
    assert done.returncode == 0
    assert "published ports are discarded" in done.stderr


HOLD = """
import socket
with socket.create_server(("0.0.0.0", 80)) as listener:
    print("ready", flush=True)
    connection, _ = listener.accept()
    connection.sendall(b"held")
    try:
        connection.recv(100)
    except ConnectionResetError:
        pass
    print("ended", flush=True)
"""


def test_a_stream_ends_on_both_sides_when_the_relay_is_killed_in_the_middle(any_izba: Izba, port: int) -> None:
    """I: neither the client nor the container waits for somebody who is no more. By IPv6 root's goes through it too."""
    eventually(lambda: relays(any_izba) == [])
    name = idle(any_izba, "-p", f"[::1]:{port}:80")
    (relay,) = relays(any_izba)
    command = [*within(any_izba, name), sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holding:
        assert holding.stdout is not None
        try:
            assert holding.stdout.readline() == "ready\n"
            with socket.create_connection(("::1", port), timeout=60) as client:
                assert client.recv(100) == b"held"
                os.kill(relay, signal.SIGKILL)
                try:
                    assert client.recv(100) == b""
                except ConnectionResetError:
                    pass
                assert holding.stdout.readline() == "ended\n"
        finally:
            holding.kill()
