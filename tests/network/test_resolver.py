"""The resolver of the networks, in one process: questions that go out into the world, and what it answers itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
from dnslib import QTYPE, RR, A, DNSRecord

from izba.linux.loop import Loop
from izba.network.dns import answers, upstream
from izba.network.dns.upstream import Upstream


class NameServer:
    """Answers each question by what `answer` makes of it: packets, sent one after another."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: Callable[[DNSRecord], list[bytes]]) -> None:
        self.asked: list[DNSRecord] = []
        self.clients: list[tuple[str, int]] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        monkeypatch.setattr(upstream, "PORT", self.socket.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    data, client = self.socket.recvfrom(4096)
                except OSError:
                    return
                if data == b"stop":
                    return
                self.clients.append(client)
                self.asked.append(DNSRecord.parse(data))
                for packet in answer(self.asked[-1]):
                    self.socket.sendto(packet, client)

        self.thread = threading.Thread(target=serve)
        self.thread.start()

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"stop", self.socket.getsockname())
        self.thread.join()
        self.socket.close()


def record(question: DNSRecord, address: str, *, name: str = "") -> DNSRecord:
    reply = question.reply()
    reply.add_answer(RR(name or question.q.qname, QTYPE.A, rdata=A(address)))
    return reply


def ask(
    loop: Loop, question: DNSRecord, servers: tuple[str, ...] = ("127.0.0.1",), *, tcp: bool = False
) -> DNSRecord | None:
    got: list[bytes | None] = []

    def done(data: bytes | None) -> None:
        got.append(data)
        loop.stop()

    Upstream(loop).ask(question.pack(), servers, done, tcp=tcp)
    loop.run()
    return DNSRecord.parse(got[0]) if got[0] else None


def test_a_spoofed_answer_does_not_count(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """H3: a wrong id, another question, no answer at all; the right one comes last and is taken."""

    def answer(asked: DNSRecord) -> list[bytes]:
        wrong_id, other, query = record(asked, "6.6.6.6"), record(DNSRecord.question("other.example"), "6.6.6.7"), asked
        wrong_id.header.id = asked.header.id ^ 1
        other.header.id = asked.header.id
        return [wrong_id.pack(), other.pack(), query.pack(), b"", b"\x00" * 5, record(asked, "203.0.113.5").pack()]

    server = NameServer(monkeypatch, answer)
    try:
        question = DNSRecord.question("somewhere.example")
        found = ask(loop, question)
    finally:
        server.close()
    assert found is not None
    assert str(found.get_a().rdata) == "203.0.113.5"
    assert found.header.id == question.header.id


def test_a_question_goes_out_under_another_id_each_time(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """H3: what a container knows of its own question does not tell the id that an answer needs."""
    server = NameServer(monkeypatch, lambda asked: [record(asked, "203.0.113.5").pack()])
    question = DNSRecord.question("somewhere.example")
    try:
        for _ in range(4):
            loop = Loop()
            assert ask(loop, question) is not None
    finally:
        server.close()
    ids = {asked.header.id for asked in server.asked}
    assert len(ids) == 4
    assert question.header.id not in ids or len(ids) > 1


def test_the_next_server_is_asked_when_one_is_silent(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstream, "PATIENCE", 1)
    server = NameServer(monkeypatch, lambda asked: [record(asked, "203.0.113.5").pack()])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.2", upstream.PORT))
        silent.settimeout(0)
        try:
            found = ask(loop, DNSRecord.question("somewhere.example"), ("127.0.0.2", "127.0.0.1"))
        finally:
            server.close()
        assert silent.recv(4096)
    assert found is not None


def test_nobody_to_ask_is_told_at_once(loop: Loop) -> None:
    got: list[bytes | None] = []
    Upstream(loop).ask(DNSRecord.question("somewhere.example").pack(), (), got.append)
    assert got == [None]


def reply(
    question: DNSRecord, addresses: dict[str, list[int]], *, limit: int = 512, first: int = 0
) -> DNSRecord | None:
    parsed = answers.parse(question.pack())
    assert parsed is not None
    data = answers.reply(parsed, find=addresses.get, name_of=lambda _: None, first=first, limit=limit)
    return DNSRecord.parse(data) if data else None


def test_a_name_without_an_address_of_the_kind_asked_for_is_known_all_the_same() -> None:
    found = reply(DNSRecord.question("web", "AAAA"), {"web": [0xAC110002]})
    assert found is not None
    assert found.header.rcode == 0
    assert found.rr == []


def test_a_long_answer_says_that_it_is_cut_and_is_whole_by_tcp() -> None:
    """H3: TCP fallback."""
    many = {"web": [0xAC110002 + number for number in range(60)]}
    question = DNSRecord.question("web")
    cut = reply(question, many)
    assert cut is not None
    assert cut.header.tc == 1
    assert cut.rr == []
    whole = reply(question, many, limit=65535)
    assert whole is not None
    assert len(whole.rr) == 60


def test_addresses_take_turns() -> None:
    found = [reply(DNSRecord.question("web"), {"web": [1, 2, 3]}, first=first) for first in range(3)]
    assert [str(each.rr[0].rdata) for each in found if each] == ["0.0.0.1", "0.0.0.2", "0.0.0.3"]


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x00" * 11,
        b"\x00" * 12,
        b"\xff" * 12,
        b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01",  # a name that points to itself
        b"\x00\x01\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x3fabc",
        DNSRecord.question("web").reply().pack(),
    ],
)
def test_what_is_no_question_is_passed_over(packet: bytes) -> None:
    """H3: garbage, loops of compressed names, answers sent to the resolver."""
    assert answers.parse(packet) is None


def test_no_packet_that_a_container_can_send_ends_the_resolver() -> None:
    """H3: packets with a few bytes changed, cut off or added are answered, refused or passed over."""
    import random

    chance = random.Random(1)
    names = ("web", "a.b.example.com", "2.0.17.172.in-addr.arpa", "x" * 63 + "." + "y" * 60)
    packets = [DNSRecord.question(name, kind).pack() for name in names for kind in ("A", "AAAA", "PTR", "ANY", "TXT")]
    for _ in range(5000):
        packet = bytearray(chance.choice(packets))
        for _ in range(chance.randint(1, 5)):
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        packet = packet[: chance.randint(1, len(packet) + 40)] + chance.randbytes(chance.choice((0, 0, 20)))
        question = answers.parse(bytes(packet))
        if question is not None:
            answers.reply(question, find=lambda _: [1], name_of=lambda _: "a.b", limit=512)
            answers.failure(question, answers.SERVFAIL)
