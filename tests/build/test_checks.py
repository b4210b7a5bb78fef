"""The build checks as a part of `izba build`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def context(tmp_path: Path) -> Path:
    directory = tmp_path / "context"
    directory.mkdir()
    return directory


def build(root: Path, context: Path, text: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: a build takes itself a mount namespace."""
    (context / "Dockerfile").write_text(text)
    command = [sys.executable, "-m", "izba", "--root", str(root), "build", *flags, "--progress", "plain", str(context)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_check_prints_what_is_found_and_where(root_directory: Path, context: Path) -> None:
    done = build(root_directory, context, "FROM scratch\nENV a b\n", "--check")

    assert done.returncode == 1
    assert done.stdout == (
        "Check complete, 1 warning has been found!\n"
        "\n"
        "WARNING: LegacyKeyValueFormat - https://docs.docker.com/go/dockerfile/rule/legacy-key-value-format/\n"
        '"ENV key=value" should be used instead of legacy "ENV key value" format\n'
        "Dockerfile:2\n"
        "  1 |     FROM scratch\n"
        "  2 | >>> ENV a b\n"
    )


def test_check_of_a_good_dockerfile_is_quiet(root_directory: Path, context: Path) -> None:
    done = build(root_directory, context, "FROM scratch\nENV a=b\n", "--check")

    assert (done.returncode, done.stdout) == (0, "Check complete, no warnings found.\n")


def test_check_does_without_an_image_that_is_not_here(root_directory: Path, context: Path) -> None:
    done = build(root_directory, context, "FROM nowhere.invalid/x\nCMD a\n", "--check")

    assert done.returncode == 1
    assert "JSONArgsRecommended" in done.stdout


@pytest.mark.root
def test_a_build_warns_and_fails_if_its_dockerfile_wants_that(root_directory: Path, context: Path) -> None:
    text = "FROM scratch\nCOPY Dockerfile /\nENV a b\n"

    warned = build(root_directory, context, text)
    failed = build(root_directory, context, f"# check=error=true\n{text}")

    assert warned.returncode == 0, warned.stderr
    assert "WARNING: Dockerfile:3: LegacyKeyValueFormat: " in warned.stderr
    assert failed.returncode == 1
    assert "error: lint violation found for rules: LegacyKeyValueFormat" in failed.stderr
