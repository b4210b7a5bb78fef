"""What `pull` and `push` pass over, told as the real Compose tells it, which asks a dockerd of the test's own."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from tests.archive import peers
from tests.compose import corpus
from tests.compose.conftest import Compose

# 127.0.0.1:1 answers nobody: whatever is asked for there fails.
SERVICES = """
services:
  here: {image: "here:1", pull_policy: missing}
  unless: {image: "here:1", pull_policy: if_not_present}
  never: {image: "127.0.0.1:1/never:1", pull_policy: never}
  made: {build: {context: ., dockerfile_inline: "FROM scratch\\n"}}
  built: {image: "127.0.0.1:1/built:1", build: {context: ., dockerfile_inline: "FROM scratch\\n"}}
  building: {image: "127.0.0.1:1/b:1", pull_policy: build, build: {context: ., dockerfile_inline: "FROM scratch\\n"}}
"""


def told(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines on stderr, in no order and whatever the spaces."""
    assert done.returncode == 0, done.stderr
    return sorted(" ".join(line.split()) for line in done.stderr.splitlines())


@pytest.mark.root
@pytest.mark.peer("dockerd", "docker")
def test_services_without_an_image_to_move_are_skipped_as_compose_skips_them(project: Compose) -> None:
    project.write(SERVICES)
    assert project.izba("tag", "busybox", "here:1").returncode == 0
    with tempfile.TemporaryDirectory(prefix="d") as short, peers.docker(Path(short)) as docker:
        tar = io.BytesIO()
        with tarfile.open(fileobj=tar, mode="w") as archive:
            archive.addfile(tarfile.TarInfo("empty"))
        (project.directory / "empty.tar").write_bytes(tar.getvalue())
        docker("import", project.directory / "empty.tar", "here:1")

        def compose(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [corpus.COMPOSE, *words],
                cwd=project.directory,
                env=peers.CLEAN | {"DOCKER_HOST": docker.socket},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )

        for words in (
            ("pull", "--ignore-buildable"),
            ("pull", "--quiet", "never", "made", "building"),
            ("--progress", "quiet", "pull", "never", "made"),
            ("pull", "--policy", "missing", "here", "made"),
            ("push", "here", "never", "made"),
            ("push", "--quiet", "here", "made"),
            ("--progress", "quiet", "push", "here", "made"),
        ):
            assert told(project(*words)) == told(compose(*words)), words

    assert "here Skipped" in told(project("push", "here"))
    assert "Image here:1 Skipped Image is already present locally" in told(project("pull", "here"))


def test_a_policy_that_is_typed_counts_more_than_the_services(project: Compose) -> None:
    project.write(SERVICES)

    done = project("pull", "--policy", "always", "never")

    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr


def test_a_policy_that_nobody_knows_is_refused(project: Compose) -> None:
    project.write(SERVICES)

    done = project("pull", "--policy", "sometimes", "here")

    assert done.returncode != 0
    assert 'invalid pull_policy "sometimes"' in done.stderr


def test_of_latest_also_what_is_here_is_asked_for(project: Compose) -> None:
    project.write('services: {a: {image: "127.0.0.1:1/a", pull_policy: missing}}')
    assert project.izba("tag", "busybox", "127.0.0.1:1/a").returncode == 0

    for words in (("pull",), ("pull", "--policy", "missing")):
        done = project(*words)

        assert done.returncode == 1, words
        assert "Skipped" not in done.stderr


def test_what_is_here_for_another_platform_is_not_passed_over(any_project: Compose) -> None:
    project = any_project
    project.write('services: {a: {image: "127.0.0.1:1/a:1", pull_policy: missing, platform: linux/s390x}}')
    assert project.izba("tag", "busybox", "127.0.0.1:1/a:1").returncode == 0

    done = project("pull")

    assert done.returncode == 1
    assert "Skipped" not in done.stderr
