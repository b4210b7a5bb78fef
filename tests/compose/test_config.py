"""`izba compose config` beside the real `docker compose config`, feature by feature."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from izba.compose.config import to_yaml
from tests.compose import corpus
from tests.compose.support import DOCUMENT, MATRIX, ignored, matrix
from tests.support.children import children_cpu

PARTS = ("--services", "--images", "--profiles", "--volumes", "--networks")


@pytest.mark.parametrize("feature", corpus.FEATURES)
def test_config_agrees_with_compose(feature: str, tmp_path: Path) -> None:
    directory = corpus.project(feature, tmp_path)

    real, ours = corpus.compose(directory, "config"), corpus.izba(directory, "config")

    assert real.returncode == 0, real.stderr
    assert ours.returncode == 0, ours.stderr
    assert corpus.tree(ours.stdout) == corpus.corrected(corpus.tree(real.stdout))


@pytest.mark.parametrize("feature", corpus.FEATURES)
def test_what_config_prints_is_the_same_project_again(feature: str, tmp_path: Path) -> None:
    directory = corpus.project(feature, tmp_path)
    first = corpus.izba(directory, "config").stdout
    (directory / "canonical.yaml").write_text(first)

    again = subprocess.run(
        [
            sys.executable,
            "-m",
            "izba",
            "compose",
            "-f",
            "canonical.yaml",
            "--env-file",
            "/dev/null",
            "--profile",
            "*",
            "config",
        ],
        cwd=directory,
        env=corpus.environment(directory),
        capture_output=True,
        text=True,
        check=False,
    )

    assert again.returncode == 0, again.stderr
    assert corpus.tree(again.stdout) == corpus.tree(first)


@pytest.mark.parametrize("feature", ["microservices", "profiles", "include", "build", "volumes"])
@pytest.mark.parametrize("part", PARTS)
def test_parts_of_config_agree(part: str, feature: str, tmp_path: Path) -> None:
    directory = corpus.project(feature, tmp_path)

    real, ours = corpus.compose(directory, "config", part), corpus.izba(directory, "config", part)

    assert sorted(ours.stdout.split()) == sorted(real.stdout.split())


@pytest.mark.parametrize("flag", ["--no-interpolate", "--no-env-resolution"])
@pytest.mark.parametrize("feature", [each for each in corpus.FEATURES if each != "build"])
def test_config_agrees_with_less_done(flag: str, feature: str, tmp_path: Path) -> None:
    """Without interpolation the real one prints `build.ssh` in a form of its own."""
    directory = corpus.project(feature, tmp_path)

    real, ours = corpus.compose(directory, "config", flag), corpus.izba(directory, "config", flag)

    assert real.returncode == ours.returncode == 0, (real.stderr, ours.stderr)
    assert corpus.tree(ours.stdout) == corpus.corrected(corpus.tree(real.stdout))


def test_json_is_the_same_tree(tmp_path: Path) -> None:
    directory = corpus.project("microservices", tmp_path)

    assert json.loads(corpus.izba(directory, "config", "--format", "json").stdout) == corpus.tree(
        corpus.izba(directory, "config").stdout
    )


def test_variables_are_listed_with_their_defaults(tmp_path: Path) -> None:
    directory = corpus.project("microservices", tmp_path)

    lines = [line.split() for line in corpus.izba(directory, "config", "--variables").stdout.splitlines()]

    assert lines[1:] == [["LOG_LEVEL", "false", "info"], ["PORT", "false", "8000"]]


def test_a_service_is_shown_with_what_it_needs(tmp_path: Path) -> None:
    directory = corpus.project("microservices", tmp_path)

    real, ours = corpus.compose(directory, "config", "auth"), corpus.izba(directory, "config", "auth")

    assert corpus.tree(ours.stdout) == corpus.tree(real.stdout)


def test_a_hash_changes_with_what_a_container_is_and_not_with_how_many(tmp_path: Path) -> None:
    def hash_of(text: str) -> str:
        (tmp_path / "compose.yaml").write_text(f"services: {{a: {{image: busybox, {text}}}}}")
        done = subprocess.run(
            [sys.executable, "-m", "izba", "compose", "config", "--hash", "a"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
            env=dict(os.environ),
        )
        return done.stdout

    assert hash_of("command: a") != hash_of("command: b")
    assert hash_of("scale: 2") == hash_of("scale: 3") == hash_of("deploy: {replicas: 4}") == hash_of("build: .")


def test_secrets_from_the_environment_are_not_printed(tmp_path: Path) -> None:
    """F3."""
    directory = corpus.project("secrets-configs", tmp_path)

    assert "hush" not in corpus.izba(directory, "config").stdout


def test_a_file_of_a_hundred_services_takes_less_than_400_ms_of_the_processor(tmp_path: Path) -> None:
    services = "".join(
        f"""
  service-{number}:
    <<: *common
    image: "registry.example.org/team/service-{number}:${{TAG:-1.0}}"
    build: {{context: ./s{number}, args: {{V: "{number}"}}}}
    ports: ["{8000 + number}:80"]
    volumes: ["data:/data", "./c{number}:/c:ro"]
    environment: {{SERVICE: service-{number}, LOG: "${{LOG:-info}}"}}
    depends_on: [service-{number - 1}]
    healthcheck: {{test: "true", interval: 10s, retries: 3}}
    networks: [front, back]"""
        for number in range(1, 100)
    )
    (tmp_path / "compose.yaml").write_text(
        f"x-common: &common {{restart: always, labels: {{a: b}}}}\nservices:\n  service-0: {{image: busybox}}"
        f"{services}\nvolumes: {{data: }}\nnetworks: {{front: , back: }}\n"
    )

    times = []
    for _ in range(4):
        before = children_cpu()
        subprocess.run(
            [sys.executable, "-m", "izba", "compose", "config"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            check=True,
            env=dict(os.environ),
        )
        times.append(children_cpu() - before)

    assert min(times) < 0.4


@pytest.mark.parametrize(
    "text",
    ["", "a b", " a", "a ", "a: b", "a #b", "#", "-", "- a", "?", "yes", "null", "1", "1.0", "0x1", "1e3", "2001-01-01",
     "22:22", "a\nb", "a\n", "\na", "a\n\n", " a\nb", "a \nb", "\t", "'", '"', "\\", "$$", "*", "&a", "%", "@", "`",
     "{}", "[]", "\x00", "\u2028", "\U0001f600", "é", "=", "<<", "~", ".", "..", "a:", ":a", "!x", "|", ">"],
)  # fmt: skip
def test_every_text_survives_as_key_and_as_value(text: str) -> None:
    tree = {"a": text, "b": [text, {text: text}]}

    assert corpus.tree(to_yaml(tree)) == tree


def test_the_support_tables_are_what_the_corpus_and_the_warnings_show() -> None:
    """A feature without a line is a failure."""
    document = DOCUMENT.read_text()

    assert set(MATRIX) == set(corpus.FEATURES)
    assert matrix() in document
    assert ignored() in document
