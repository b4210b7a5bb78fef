"""attacks.md, section H3: what containers ask of the resolver, and what name servers make of it."""

from __future__ import annotations

import _socket
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from dnslib import QTYPE, DNSQuestion, DNSRecord
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from izba.ids import new_id
from izba.linux.loop import Loop
from izba.network import ipv4
from izba.network.dns import answers, upstream
from izba.network.dns.answers import ANY, A
from izba.network.dns.names import Names
from izba.network.dns.server import Resolver
from izba.network.dns.upstream import Upstream
from izba.network.store import EndpointRequest, Network, Networks
from izba.paths import Roots
from izba.store.store import Store
from tests.network.test_relay import run
from tests.network.test_resolver import NameServer, ask, record
from tests.support.limits import no_descriptors

# -- questions


def packet(*records: bytes, name: bytes = b"\x09localhost\0") -> bytes:
    """A question for a name's address with records behind it."""
    return b"\0\x01\x01\0\0\x01\0\0\0\0" + len(records).to_bytes(2) + name + b"\0\x01\0\x01" + b"".join(records)


def extra(name: bytes, data: bytes) -> bytes:
    return name + b"\xff\0\0\x01\0\0\0\0" + len(data).to_bytes(2) + data


def chain_of_pointers() -> bytes:
    """A record whose name is reached by more pointers than a reader could follow by calling itself."""
    start = len(packet(extra(b"\0", b""))) + 2
    links = b"\0\0" + b"".join((0xC000 | start + 2 * number).to_bytes(2) for number in range(1900))
    return packet(extra(b"\0", links), extra((0xC000 | start + len(links) - 2).to_bytes(2), b"x"))


def many_long_names() -> bytes:
    """The longest packet that TCP carries, of records whose names are all the longest that was in it before."""
    return packet(*[extra(b"\xc0\x0c", b"x")] * 3600, name=b"\x01a" * 8000 + b"\0")


@pytest.mark.parametrize("question", [chain_of_pointers(), many_long_names(), packet(*[extra(b"\0", b"")] * 5000)])
def test_a_question_costs_no_more_than_it_is_worth(question: bytes) -> None:
    """Records behind a question are the asker's: of pointers without end and names without number none is read."""
    began = time.process_time()
    for _ in range(100):
        answers.parse(question)
    assert time.process_time() - began < 1


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    labels=st.lists(st.binary(min_size=1, max_size=63), max_size=8),
    kind=st.sampled_from([1, 12, 28, 255, 65, 16]),
    behind=st.binary(max_size=60),
    counts=st.tuples(*[st.integers(0, 3)] * 3),
)
def test_whatever_is_asked_is_answered_as_asked(
    labels: list[bytes], kind: int, behind: bytes, counts: tuple[int, int, int]
) -> None:
    """Names of any bytes: what comes back is one answer to that very question, for whoever reads answers."""
    name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    section = name + kind.to_bytes(2) + b"\0\x01"
    head = b"\x12\x34\x01\x00\0\x01" + b"".join(each.to_bytes(2) for each in counts)
    question = answers.parse(head + section + behind)
    if len(name) > 255:
        assert question is None
        return
    assert question is not None
    for addresses in ([0xAC110002, 0xAC110003], []):
        found = answers.reply(question, find=partial(_always, addresses), name_of=lambda _: "web.shop", limit=4096)
        failed = answers.failure(question, answers.SERVFAIL)
        for data in (found, failed):
            assert data is not None
            assert data[12 : 12 + len(section)] == section
            assert data[:2] == b"\x12\x34"
            if all(_is_text(label) for label in labels):  # what dnslib reads
                answer = DNSRecord.parse(data)
                assert (tuple(answer.q.qname.label), answer.q.qtype) == (tuple(labels), kind)
                assert [each.rname for each in answer.rr] == [answer.q.qname] * len(answer.rr)
                if data == failed:
                    assert not answer.rr
                elif kind in {A, ANY}:
                    assert sorted(str(each.rdata) for each in answer.rr) == [ipv4.text(each) for each in addresses]


def _always(addresses: list[int], _name: str) -> list[int]:
    return addresses


def _is_text(label: bytes) -> bool:
    try:
        label.decode()
    except UnicodeDecodeError:
        return False
    return True


@settings(max_examples=3000, deadline=None)
@given(st.binary(max_size=100) | st.binary(max_size=60).map(lambda rest: b"\0\x01\x01\0\0\x01\0\0\0\0\0\x01" + rest))
def test_no_bytes_end_the_resolver(data: bytes) -> None:
    question = answers.parse(data)
    if question is not None:
        answers.reply(question, find=lambda _: [1], name_of=lambda _: "a.b")
        assert answers.cut(question, b"\0\0\x81\x80" + bytes(65500))[2] & 0x02


def test_a_name_with_a_dot_in_a_label_is_nobodys() -> None:
    """`web.shop` as one label would be another's name to those who print it."""
    question = answers.parse(packet(name=b"\x08web.shop\0"))
    assert question is not None
    assert question.name == "web\\.shop"


@pytest.mark.parametrize("name", ["x" * 64, ".".join(["x" * 60] * 5)])
def test_a_container_whose_name_is_longer_than_answers_can_say_has_none(name: str) -> None:
    question = answers.parse(DNSRecord(q=DNSQuestion("2.0.17.172.in-addr.arpa", QTYPE.PTR)).pack())
    assert question is not None
    data = answers.reply(question, find=lambda _: None, name_of=lambda _: f"{name}.bridge")
    assert data is not None
    assert DNSRecord.parse(data).header.rcode == answers.NXDOMAIN


# -- names


class Town:
    """Networks and their containers in a store, all of which run."""

    def __init__(self, directory: Path) -> None:
        roots = Roots(data=str(directory / "data"), run=str(directory / "run"), config="", rootless=False)
        self.store = Store.open(roots)
        self.networks = Networks(self.store.db)
        self.names = Names(str(directory / "data" / "izba.db"), lambda _: True)
        self._made = 0

    def network(self, name: str) -> Network:
        self._made += 1
        network = Network(id=new_id(), name=name, subnet=f"172.30.{self._made}.0/24", gateway=f"172.30.{self._made}.1")
        return self.networks.insert(network)

    def container(self, name: str, *networks: Network, aliases: tuple[str, ...] = ()) -> str:
        id = new_id()
        sql = "INSERT INTO containers (id, name, image, snapshot, created, config) VALUES (?, ?, '', ?, 0, ?)"
        self.store.db.execute(sql, id, name, id, '{"Config": {}}')
        for network in networks:
            endpoint = self.networks.connect(id, network, EndpointRequest(network=network.name, aliases=aliases))
            self._made += 1
            self.networks.set_address(endpoint, ipv4.number(network.gateway) + self._made)
        return id

    def address(self, container: str) -> list[int]:
        return [each.address or 0 for each in self.networks.of_container(container)]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path)
    yield made
    made.names.close()
    made.store.close()


def test_a_name_of_a_network_is_not_taken_by_an_alias_in_another(town: Town) -> None:
    """Whichever network comes first: ids are by chance."""
    shop = town.network("shop")
    others = [town.network(f"other{number}") for number in range(8)]
    db = town.container("db", shop)
    for number, other in enumerate(others):
        town.container(f"false{number}", other, aliases=("db.shop", "DB.Shop"))
    asker = town.container("asker", shop, *others)

    assert town.names.find(asker, "db.shop") == town.names.find(asker, "DB.SHOP.") == town.address(db)


def test_an_alias_is_for_those_of_its_network_alone(town: Town) -> None:
    """Called like a real domain, or another project's service: nobody else is led there."""
    mine, theirs = town.network("mine"), town.network("theirs")
    taken = ("example.com", "db", "db.mine", "host.docker.internal", "metadata.google.internal")
    false = town.container("false", theirs, aliases=taken)
    db, asker = town.container("db", mine), town.container("asker", mine)
    neighbour = town.container("neighbour", theirs)

    assert town.names.find(asker, "example.com") is None  # is asked of the world
    assert town.names.find(asker, "host.docker.internal") is None
    assert town.names.find(asker, "db") == town.names.find(asker, "db.mine") == town.address(db)
    assert town.names.find(neighbour, "example.com") == town.address(false)  # as with Docker


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST.", "db.localhost"])
def test_nobody_is_localhost(town: Town, name: str) -> None:
    shop = town.network("shop")
    asker = town.container("asker", shop)
    town.container("localhost", shop, aliases=("localhost", "db.localhost"))
    assert town.names.find(asker, name) == [ipv4.number("127.0.0.1")]


# -- the resolver's TCP


def test_a_resolver_without_descriptors_looks_again_and_not_all_the_time(town: Town, loop: Loop) -> None:
    asker = town.container("asker", town.network("shop"))
    udp, tcp = (_socket.socket(_socket.AF_INET, kind, 0) for kind in (_socket.SOCK_DGRAM, _socket.SOCK_STREAM))
    for each in (udp, tcp):
        each.bind(("127.0.0.1", 0))
    tcp.listen(16)
    address = tcp.getsockname()
    resolver = Resolver(loop, asker, (udp, tcp), (), town.names, Upstream(loop))
    spent: list[float] = []

    def work() -> None:
        with socket.socket() as client:
            client.settimeout(1)
            with no_descriptors():
                client.connect(address)
                client.sendall(framed(DNSRecord.question("asker").pack()))
                began = time.process_time()
                with pytest.raises(TimeoutError):
                    client.recv(1)
                spent.append(time.process_time() - began)
            client.settimeout(30)
            assert unframed(client).get_a().rdata

    run(loop, work)
    resolver.close()
    assert spent[0] < 0.5


def framed(data: bytes) -> bytes:
    return len(data).to_bytes(2) + data


def unframed(connection: socket.socket) -> DNSRecord:
    file = connection.makefile("rb")
    return DNSRecord.parse(file.read(int.from_bytes(file.read(2))))


# -- name servers of the world


def test_an_answer_from_another_address_or_port_does_not_count(
    loop: Loop,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of somebody who knows all: the id, the question, and the port that it was asked by."""
    rogues = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]

    def answer(asked: DNSRecord) -> list[bytes]:
        for rogue in rogues:
            rogue.sendto(record(asked, "6.6.6.6").pack(), server.clients[-1])
        return [record(asked, "203.0.113.5").pack()]

    server = NameServer(monkeypatch, answer)
    rogues[0].bind(("127.0.0.2", 0))
    rogues[1].bind(("127.0.0.1", 0))
    try:
        found = ask(loop, DNSRecord.question("somewhere.example"))
    finally:
        server.close()
        for rogue in rogues:
            rogue.close()
    assert found is not None
    assert str(found.get_a().rdata) == "203.0.113.5"


class StreamServers:
    """Two name servers by TCP, at one port of two addresses: the first one is `bad`, the second as it should be."""

    def __init__(self, bad: Callable[[socket.socket, DNSRecord], None]) -> None:
        while True:
            first = socket.create_server(("127.0.0.2", 0))
            try:
                second = socket.create_server(("127.0.0.1", first.getsockname()[1]))
            except OSError:  # somebody else has that port there
                first.close()
                continue
            break
        self.port: int = first.getsockname()[1]
        self._listeners = {first: bad, second: _answers}
        self._threads = [threading.Thread(target=self._serve, args=each) for each in self._listeners.items()]
        for thread in self._threads:
            thread.start()

    def _serve(self, listener: socket.socket, behave: Callable[[socket.socket, DNSRecord], None]) -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                if connection.recv(2) == b"\xff\xff":
                    return
                try:
                    behave(connection, DNSRecord.parse(connection.recv(4096)))
                except OSError:  # it was left in the middle
                    continue

    def close(self) -> None:
        for listener, thread in zip(self._listeners, self._threads, strict=True):
            with socket.create_connection(listener.getsockname()) as ending:
                ending.sendall(b"\xff\xff")
            thread.join()
            listener.close()


def _answers(connection: socket.socket, asked: DNSRecord) -> None:
    for byte in framed(record(asked, "203.0.113.5").pack()):
        connection.sendall(bytes([byte]))


def _pours(connection: socket.socket, _asked: DNSRecord) -> None:
    words = framed(record(DNSRecord.question("other.example"), "6.6.6.6").pack()) * 1000
    poured = 0
    while poured < 64 << 20:
        poured += connection.send(words)
    _POURED_ALL.append(poured)


_POURED_ALL: list[int] = []


def _is_empty(connection: socket.socket, _asked: DNSRecord) -> None:
    connection.sendall(b"\0\0")
    connection.recv(1)


def _ends_early(connection: socket.socket, asked: DNSRecord) -> None:
    connection.sendall(framed(record(asked, "6.6.6.6").pack())[:-1])


def _resets(connection: socket.socket, _asked: DNSRecord) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, (1).to_bytes(4, "little") + bytes(4))


def _answers_another_question(connection: socket.socket, asked: DNSRecord) -> None:
    other = record(DNSRecord.question("other.example"), "6.6.6.6")
    other.header.id = asked.header.id
    connection.sendall(framed(other.pack()))
    connection.recv(1)


@pytest.mark.parametrize("bad", [_pours, _is_empty, _ends_early, _resets, _answers_another_question])
def test_a_server_that_is_none_by_tcp_is_left_and_the_next_one_asked(
    loop: Loop,
    monkeypatch: pytest.MonkeyPatch,
    bad: Callable[[socket.socket, DNSRecord], None],
) -> None:
    """At its first wrong word: a stream of them would be kept in memory for as long as one waits."""
    monkeypatch.setattr(upstream, "PATIENCE", 100)
    servers = StreamServers(bad)
    monkeypatch.setattr(upstream, "PORT", servers.port)
    try:
        found = ask(loop, DNSRecord.question("somewhere.example"), ("127.0.0.2", "127.0.0.1"), tcp=True)
    finally:
        servers.close()
    assert found is not None
    assert str(found.get_a().rdata) == "203.0.113.5"
    assert _POURED_ALL == []
