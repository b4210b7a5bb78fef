"""rtnetlink in network namespaces that the tests make; `ip` of iproute2 is asked what came of it."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import textwrap
import threading

import pytest

from izba.linux.netlink import RouteSocket

pytestmark = [pytest.mark.root, pytest.mark.peer("ip")]


def in_new_namespace(code: str) -> str:
    """Run Python in a new network namespace of its own, which ends with it."""
    script = f"""
import os, json, subprocess
os.environ["PATH"] += ":/usr/sbin"
from izba.linux.netlink import *
def ip(*args):
    return json.loads(subprocess.run(["ip", "-j", *args], check=True, capture_output=True).stdout or "[]")
{textwrap.dedent(code)}
"""
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": "src"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_bridge_is_made_up_with_its_address() -> None:
    in_new_namespace("""
        with RouteSocket() as route:
            route.add_bridge("izba0", mtu=1400)
            bridge = route.link("izba0")
            route.add_address(bridge.index, "172.30.0.1", 24)
            assert (bridge.kind, bridge.mtu, bridge.is_up) == ("bridge", 1400, True)
            assert [a.address for a in route.addresses()] == ["172.30.0.1"]
        (shown,) = ip("addr", "show", "izba0")
        assert shown["mtu"] == 1400 and "UP" in shown["flags"]
        assert shown["addr_info"][0]["local"] == "172.30.0.1"
        assert shown["addr_info"][0]["broadcast"] == "172.30.0.255"
    """)


def test_a_veth_reaches_from_a_bridge_into_another_namespace() -> None:
    in_new_namespace("""
        host = os.open("/proc/self/ns/net", os.O_RDONLY)
        libc = __import__("ctypes").CDLL(None, use_errno=True)
        assert libc.unshare(0x40000000) == 0
        inside = os.open("/proc/self/ns/net", os.O_RDONLY)
        within = RouteSocket()
        assert libc.setns(host, 0x40000000) == 0
        with RouteSocket() as route:
            route.add_bridge("izba0")
            bridge = route.link("izba0").index
            route.add_address(bridge, "172.30.0.1", 24)
            route.add_veth("vh1", peer="eth0", peer_netns=inside, master=bridge, peer_mac=bytes.fromhex("02420a000002"))
            assert route.link("vh1").master == bridge
            route.set_hairpin(route.link("vh1").index)
        eth0 = within.link("eth0")
        assert eth0.mac.hex() == "02420a000002"
        within.set_link(within.link("lo").index)
        within.set_link(eth0.index)
        within.add_address(eth0.index, "172.30.0.2", 24)
        within.add_route("172.30.0.1", index=eth0.index)
        assert [(r.destination, r.prefix, r.gateway) for r in within.routes()] == [
            ("", 0, "172.30.0.1"), ("172.30.0.0", 24, "")]
        assert ip("-d", "link", "show", "vh1")[0]["linkinfo"]["info_slave_data"]["hairpin"]
        import socket, threading
        server = socket.create_server(("172.30.0.1", 0))
        assert libc.setns(inside, 0x40000000) == 0
        client = socket.create_connection(server.getsockname(), timeout=5)
        assert client.getsockname()[0] == "172.30.0.2"
    """)


def test_what_the_kernel_refuses_is_told_with_what_was_asked() -> None:
    said = in_new_namespace("""
        with RouteSocket() as route:
            route.add_bridge("izba0")
            try:
                route.add_bridge("izba0")
            except NetlinkError as error:
                print(error.errno, error.strerror)
            assert route.link("nothing") is None
    """)
    assert said == "17 File exists: make bridge izba0\n"


def test_links_are_listed_and_deleted() -> None:
    in_new_namespace("""
        with RouteSocket() as route:
            for number in range(300):
                route.add_bridge(f"b{number}")
            names = [link.name for link in route.links()]
            assert len(names) == 301
            route.delete_link(route.link("b7").index)
            assert route.link("b7") is None
    """)


def test_routes_are_those_that_ip_shows() -> None:
    listed = json.loads(subprocess.run(["ip", "-j", "route"], capture_output=True, check=True, text=True).stdout)
    from izba.linux.netlink import RouteSocket

    with RouteSocket() as route:
        ours = {(found.destination or "default", found.gateway) for found in route.routes()}

    assert {(shown["dst"].partition("/")[0], shown.get("gateway", "")) for shown in listed} == ours


def test_a_list_that_changes_all_the_time_is_not_asked_for_for_ever() -> None:
    kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def answer() -> None:
        while asked := kernel.recv(1 << 16):
            (sequence,) = struct.unpack_from("=I", asked, 8)
            kernel.send(struct.pack("=IHHIIi", 20, 3, 2 | 0x10, sequence, 0, 0))

    thread = threading.Thread(target=answer)
    thread.start()
    with RouteSocket(ours.detach()) as routes, pytest.raises(OSError, match="changes too fast"):
        routes.addresses()
    thread.join()
    kernel.close()


def test_a_list_during_which_something_changed_is_asked_for_again() -> None:
    """NLM_F_DUMP_INTR: the kernel says that one of its answers may be missing what was there all the time."""
    kernel, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
        return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body

    def address(last: int) -> bytes:
        return struct.pack("=BBBBI", socket.AF_INET, 24, 0, 0, 7) + struct.pack("=HH4B", 8, 2, 10, 0, 0, last)

    def answer() -> None:
        for attempt, found in enumerate(([1], [1, 2])):
            (sequence,) = struct.unpack_from("=I", kernel.recv(1 << 16), 8)
            flags = 2 | (0x10 if attempt == 0 else 0)
            for last in found:
                kernel.send(message(20, flags, sequence, address(last)))
            kernel.send(message(3, flags, sequence, bytes(4)))

    thread = threading.Thread(target=answer)
    thread.start()
    with RouteSocket(ours.detach()) as routes:
        assert [each.address for each in routes.addresses()] == ["10.0.0.1", "10.0.0.2"]
    thread.join()
    kernel.close()
