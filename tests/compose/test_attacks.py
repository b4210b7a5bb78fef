"""attacks.md, section F: what a hostile file may not do."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from izba.compose.errors import ComposeFileError
from izba.compose.load.yaml import documents
from izba.compose.mountedfiles import MountedFile, write
from izba.errors import IzbaError
from tests.compose.conftest import Compose
from tests.compose.loading import loaded
from tests.compose.loading import project as bound_project
from tests.containers.conftest import eventually


@pytest.mark.parametrize(
    "text",
    [
        "include: [https://example.org/compose.yaml]",
        "include: ['git@example.org:a/b.git']",
        "include: ['oci://example.org/a']",
        "include: [{path: [ok.yaml, 'git://example.org/x']}]",
        "services: {a: {extends: {file: 'https://example.org/x.yaml', service: a}}}",
        "services: {a: {extends: {file: 'oci://example.org/x', service: a}}}",
    ],
)
def test_nothing_is_fetched(tmp_path: Path, text: str) -> None:
    """F1 (CVE-2025-62725): no remote include, so nothing that could be written outside of a cache."""
    before = sorted(os.listdir(tmp_path))

    with pytest.raises(ComposeFileError, match="not on this machine"):
        loaded(tmp_path, text)

    assert sorted(os.listdir(tmp_path)) == sorted([*before, "compose.yaml"])


@pytest.mark.parametrize("reference", ["/dev/zero", "fifo", "directory", "missing", "../../../../../../no/such"])
@pytest.mark.parametrize(
    "text",
    [
        "include: [REF]",
        "services: {a: {extends: {file: REF, service: a}}}",
        "services: {a: {image: x, env_file: [REF]}}",
        "services: {a: {image: x, label_file: [REF]}}",
        "include: [{path: ok.yaml, env_file: REF}]",
    ],
)
def test_files_that_are_none_are_errors_and_not_waited_for(tmp_path: Path, text: str, reference: str) -> None:
    """F1: devices without end, pipes without a writer, directories, nothing."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "directory").mkdir()
    (tmp_path / "ok.yaml").write_text("services: {x: {image: x}}")

    with pytest.raises(ComposeFileError) as raised:
        loaded(tmp_path, text.replace("REF", reference))

    assert raised.value.place.file == str(tmp_path / "compose.yaml")


def bomb(levels: int) -> str:
    lines = ["x-0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (bomb(9), "expands to more than"),
        ("a: &a [*a]", "no anchor of this name"),
        ("a: &a {<<: *a}", "no anchor of this name"),
        ("x: " + "[" * 5000 + "]" * 5000, "nested deeper"),
        ("x: " + "{a: " * 5000 + "}" * 5000, "nested deeper"),
        ("x: !!python/object/apply:os.system [touch /tmp/pwned]", "means nothing here"),
        ("x: !!python/name:os.system", "means nothing here"),
        ("x: !Ref y", "means nothing here"),
        ("<<: [1, 2]", "<< needs a mapping"),
        ("? [a, b]\n: c", "a key must be text"),
        ("1: x", "is not text"),
        ("x: \x00", "not YAML"),
    ],
)
def test_yaml_that_wants_too_much(text: str, message: str) -> None:
    """F2."""
    begin = time.process_time()

    with pytest.raises(ComposeFileError, match=message):
        documents(text, "compose.yaml")

    assert time.process_time() - begin < 5


def test_merge_bombs_are_counted_too() -> None:
    """F2: `<<` of `<<`."""
    lines = ["x-0: &a0 {a: 1, b: 2, c: 3}"]
    lines += [f"x-{n}: &a{n} {{{', '.join(f'k{i}: {{<<: *a{n - 1}}}' for i in range(10))}}}" for n in range(1, 9)]

    with pytest.raises(ComposeFileError, match="expands to more than"):
        documents("\n".join(lines), "compose.yaml")


def test_a_file_of_ten_thousand_services_loads_in_reasonable_time(tmp_path: Path) -> None:
    """F2."""
    text = "services:\n" + "".join(f"  s{n}: {{image: busybox, depends_on: [s{n - 1}]}}\n" for n in range(1, 10_000))
    begin = time.process_time()

    services = loaded(tmp_path, text + "  s0: {image: busybox}\n").tree["services"]

    assert len(services) == 10_000
    assert time.process_time() - begin < 60


@pytest.mark.parametrize(
    "files",
    [
        {"compose.yaml": "services: {a: {extends: a}}"},
        {"compose.yaml": "services: {a: {extends: b}, b: {extends: a}}"},
        {
            "compose.yaml": "services: {a: {extends: {file: b.yaml, service: b}}}",
            "b.yaml": "services: {b: {extends: {file: compose.yaml, service: a}}}",
        },
    ],
)
def test_extends_in_a_circle(tmp_path: Path, files: dict[str, str]) -> None:
    """F2."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(ComposeFileError, match="in a circle"):
        loaded(tmp_path, files["compose.yaml"])


@pytest.mark.parametrize(
    "files",
    [
        {"compose.yaml": "include: [compose.yaml]"},
        {"compose.yaml": "include: [b.yaml]", "b.yaml": "include: [compose.yaml]"},
        {"compose.yaml": "include: [b.yaml]", "b.yaml": "include: [c.yaml]", "c.yaml": "include: [b.yaml]"},
    ],
)
def test_include_in_a_circle(tmp_path: Path, files: dict[str, str]) -> None:
    """F2."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    with pytest.raises(ComposeFileError, match="in a circle"):
        loaded(tmp_path, files["compose.yaml"])


def test_a_variable_is_a_value_and_never_more_of_the_file(tmp_path: Path) -> None:
    """F3: what a variable holds is no YAML, no shell and no variable again."""
    hostile = "x\n    privileged: true\n$(touch /tmp/pwned) ${HOME} `id`"

    found = loaded(
        tmp_path,
        "services: {a: {image: x, labels: {l: '${V}'}, command: ['${V}']}}",
        environment={"V": hostile, "HOME": "/secret"},
    ).tree["services"]["a"]

    assert found["labels"]["l"] == hostile
    assert found["command"] == [hostile]
    assert "privileged" not in found


def test_secrets_are_in_neither_the_model_nor_the_documents(tmp_path: Path) -> None:
    """F3."""
    text = "services: {a: {image: x, secrets: [s]}}\nsecrets: {s: {environment: TOKEN}}"

    bound = bound_project(tmp_path, text, environment={"TOKEN": "hush-hush"})

    service = bound.services[0]
    assert "hush-hush" not in repr((service.config, service.host_config, service.model))


@pytest.mark.parametrize(
    "text",
    [
        "services: {'../x': {image: x}}",
        "services: {'a/b': {image: x}}",
        "services: {'a b': {image: x}}",
        'services: {"a\\u001b[1m": {image: x}}',
        "services: {'': {image: x}}",
        "services: {'..': {image: x}}",
        "services: {a: {image: x, container_name: ../x}}",
        "services: {a: {image: x, container_name: 'a b'}}",
        "services: {a: {image: x}}\nvolumes: {'../v': {}}",
        "services: {a: {image: x}}\nnetworks: {'a/../b': {}}",
    ],
)
def test_hostile_names(tmp_path: Path, text: str) -> None:
    """F4: no path, no line of a hosts file, no control code."""
    with pytest.raises(IzbaError):
        loaded(tmp_path, text)


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    """F7 (CVE-2025-9566): the file of a secret replaces what stands in its place."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "secrets-0").symlink_to(victim)
    path = str(tmp_path / "files" / "secrets-0")

    write((MountedFile(path=path, target="/run/secrets/s", data=b"secret", mode=0o400),))

    assert victim.read_text() == "precious"
    assert Path(path).read_bytes() == b"secret"
    assert not Path(path).is_symlink()


def test_watch_copies_a_link_as_a_link_and_removes_through_none(project: Compose) -> None:
    """F6: a link in the source tree that leads out of it; a link in the container where a directory was."""
    outside = project.write("host secret\n", "outside.txt")
    project.write("fine\n", "src/a.txt")
    (project.directory / "src/link").symlink_to(outside)
    project.write(
        """
        services:
          a:
            image: busybox
            build: {context: ., dockerfile_inline: "FROM busybox"}
            command: [sh, -c, "mkdir -p /src /etc/kept; echo x > /etc/kept/f; ln -s /etc/kept /src/sub; SERVE"]
            develop: {watch: [{action: sync, path: ./src, target: /src, initial_sync: true}]}
        """
    )
    project.ok("--progress", "quiet", "up", "-d")
    with project.popen("watch", "--no-up") as process:
        try:
            eventually(lambda: project("exec", "-T", "a", "cat", "/src/a.txt").stdout == "fine\n")
            eventually(lambda: project("exec", "-T", "a", "readlink", "/src/link").stdout == f"{outside}\n")
            assert "host secret" not in project("exec", "-T", "a", "cat", "/src/link").stdout
            project.write("over\n", "src/sub/f")
            project.write("later\n", "src/b.txt")
            time.sleep(1)
            (project.directory / "src/sub/f").unlink()
            time.sleep(1)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=120)

    assert project.ok("exec", "-T", "a", "cat", "/etc/kept/f") == "x"
