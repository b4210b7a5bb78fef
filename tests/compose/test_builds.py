"""Images of several services built at once."""

from __future__ import annotations

from itertools import groupby

import pytest

from tests.compose.conftest import Compose

MEET = (
    "RUN --mount=type=cache,id=ID,target=/c touch /c/OWN; "
    "for i in $$(seq 200); do [ -e /c/OTHER ] && exit; sleep 0.05; done; exit 1"
)


def test_services_are_built_at_once_and_each_line_names_its_service(any_project: Compose) -> None:
    """Two builds that wait for each other: one after the other neither would end."""
    project = any_project
    meet = MEET.replace("ID", project.name)
    one, two = meet.replace("OWN", "a").replace("OTHER", "b"), meet.replace("OWN", "b").replace("OTHER", "a")
    project.write(
        f"""
        services:
          one: {{build: {{context: ., dockerfile_inline: "FROM busybox\\n{one}\\n"}}}}
          two: {{build: {{context: ., dockerfile_inline: "FROM busybox\\n{two}\\n"}}}}
          both:
            build:
              context: .
              additional_contexts: {{one: "service:one", two: "service:two"}}
              dockerfile_inline: "FROM one\\nCOPY --from=two /bin/sh /two\\n"
        """
    )

    done = project("--progress", "plain", "build")

    assert done.returncode == 0, done.stderr
    assert "[one " in done.stderr
    assert "[two " in done.stderr
    steps = [line.split()[0] for line in done.stderr.splitlines() if line.startswith("#") and "] " in line]
    assert len(steps) == len(set(steps))  # one numbering for all
    assert sorted(line.split()[1] for line in done.stderr.splitlines() if line.endswith("Built")) == sorted(
        f"{project.name}-{name}" for name in ("one", "two", "both")
    )
    project.izba("rmi", *(f"{project.name}-{name}" for name in ("one", "two", "both")))


def test_a_build_that_fails_names_its_service_and_its_last_lines(project: Compose) -> None:
    project.write(
        """
        services:
          good: {build: {context: ., dockerfile_inline: "FROM busybox\\nRUN true\\n"}}
          bad: {build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo no compiler here; exit 4\\n"}}
          after: {build: {context: ., additional_contexts: {bad: "service:bad"}, dockerfile_inline: "FROM bad\\n"}}
        """
    )

    done = project("--progress", "quiet", "up", "-d")

    assert done.returncode == 1
    assert "building service bad" in done.stderr
    assert " > no compiler here" in done.stderr
    assert "after" not in done.stderr
    assert project.ps() == {}


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_parallel_one_builds_one_after_the_other(project: Compose, how: str) -> None:
    project.write(
        """
        services:
          one: {build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo 1\\n"}}
          two: {build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo 2\\n"}}
        """
    )

    flags = ("--parallel", "1") if how == "flag" else ()
    project.environment["COMPOSE_PARALLEL_LIMIT"] = "-1" if how == "flag" else "1"

    done = project(*flags, "--progress", "plain", "build", "--no-cache")

    assert done.returncode == 0, done.stderr
    steps = [line.partition("[")[2] for line in done.stderr.splitlines() if line.startswith("#") and "[" in line]
    assert [name for name, _ in groupby(step[:3] for step in steps)] in (["one", "two"], ["two", "one"])


def test_services_with_one_image_are_built_once(project: Compose) -> None:
    project.write(
        """
        services:
          app: &app {image: NAME, build: {context: ., dockerfile_inline: "FROM busybox\\nRUN echo once\\n"}}
          worker: *app
          top: {build: {context: ., additional_contexts: {w: "service:worker"}, dockerfile_inline: "FROM w\\n"}}
        """.replace("NAME", f"{project.name}-shared")
    )

    done = project("--progress", "plain", "build")

    assert done.returncode == 0, done.stderr
    assert sum("RUN echo once" in line for line in done.stderr.splitlines()) == 1
    project.izba.ok("rmi", f"{project.name}-shared", f"{project.name}-top")
