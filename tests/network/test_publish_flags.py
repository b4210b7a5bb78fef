"""`-p` and `--expose` as Docker reads them."""

from __future__ import annotations

import pytest

from izba.cli.options.flags import UsageError
from izba.cli.options.ports import exposed, published
from izba.cli.output.ports import ports


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", {"80/tcp": [{"HostIp": "", "HostPort": ""}]}),
        ("8080:80", {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}),
        ("8000-8003:80", {"80/tcp": [{"HostIp": "", "HostPort": "8000-8003"}]}),
        ("8080:80/udp", {"80/udp": [{"HostIp": "", "HostPort": "8080"}]}),
        ("127.0.0.1:8080:80", {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}),
        ("127.0.0.1::80", {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]}),
        ("[::1]:8080:80", {"80/tcp": [{"HostIp": "::1", "HostPort": "8080"}]}),
        ("0:80", {"80/tcp": [{"HostIp": "", "HostPort": ""}]}),
        ("published=8080,target=80,protocol=udp", {"80/udp": [{"HostIp": "", "HostPort": "8080"}]}),
        (
            "8000-8001:80-81",
            {"80/tcp": [{"HostIp": "", "HostPort": "8000"}], "81/tcp": [{"HostIp": "", "HostPort": "8001"}]},
        ),
    ],
)
def test_publish_is_read_as_docker_reads_it(text: str, expected: object) -> None:
    assert published([text]) == expected


def test_several_places_of_one_port_are_kept_once_each() -> None:
    found = published(["8080:80", "8081:80", "8080:80"])
    assert [place["HostPort"] for place in found["80/tcp"]] == ["8080", "8081"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "invalid publish format"),
        ("80:", "invalid publish format"),
        ("a:b:c:d", "invalid publish format"),
        ("eighty", "invalid containerPort"),
        ("0", "invalid containerPort"),
        ("65536", "invalid containerPort"),
        ("99999:80", "invalid hostPort"),
        ("80/icmp", "invalid proto"),
        ("8000-8002:80-81", "invalid ranges"),
        ("1.2.3:80:80", "invalid IP address"),
        ("[::1:80:80", "invalid publish format"),
        ("target=80,colour=red", "invalid field"),
    ],
)
def test_what_cannot_be_published_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        published([text])


def test_ranges_are_exposed() -> None:
    assert exposed("8000-8002/udp") == ["8000/udp", "8001/udp", "8002/udp"]
    with pytest.raises(UsageError):
        exposed("8002-8000")


def test_ports_that_count_up_together_are_shown_as_a_range() -> None:
    places = {
        f"{port}/tcp": [{"HostIp": address, "HostPort": str(port + 8000)} for address in ("0.0.0.0", "::")]
        for port in (80, 81, 82)
    } | {"443/tcp": None, "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "5300"}]}

    assert ports(places) == ("127.0.0.1:5300->53/udp, 0.0.0.0:8080-8082->80-82/tcp, [::]:8080-8082->80-82/tcp, 443/tcp")
