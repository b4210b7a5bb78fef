"""attacks.md, section H3, with containers: a name server that means ill, and a container that does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.network.conftest import LAN, Izba, Machine, idle, relays, within
from tests.network.test_hostile_names import chain_of_pointers, many_long_names

pytestmark = [pytest.mark.root, pytest.mark.peer("ip"), pytest.mark.peer("setpriv")]

SERVE = """
import socket, sys, threading
from dnslib import CNAME, QTYPE, RR, A, DNSRecord

def answer(asked):
    reply, name = asked.reply(), str(asked.q.qname)
    def lead(one, other):
        reply.add_answer(RR(one, QTYPE.CNAME, rdata=CNAME(other)))
    word = name.partition(".")[0]
    if asked.q.qtype != QTYPE.A:
        return reply.pack()
    if word == "loop":
        lead(name, "b.loop.example."), lead("b.loop.example.", name)
    elif word == "chain":
        for number in range(70):
            lead(name if not number else f"c{number}.example.", f"c{number + 1}.example.")
    elif word == "pointer":
        question = asked.pack()
        return reply.pack()[:6] + b"\\0\\1" + bytes(4) + question[12:] + b"\\xc0" + bytes([len(question)])
    elif word == "huge":
        for number in range(70):
            reply.add_answer(RR(name, QTYPE.A, rdata=A(f"10.0.0.{number}")))
    elif word == "inward":
        for address in ("127.0.0.1", "169.254.169.254", "10.0.0.1"):
            reply.add_answer(RR(name, QTYPE.A, rdata=A(address)))
    elif word == "refused":
        reply.header.rcode = 5
    else:
        reply.add_answer(RR(name, QTYPE.A, rdata=A("203.0.113.5")))
    return reply.pack()

def streams():
    while True:
        connection, _ = listener.accept()
        with connection:
            asked = DNSRecord.parse(connection.recv(65536)[2:])
            print(asked.q.qname, flush=True)
            if str(asked.q.qname).startswith("reset."):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
            else:
                data = answer(asked)
                connection.sendall(len(data).to_bytes(2) + data)

listener = socket.create_server((sys.argv[1], 53))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
udp.bind((sys.argv[1], 53))
threading.Thread(target=streams, daemon=True).start()
print("ready", flush=True)
while True:
    data, client = udp.recvfrom(65535)
    asked = DNSRecord.parse(data)
    print(asked.q.qname, flush=True)
    if not str(asked.q.qname).startswith("silent."):
        udp.sendto(answer(asked), client)
"""

ASK = """
import json, socket, sys
from dnslib import DNSError, DNSRecord
for packet in sys.argv[1].split(","):  # it is no question, or one that takes long
    packet = bytes.fromhex(packet)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(packet[:4000], ("127.0.0.11", 53))
    with socket.create_connection(("127.0.0.11", 53)) as tcp:
        tcp.sendall(len(packet).to_bytes(2) + packet)

def shown(data):
    try:
        record = DNSRecord.parse(data)
    except (DNSError, RecursionError):  # cut, or with pointers that lead nowhere
        return {"size": len(data), "cut": bool(data[2] & 2), "code": data[3] & 15, "records": None}
    records = [str(each.rdata) for each in record.rr]
    return {"size": len(data), "cut": bool(record.header.tc), "code": record.header.rcode, "records": records}

silent = []
for _ in range(300):
    silent.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent[-1].settimeout(60)
    silent[-1].sendto(DNSRecord.question("silent.example").pack(), ("127.0.0.11", 53))
found, codes = {}, []
for each in silent[256:]:
    codes.append(shown(each.recv(65535))["code"])
for each in silent[:256]:
    codes.append(shown(each.recv(65535))["code"])
for word in sys.argv[2].split():
    question = DNSRecord.question(word + ".example").pack()
    with socket.create_connection(("127.0.0.11", 53)) as tcp:
        tcp.settimeout(60)
        tcp.sendall(len(question).to_bytes(2) + question)
        file = tcp.makefile("rb")
        found[word + "/tcp"] = shown(file.read(int.from_bytes(file.read(2))))
for word in sys.argv[2].split():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.settimeout(60)
        udp.sendto(DNSRecord.question(word + ".example").pack(), ("127.0.0.11", 53))
        found[word] = shown(udp.recv(65535))
print(json.dumps({"found": found, "silent": sorted(set(codes))}))
"""
WORDS = "loop chain pointer huge inward refused reset plain"


def memory(pid: int) -> int:
    """The most that a process ever had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (found,) = (line.split()[1] for line in lines if line.startswith("VmHWM"))
    return int(found) << 10


def test_neither_a_hostile_name_server_nor_a_hostile_asker_ends_the_resolver(each_izba: Izba, machine: Machine) -> None:
    """Nothing is followed, kept or waited for longer than it is worth, and the other containers are answered."""
    each_izba.ok("network", "create", "shop")
    asker, other = (idle(each_izba, "--network", "shop", "--dns", LAN) for _ in range(2))
    (relay,) = relays(each_izba)
    before = memory(relay)
    server = subprocess.Popen([*machine.on_lan, sys.executable, "-c", SERVE, LAN], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == "ready\n"
        packets = ",".join(each.hex() for each in (chain_of_pointers(), many_long_names()[:60_000]))
        done = asked_from(each_izba, asker, packets)
        assert done["silent"] == [2]
        assert "203.0.113.5" in each_izba.ok("exec", other, "nslookup", "plain.example")
    finally:
        server.kill()
        names = server.communicate()[0].splitlines()
    assert relays(each_izba) == [relay]
    assert memory(relay) < before + (16 << 20)
    found = done["found"]
    for way in ("", "/tcp"):
        assert found[f"plain{way}"]["records"] == ["203.0.113.5"]
        assert found[f"loop{way}"]["records"] == ["b.loop.example.", "loop.example."]
        assert found[f"refused{way}"]["code"] == 5
        assert found[f"inward{way}"]["records"] == ["127.0.0.1", "169.254.169.254", "10.0.0.1"]  # as Docker's
    assert names.count("loop.example.") == 2  # what it leads to is the asker's to ask
    assert "b.loop.example." not in names
    assert len(found["chain/tcp"]["records"]) == 70
    assert len(found["huge/tcp"]["records"]) == 70
    for word in ("chain", "huge"):
        assert found[word]["cut"], found[word]
        assert found[word]["size"] <= 512
    assert found["reset/tcp"]["code"] == 2


def asked_from(izba: Izba, name: str, packets: str) -> dict[str, Any]:
    """What a container was answered."""
    command = [*within(izba, name), sys.executable, "-c", ASK, packets, WORDS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found
