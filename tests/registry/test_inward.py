"""A registry on another machine that leads izba to what only this machine can reach (attacks.md, E1)."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from izba.network.files import host_address
from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.inward import is_inward
from izba.registry.transport import RedirectRefused
from tests.registry.servers import Request, Server, scripted

BLOB = Descriptor(media_type=mediatype.OCI_LAYER, digest=Digest.of(b"blob"), size=4)


@pytest.fixture
def inner() -> Iterator[Server]:
    """What listens on loopback, and would tell."""
    with scripted(lambda request: request.answer(200, b'{"token": "the machine\'s own secret"}')) as server:
        yield server


def client(registry: Server, *token_hosts: str) -> Client:
    config = RegistryConfig(host=registry.host, insecure=True, token_hosts=token_hosts)
    return Client(config, "a/b", environ={}, credentials=None)


def inner_names(inner: Server) -> tuple[str, ...]:
    port = inner.host.rpartition(":")[2]
    return (inner.host, f"localhost:{port}", f"0.0.0.0:{port}", f"[::ffff:127.0.0.1]:{port}")


def test_a_realm_on_this_machine_is_not_asked(inner: Server) -> None:
    for name in inner_names(inner):
        challenge = f'Bearer realm="http://{name}/latest/token",service="s",scope="repository:a/b:pull"'

        def ask(request: Request, challenge: str = challenge) -> None:
            request.answer(401, WWW_Authenticate=challenge)

        with scripted(ask, host_address()) as registry, pytest.raises(RedirectRefused, match="only this machine"):
            client(registry).manifest("v1")
    assert inner.seen == []


def test_a_redirect_to_this_machine_is_not_followed(inner: Server) -> None:
    for name in inner_names(inner):

        def redirect(request: Request, name: str = name) -> None:
            request.answer(307, Location=f"http://{name}/secret")

        with scripted(redirect, host_address()) as registry, pytest.raises(RedirectRefused) as refused:
            client(registry).blob(BLOB)
        assert "token-hosts" in str(refused.value.hint)
    assert inner.seen == []


def test_who_configures_it_may_be_led_there_and_so_may_a_registry_of_this_machine(inner: Server) -> None:
    def redirect(request: Request) -> None:
        request.answer(307, Location=f"http://{inner.host}/blob")

    with scripted(redirect, host_address()) as registry:
        client(registry, inner.host).blob(BLOB)[0].close()
        assert {seen.path for seen in inner.seen} == {"/blob"}
        inner.seen.clear()
    with scripted(redirect) as registry:
        client(registry).blob(BLOB)[0].close()
        assert {seen.path for seen in inner.seen} == {"/blob"}


def test_what_listens_there_is_sent_nothing_at_all() -> None:
    """The address is looked at once the connection is there: a name that is looked up anew can lie each time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        where = f"http://localhost:{listener.getsockname()[1]}/"
        with (
            scripted(lambda request: request.answer(307, Location=where), host_address()) as registry,
            pytest.raises(RedirectRefused),
        ):
            client(registry).blob(BLOB)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(100) == b""


@pytest.mark.parametrize(
    ("address", "inward"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("169.254.169.254", True),
        ("0.0.0.0", True),
        ("::1", True),
        ("fe80::1%eth0", True),
        ("::ffff:169.254.169.254", True),
        ("10.0.0.1", False),
        ("192.168.1.1", False),
        ("203.0.113.7", False),
        ("2001:db8::1", False),
        ("registry.example", False),
    ],
)
def test_addresses_of_this_machine(address: str, *, inward: bool) -> None:
    assert is_inward(address) is inward
