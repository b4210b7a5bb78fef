"""A project in a directory of its own, run by root or by an ordinary user, and taken down at the end."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.containers.conftest import Izba, busybox_archive, range_izba, root_izba, single_izba

__all__ = ["busybox_archive", "range_izba", "root_izba", "single_izba"]

SERVE = "trap 'exit 0' TERM; while :; do sleep 0.05; done"
"""A shell that runs until it is asked to end."""

TWO = """
services:
  web: {image: busybox, command: [sh, -c, "echo web is up; SERVE"], depends_on: {db: {condition: service_healthy}}}
  db:
    image: busybox
    command: [sh, -c, "sleep 0.3; touch /tmp/ok; SERVE"]
    healthcheck: {test: test -f /tmp/ok, interval: 100ms}
    volumes: ["data:/data"]
volumes: {data: }
"""


@dataclass
class Compose:
    """One project."""

    izba: Izba
    directory: Path
    name: str
    environment: dict[str, str] = field(default_factory=dict)

    def write(self, text: str, file: str = "compose.yaml") -> Path:
        path = self.directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("SERVE", SERVE))
        if self.izba.user:
            os.chown(path, self.izba.user.uid, self.izba.user.gid)
        return path

    def options(self) -> dict[str, Any]:
        options = self.izba.options()
        return options | {"cwd": self.directory, "env": {**options["env"], **self.environment}}

    def __call__(self, *args: str, timeout: float = 60, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.izba.command, "compose", *args],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            input=stdin,
            **({} if stdin is not None else {"stdin": subprocess.DEVNULL}),
            **self.options(),
        )

    def ok(self, *args: str, stdin: str | None = None) -> str:
        done = self(*args, stdin=stdin)
        assert done.returncode == 0, f"compose {' '.join(args)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.rstrip("\n")

    def popen(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*self.izba.command, "compose", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **self.options(),
        )

    def ps(self) -> dict[str, str]:
        """State by name, of all containers."""
        lines = self.ok("ps", "-a", "--format", "json").splitlines()
        return {each["Name"].removeprefix(f"{self.name}-"): each["State"] for each in map(json.loads, lines)}

    def ids(self) -> dict[str, str]:
        lines = self.ok("ps", "-a", "--format", "json").splitlines()
        return {each["Name"].removeprefix(f"{self.name}-"): each["ID"] for each in map(json.loads, lines)}


def make_project(izba: Izba, base: Path) -> Compose:
    name = f"p{uuid.uuid4().hex[:8]}"
    directory = (izba.user.home if izba.user else base) / name
    directory.mkdir()
    if izba.user:
        os.chown(directory, izba.user.uid, izba.user.gid)
    return Compose(izba=izba, directory=directory, name=name)


@pytest.fixture
def projects(root_izba: Izba, tmp_path: Path) -> Iterator[Callable[[], Compose]]:
    """root's, as many as wanted."""
    made: list[Compose] = []

    def make() -> Compose:
        made.append(make_project(root_izba, tmp_path))
        return made[-1]

    yield make
    for each in made:
        each("-p", each.name, "down", "-v", "-t", "0", "--remove-orphans")


@pytest.fixture
def project(projects: Callable[[], Compose]) -> Compose:
    return projects()


@pytest.fixture(params=["root", "range", "single"])
def any_project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Compose]:
    """One of root's, and one of each kind of ordinary user."""
    made = make_project(request.getfixturevalue(f"{request.param}_izba"), tmp_path)
    yield made
    made("-p", made.name, "down", "-v", "-t", "0", "--remove-orphans")


@pytest.fixture(params=["range", "single"])
def rootless_project(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Compose]:
    """One of each kind of ordinary user."""
    made = make_project(request.getfixturevalue(f"{request.param}_izba"), tmp_path)
    yield made
    made("-p", made.name, "down", "-v", "-t", "0", "--remove-orphans")
