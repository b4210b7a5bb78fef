"""What a host lends its containers in every mode: its name servers, its proxies and the authorities it trusts."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.network.conftest import HOST, LAN, Izba, Machine, PrefixedIzba, Server, eventually, idle, own_prefix, relays

pytestmark = [pytest.mark.root, pytest.mark.peer("setpriv")]

ANSWER = """
import socket, sys
from dnslib import QTYPE, RR, A, DNSRecord
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind((sys.argv[1], 53))
    print("ready", flush=True)
    while True:
        data, client = server.recvfrom(4096)
        question = DNSRecord.parse(data)
        reply = question.reply()
        if question.q.qtype == QTYPE.A:
            reply.add_answer(RR(question.q.qname, QTYPE.A, rdata=A("203.0.113.77")))
        server.sendto(reply.pack(), client)
        print(question.q.qname, client[0], flush=True)
"""


@pytest.fixture
def resolving(each_izba: Izba, machine: Machine, tmp_path: Path) -> Iterator[PrefixedIzba]:
    """An izba on a host with a resolv.conf of its own, `tmp_path/resolv.conf`."""
    (tmp_path / "resolv.conf").write_text("")
    mount = f"mount --bind {tmp_path}/resolv.conf /etc/resolv.conf && echo ready && exec sleep infinity"
    process = subprocess.Popen(["unshare", "--mount", "sh", "-c", mount], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    nsenter = ("nsenter", f"--mount=/proc/{process.pid}/ns/mnt")
    prefix = (*nsenter, f"--wd={each_izba.root}", *own_prefix(each_izba, machine))
    eventually(lambda: relays(each_izba) == [])  # one of before has the machine's resolv.conf
    found = PrefixedIzba(root=each_izba.root, user=each_izba.user, prefix=prefix)
    yield found
    found.clean()
    process.kill()
    process.communicate()


@pytest.mark.parametrize("server", [LAN, "127.0.0.53"])
def test_other_names_are_asked_of_the_hosts_own_name_servers(
    resolving: PrefixedIzba, machine: Machine, tmp_path: Path, server: str
) -> None:
    """One elsewhere, and one on the host's loopback, as systemd-resolved is, which no container reaches by itself.

    On root's default network a container asks those that it can reach itself.
    """
    asks_itself = resolving.user is None and server == LAN
    (tmp_path / "resolv.conf").write_text(f"nameserver {server}\nsearch here.example\n")
    resolving.ok("network", "create", "one")
    client, bare = idle(resolving, "--network", "one"), idle(resolving)
    command = [*(machine.on_lan if server == LAN else machine.on_host), sys.executable, "-c", ANSWER, server]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as answering:
        assert answering.stdout is not None
        try:
            assert answering.stdout.readline() == "ready\n"
            for asker, asked in ((client, "127.0.0.11"), (bare, LAN if asks_itself else "127.0.0.11")):
                said = resolving.ok("exec", asker, "cat", "/etc/resolv.conf")
                assert f"nameserver {asked}" in said
                assert "search here.example" in said
                assert "203.0.113.77" in resolving.ok("exec", asker, "nslookup", "-type=a", "somewhere.example.")
                assert answering.stdout.readline() == f"somewhere.example. {HOST if server == LAN else '127.0.0.1'}\n"
        finally:
            answering.kill()


def test_a_container_and_a_step_get_out_by_the_hosts_proxy_and_trust_whom_it_trusts(
    each_izba: Izba, machine: Machine, busybox_archive: Path
) -> None:
    """`busybox_archive` is in a directory that every user reads; the authority lies beside it."""
    authority = busybox_archive.parent / "authority.pem"
    authority.write_text("-----BEGIN CERTIFICATE-----\nof the site\n-----END CERTIFICATE-----\n")
    authority.chmod(0o644)
    extra = {"http_proxy": f"http://{LAN}:7070", "no_proxy": "", "SSL_CERT_FILE": str(authority)}
    lent = PrefixedIzba(root=each_izba.root, user=each_izba.user, prefix=own_prefix(each_izba, machine), extra=extra)
    script = 'wget -qO- http://elsewhere.example/; echo; grep "of the site" $SSL_CERT_FILE $PIP_CERT | wc -l'

    with Server(LAN, 7070, machine.on_lan):
        ran = lent.ok("run", "--rm", "busybox", "sh", "-c", script)
        text = f"FROM busybox\nRUN ({script}) > /said\nRUN cat /said >&2 && ! ls /dev/izba/*.pem\n"
        lent.ok("build", "-t", "stepped", "-", input=text)
    assert ran.split() == [HOST, "2"]
    assert lent.ok("run", "--rm", "--network", "none", "stepped", "cat", "/said").split() == [HOST, "2"]
    lent.ok("rmi", "stepped")
