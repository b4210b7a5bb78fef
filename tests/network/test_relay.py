"""The relay's own work, in one process: carried streams and datagrams."""

from __future__ import annotations

import _socket
import resource
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from izba.linux import flags, interfaces, namespaces
from izba.linux.loop import Loop
from izba.network.relay import stream
from izba.network.relay.listeners import DatagramPort, StreamPort
from izba.network.relay.shares import Connections
from tests.support.children import in_child
from tests.support.limits import no_descriptors


def dial(kind: int, _client: str) -> _socket.socket:
    return _socket.socket(_socket.AF_INET, kind, 0)


def run(loop: Loop, work: Callable[[], object]) -> None:
    """Run the loop while `work` does its part in another thread; its failure is the test's."""
    failures: list[BaseException] = []
    done = socket.socketpair()

    def body() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            done[1].send(b".")

    loop.watch(done[0].fileno(), 1, lambda _events: loop.stop())
    thread = threading.Thread(target=body)
    thread.start()
    loop.run()
    thread.join()
    for each in done:
        each.close()
    if failures:
        raise failures[0]


@pytest.fixture
def target() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        listener.settimeout(60)
        yield listener


OPEN: list[StreamPort | DatagramPort] = []


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    while OPEN:
        OPEN.pop().close()


def carried(loop: Loop, address: tuple[str, int], descriptors: int = 1 << 20) -> tuple[str, int]:
    """Where a port is that leads to an address, of a relay that may have so many descriptors."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0)
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    OPEN.append(StreamPort(loop, listener, address, dial, Connections(descriptors)))
    found: tuple[str, int] = listener.getsockname()
    return found


def connected(address: tuple[str, int], target: socket.socket) -> tuple[socket.socket, socket.socket]:
    client = socket.create_connection(address, timeout=60)
    server, _ = target.accept()
    server.settimeout(60)
    return client, server


def test_both_directions_are_carried(loop: Loop, target: socket.socket) -> None:
    address = carried(loop, target.getsockname())

    def work() -> None:
        client, server = connected(address, target)
        with client, server:
            for _ in range(3):
                client.sendall(b"ping")
                assert server.recv(100) == b"ping"
                server.sendall(b"pong")
                assert client.recv(100) == b"pong"

    run(loop, work)


def test_a_connection_that_was_ended_on_one_side_goes_on_the_other_way(loop: Loop, target: socket.socket) -> None:
    """H8: half-open."""
    address = carried(loop, target.getsockname())

    def work() -> None:
        client, server = connected(address, target)
        with client, server:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            assert server.recv(100) == b"question"
            assert server.recv(100) == b""
            for _ in range(3):
                server.sendall(b"answer")
                assert client.recv(100) == b"answer"
            server.close()
            assert client.recv(100) == b""

    run(loop, work)


@pytest.mark.parametrize("from_client", [True, False])
def test_a_reset_is_passed_on_as_a_reset(loop: Loop, target: socket.socket, *, from_client: bool) -> None:
    """H8."""
    address = carried(loop, target.getsockname())

    def work() -> None:
        client, server = connected(address, target)
        resetting, other = (client, server) if from_client else (server, client)
        resetting.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        resetting.close()
        with other, pytest.raises(ConnectionResetError):
            other.recv(100)

    run(loop, work)


@pytest.mark.root
def test_a_client_that_is_gone_without_a_word_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """H8: its machine lost its power, or its address; the connection must not keep its place for ever."""
    monkeypatch.setattr(stream, "KEEP_ALIVE", (1, 1, 2))

    def in_a_namespace() -> None:
        namespaces.unshare(flags.CLONE_NEWNET)
        interfaces.set_up("lo")
        subprocess.run(["ip", "address", "add", "198.51.100.7/32", "dev", "lo"], check=True)
        loop = Loop()
        with socket.create_server(("127.0.0.1", 0)) as target:
            address = carried(loop, target.getsockname())

            def work() -> None:
                client = socket.create_connection(address, source_address=("198.51.100.7", 0))
                server, _ = target.accept()
                with client, server:
                    subprocess.run(["ip", "address", "del", "198.51.100.7/32", "dev", "lo"], check=True)
                    server.settimeout(60)
                    with pytest.raises(ConnectionResetError):
                        server.recv(1)

            run(loop, work)

    in_child(in_a_namespace)


def test_a_port_that_nobody_listens_on_resets_the_client(loop: Loop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        nowhere = gone.getsockname()
    address = carried(loop, nowhere)

    def work() -> None:
        # As early as the client's own connect, where the relay is quicker than it.
        with pytest.raises(ConnectionResetError), socket.create_connection(address, timeout=60) as client:
            client.recv(100)

    run(loop, work)


@pytest.mark.parametrize("slow", [False, True])
def test_much_is_carried_whole_however_slowly_it_is_read(loop: Loop, target: socket.socket, *, slow: bool) -> None:
    """H8: a reader that is behind makes the writer wait; nothing is lost or doubled on the way to splice and back."""
    address = carried(loop, target.getsockname())
    size = 48 << 20
    block = bytes(range(256)) * 256

    def work() -> None:
        client, server = connected(address, target)

        def write() -> None:
            for _ in range(size // len(block)):
                server.sendall(block)
            server.close()

        writer = threading.Thread(target=write)
        writer.start()
        got, position = 0, 0
        pause = threading.Event()
        with client:
            while data := client.recv(1 << 20 if not slow else 70_000):
                assert data[:256] == (block + block)[position : position + 256][: len(data)]
                position = (position + len(data)) % len(block)
                got += len(data)
                if slow and got < 4 << 20:
                    pause.wait(0.01)
        writer.join()
        assert got == size

    run(loop, work)


@pytest.mark.slow
def test_ten_thousand_connections_are_carried_at_once(loop: Loop, target: socket.socket) -> None:
    """H8."""

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(10_000, (hard - 200) // 4)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    address = carried(loop, target.getsockname())

    def work() -> None:
        pairs = []
        for _ in range(count):
            client = socket.create_connection(address, timeout=60)
            server, _ = target.accept()
            pairs.append((client, server))
        for number in (0, count // 2, count - 1):
            client, server = pairs[number]
            client.sendall(b"%d" % number)
            assert server.recv(100) == b"%d" % number
        for client, server in pairs:
            client.close()
            server.close()

    run(loop, work)


def test_connections_that_there_is_no_room_for_are_reset_and_the_others_go_on(
    loop: Loop, target: socket.socket
) -> None:
    address = carried(loop, target.getsockname(), descriptors=8)

    def work() -> None:
        held = [connected(address, target) for _ in range(3)]
        # As early as the client's own connect, where the relay is quicker than it.
        with pytest.raises(ConnectionResetError), socket.create_connection(address, timeout=10) as refused:
            refused.recv(1)
        for client, server in held:
            client.sendall(b"still there")
            assert server.recv(100) == b"still there"
        for each in held[0]:
            each.close()
        again: list[tuple[socket.socket, socket.socket]] = []
        target.settimeout(0.2)
        while not again:  # until the relay has noticed the end of the first
            try:
                client = socket.create_connection(address, timeout=60)
            except ConnectionResetError:
                continue
            try:
                again.append((client, target.accept()[0]))
            except TimeoutError:
                client.close()
        for each in (*held[1], *held[2], *again[0]):
            each.close()

    run(loop, work)


def test_without_a_descriptor_left_it_looks_again_and_not_all_the_time(loop: Loop, target: socket.socket) -> None:
    address = carried(loop, target.getsockname())
    spent = []

    def work() -> None:
        with socket.socket() as client:
            with no_descriptors():
                client.settimeout(10)
                client.connect(address)
                began = time.process_time()
                with pytest.raises(TimeoutError):
                    target.settimeout(1)
                    target.accept()
                spent.append(time.process_time() - began)
            target.settimeout(10)
            server, _ = target.accept()
            with server:
                server.sendall(b"here")
                assert client.recv(100) == b"here"

    run(loop, work)
    assert spent[0] < 0.5


def test_datagrams_of_several_clients_come_back_to_their_own(loop: Loop) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        listener = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM, 0)
        listener.bind(("127.0.0.1", 0))
        OPEN.append(DatagramPort(loop, listener, server.getsockname(), dial))
        address = listener.getsockname()

        def work() -> None:
            clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(5)]
            for number, client in enumerate(clients):
                client.settimeout(60)
                client.sendto(b"%d" % number, address)
            for _ in clients:
                data, sender = server.recvfrom(100)
                server.sendto(data, sender)
            assert [client.recv(100) for client in clients] == [b"%d" % number for number in range(5)]
            for client in clients:
                client.close()

        run(loop, work)
