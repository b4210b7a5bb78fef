"""The phases of loading, each as a table."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

from izba.compose import dotenv
from izba.compose.errors import ComposeFileError
from izba.compose.load.canonical import canonical
from izba.compose.load.merge import merge
from izba.compose.load.names import BadProjectName, normalized, project_name
from izba.compose.load.ports import parse_port
from izba.compose.load.source import Source
from izba.compose.load.volumes import parse_volume
from izba.compose.load.yaml import documents
from izba.compose.template import TemplateError, substitute
from izba.compose.units import duration, size
from izba.durations import go_duration
from tests.compose.loading import loaded, tree

VALUES = {"SET": "value", "EMPTY": "", "NAME": "SET"}


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$SET", "value"),
        ("${SET}", "value"),
        ("$SET-more", "value-more"),
        ("$SETmore", ""),
        ("${SET}more", "valuemore"),
        ("${UNSET-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${UNSET:-d}", "d"),
        ("${EMPTY:-d}", "d"),
        ("${SET:-d}", "value"),
        ("${SET:+alt}", "alt"),
        ("${EMPTY:+alt}", ""),
        ("${EMPTY+alt}", "alt"),
        ("${UNSET+alt}", ""),
        ("${SET:?no}", "value"),
        ("${EMPTY?no}", ""),
        ("${UNSET:-${SET}}", "value"),
        ("${UNSET:-${UNSET2:-deep}}", "deep"),
        ("${UNSET:-a${SET}b$SET}", "avaluebvalue"),
        ('${UNSET:-{"a": {"b": 1}}}', '{"a": {"b": 1}}'),
        ("${UNSET:-a:-b?c+d}", "a:-b?c+d"),
        ("$$SET", "$SET"),
        ("$$$SET", "$value"),
        ("$${SET}", "${SET}"),
        ("5$ and $1 $", "5$ and $1 $"),
        ("no variables", "no variables"),
    ],
)
def test_variables_are_replaced(text: str, result: str) -> None:
    assert substitute(text, VALUES.get) == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${UNSET?}", "required variable UNSET is missing a value"),
        ("${EMPTY:?say so}", "required variable EMPTY is missing a value: say so"),
        ("${UNSET:?${SET} is not enough}", "required variable UNSET is missing a value: value is not enough"),
        ("${", "invalid interpolation format"),
        ("${SET", "invalid interpolation format"),
        ("${1}", "invalid interpolation format"),
        ("${SET!x}", "invalid interpolation format"),
        ("${}", "invalid interpolation format"),
    ],
)
def test_what_is_no_template_is_an_error(text: str, message: str) -> None:
    with pytest.raises(TemplateError, match=re.escape(message)):
        substitute(text, VALUES.get)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A=1", {"A": "1"}),
        ("A = 1 ", {"A": "1"}),
        ("export A=1", {"A": "1"}),
        ("A: 1", {"A": "1"}),
        ("A=1 # comment", {"A": "1"}),
        ("A=1#not", {"A": "1#not"}),
        ("A=", {"A": ""}),
        ("A='$B \\n'", {"A": "$B \\n"}),
        ('A="a\\nb"', {"A": "a\nb"}),
        ('A="two\nlines"', {"A": "two\nlines"}),
        ('A="q\\"q"', {"A": 'q"q'}),
        ("A=1\nB=${A}2", {"A": "1", "B": "12"}),
        ("B=$HOST", {"B": "host"}),
        ("HOST", {"HOST": "host"}),
        ("NOWHERE", {}),
        ('A="\\$HOST $$HOST"', {"A": "$HOST $HOST"}),
        ("# only a comment\n\n", {}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("A=${B:-default}", {"A": "default"}),
    ],
)
def test_dotenv_lines(text: str, values: dict[str, str]) -> None:
    assert dotenv.parse(text, ".env", {"HOST": "host"}.get) == values


@pytest.mark.parametrize("text", ["A B=1", 'A="open', "A!=1", "A=${B:?no}"])
def test_a_line_that_assigns_nothing_is_an_error_with_its_number(text: str) -> None:
    with pytest.raises(dotenv.DotenvError) as raised:
        dotenv.parse(f"# first\n{text}\n", ".env", {}.get)

    assert str(raised.value).startswith(".env:2: ")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1m30s", 90 * 10**9),
        ("1.5s", 1_500_000_000),
        ("500ms", 500_000_000),
        ("2d", 2 * 86400 * 10**9),
        ("1h2m3s", 3723 * 10**9),
        ("0", 0),
        ("-5s", -5 * 10**9),
    ],
)
def test_durations(text: str, value: int) -> None:
    assert duration(text) == value
    assert duration(go_duration(value)) == value


@pytest.mark.parametrize(
    ("value", "count"),
    [("64m", 64 << 20), ("1g", 1 << 30), ("1.5k", 1536), ("100", 100), (5, 5), ("1GB", 1 << 30), ("1 KiB", 1024)],
)
def test_sizes(value: Any, count: int) -> None:
    assert size(value) == count


@pytest.mark.parametrize("text", ["", "1", "x", "1x", "1s1", "--1s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", [{"target": 80}]),
        ("8080:80", [{"target": 80, "published": "8080"}]),
        ("8080:80/udp", [{"target": 80, "published": "8080", "protocol": "udp"}]),
        ("127.0.0.1:8080:80", [{"target": 80, "published": "8080", "host_ip": "127.0.0.1"}]),
        ("127.0.0.1::80", [{"target": 80, "host_ip": "127.0.0.1"}]),
        ("[::1]:8080:80", [{"target": 80, "published": "8080", "host_ip": "::1"}]),
        ("1-2:3-4", [{"target": 3, "published": "1"}, {"target": 4, "published": "2"}]),
        ("9000-9010:80", [{"target": 80, "published": "9000-9010"}]),
    ],
)
def test_short_ports(text: str, ports: list[dict[str, Any]]) -> None:
    assert parse_port(text) == [{"mode": "ingress", "protocol": "tcp"} | port for port in ports]


@pytest.mark.parametrize("text", ["", "x", "80:x", "1:2:3:4:5:x", "1-3:1-2", "70000", "80/icmp", "1.2.3:80:80", "5-1"])
def test_ports_that_cannot_be(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_port(text)


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("/data", {"type": "volume", "target": "/data", "volume": {}}),
        ("v:/data", {"type": "volume", "source": "v", "target": "/data", "volume": {}}),
        ("v:/d:ro", {"type": "volume", "source": "v", "target": "/d", "read_only": True, "volume": {}}),
        ("v:/d:nocopy", {"type": "volume", "source": "v", "target": "/d", "volume": {"nocopy": True}}),
        ("./x:/d", {"type": "bind", "source": "./x", "target": "/d", "bind": {"create_host_path": True}}),
        ("${V:-v}:/d", {"type": "volume", "source": "${V:-v}", "target": "/d", "volume": {}}),
    ],
)
def test_short_volumes(text: str, volume: dict[str, Any]) -> None:
    assert parse_volume(text) == volume


@pytest.mark.parametrize(
    ("base", "over", "result"),
    [
        ({"image": "a"}, {"image": "b"}, {"image": "b"}),
        ({"command": ["a", "b"]}, {"command": ["c"]}, {"command": ["c"]}),
        ({"cap_add": ["A"]}, {"cap_add": ["B"]}, {"cap_add": ["A", "B"]}),
        ({"environment": {"A": 1}}, {"environment": ["B=2"]}, {"environment": ["A=1", "B=2"]}),
        ({"labels": {"a": True}}, {"labels": {"b": None}}, {"labels": ["a=true", "b"]}),
        ({"build": "."}, {"build": {"target": "t"}}, {"build": {"context": ".", "target": "t"}}),
        ({"networks": ["a"]}, {"networks": {"b": {"priority": 1}}}, {"networks": {"a": None, "b": {"priority": 1}}}),
        (
            {"logging": {"driver": "a", "options": {"x": 1}}},
            {"logging": {"driver": "b"}},
            {"logging": {"driver": "b"}},
        ),
        ({"healthcheck": {"test": ["A"], "retries": 1}}, {"healthcheck": {"test": "B"}},
         {"healthcheck": {"test": "B", "retries": 1}}),
        ({"ports": ["1"]}, {"ports": None}, {"ports": ["1"]}),
    ],
)  # fmt: skip
def test_merging_services(base: dict[str, Any], over: dict[str, Any], result: dict[str, Any]) -> None:
    merged = merge({"services": {"a": base}}, {"services": {"a": over}})

    assert merged["services"]["a"] == result


def test_merging_changes_neither_file() -> None:
    over = {"services": {"a": {"environment": {"A": 1}, "ports": ["1"]}}}

    canonical(merge({"services": {"a": {"image": "x"}}}, over), Source("f", ""), tolerant=False)

    assert over == {"services": {"a": {"environment": {"A": 1}, "ports": ["1"]}}}


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("services:\n  a:\n    imagee: x", "3:5", "services.a.imagee: unknown key", "did you mean image?"),
        ("service: {}", "1", "service: unknown key", "did you mean services?"),
        ("services:\n  a:\n    image: [x]", "3:5", "services.a.image: must be text, not a list", None),
        ("services:\n  a:\n    image: x\n    ports:\n      - {}", "5:9", "ports[0]: target is missing", None),
        ("services:\n  a: {image: x, deploy: {replicas: two}}", "2:26", "must be a whole number, not 'two'", None),
        ("services: {a: {image: x, scale: -1}}", "1:26", "services.a.scale: must be 0 or more", None),
        ("services: {a: {image: x, depends_on: [b]}}", "1:26", "refers to undefined service b", None),
        ("services: {a: {image: x, networks: [nett]}}\nnetworks: {net: }", "1:26", "undefined network nett",
         "did you mean net?"),
        ("services: {a: {image: x, volumes: ['data:/d']}}", "1:36", "undefined volume data", None),
        ("services: {a: {image: '${T:?no tag}'}}", "1:16", "required variable T is missing a value: no tag", None),
        ("services: {a: {}}", "1:12", "neither an image nor a build context", None),
        ("services: {a: {image: x, mem_limit: 5q}}", "1:26", "'5q' is not a size", None),
        ("services: {a: {image: x, healthcheck: {test: [ls]}}}", "1:40", 'must begin with "CMD"', None),
        ("services:\n  a: {image: x}\n  a: {image: y}", "3:3", "the key 'a' is there twice; it was first in line 2",
         None),
        ("services:\n\ta: {}", "2", "not YAML", None),
        ("- a", "1", "the top level must be a mapping", None),
        ("services: {a: {image: x, tmpfs: [/t], volumes: [/t]}}", "1:49", "target /t is mounted already", None),
        ("services: {a: {image: x, network_mode: host, networks: [default]}}", "1:26", "exclude each other", None),
        ("services: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}", "1:58", "dependency cycle",
         None),
        ("services: {a: {image: x, pull_policy: sometimes}}", "1:26", "not of the form", None),
        ("services: {a: {image: x}}\nvolumes: {v: {external: true, driver: x}}", "2:31", "exclude each other", None),
        ("services: {a: {image: x}}\nsecrets: {s: {}}", "2:11", "one of file|environment must be set", None),
    ],
)  # fmt: skip
def test_errors_point_at_their_place(tmp_path: Path, text: str, place: str, message: str, hint: str | None) -> None:
    with pytest.raises(ComposeFileError) as raised:
        loaded(tmp_path, text)

    assert str(raised.value).startswith(f"{tmp_path}/compose.yaml:{place}: ")
    assert message in str(raised.value)
    if hint:
        assert raised.value.hint == hint


def test_an_error_in_a_later_file_points_there(tmp_path: Path) -> None:
    with pytest.raises(ComposeFileError, match=r"over1\.yaml:1:16: services\.a\.imge: unknown key"):
        loaded(tmp_path, "services: {a: {image: x}}", "services: {a: {imge: y}}")


def test_reset_and_override(tmp_path: Path) -> None:
    base = "services: {a: {image: x, ports: ['1:1'], labels: {a: b}, environment: {A: 1}}, b: {image: y}}"
    over = "services: {a: {ports: !override ['2:2'], labels: !reset null, environment: {A: !reset x}}, b: !reset null}"

    services = tree(tmp_path, base, over)["services"]

    assert list(services) == ["a"]
    assert [port["published"] for port in services["a"]["ports"]] == ["2"]
    assert "labels" not in services["a"]
    assert "A" not in services["a"].get("environment", {})


def test_warnings_name_what_means_nothing_here(tmp_path: Path) -> None:
    text = """
    version: "3"
    services: {a: {image: x, deploy: {placement: {constraints: [a]}}, command: $UNSET, isolation: x}}
    """

    warnings = loaded(tmp_path, textwrap.dedent(text)).warnings

    assert any("`version` is obsolete" in warning for warning in warnings)
    assert any("services.a.deploy.placement is ignored: it is for a swarm" in warning for warning in warnings)
    assert any("services.a.isolation is ignored" in warning for warning in warnings)
    assert any('"UNSET" variable is not set' in warning for warning in warnings)


@pytest.mark.parametrize(
    ("given", "environment", "text", "directory", "name"),
    [
        ("flag", {"COMPOSE_PROJECT_NAME": "env"}, "name: file", "/x/dir", "flag"),
        (None, {"COMPOSE_PROJECT_NAME": "env"}, "name: file", "/x/dir", "env"),
        (None, {"WHO": "me"}, "name: file-${WHO}", "/x/dir", "file-me"),
        (None, {}, "x-a: 1", "/x/My.Dir_1", "mydir_1"),
        (None, {}, "name: My.File", "/x/dir", "myfile"),
    ],
)
def test_the_name_of_a_project(
    given: str | None, environment: dict[str, str], text: str, directory: str, name: str
) -> None:
    assert project_name(given, environment, documents(text, "f"), directory) == name


@pytest.mark.parametrize("name", ["../x", "A", "-x", "a b", "a/b", "a.b", "\x1b[1m", "é", "_x"])
def test_hostile_project_names_are_refused(name: str) -> None:
    """F4."""
    with pytest.raises(BadProjectName):
        project_name(name, {}, [], "/x")


def test_a_directory_without_a_letter_gives_no_name() -> None:
    assert normalized("../..") == ""
    with pytest.raises(BadProjectName):
        project_name(None, {}, documents("x-a: 1", "f"), "/")
