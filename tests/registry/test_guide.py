"""docs/images-without-docker-hub.md, word by word, on machines that are addresses of one network namespace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.users import User

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/images-without-docker-hub.md").read_text()
ADDRESS = "10.99.0.1"  # not loopback, so that plain HTTP has to be allowed
pytestmark = pytest.mark.root


class Site:
    """Machines that have a store each, and the guide's names for them."""

    def __init__(self, directory: Path, user: User | None) -> None:
        self.directory = directory
        self._user = user
        self._python = user.installation.python if user else sys.executable
        hosts = directory / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{ADDRESS} teacher gate upstream\n")
        script = (
            f"ip link set lo up && ip address add {ADDRESS}/32 dev lo && mount --bind {hosts} /etc/hosts"
            " && echo ready && exec cat"
        )
        self._running = [
            subprocess.Popen(
                ["unshare", "--net", "--mount", "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        ]
        assert self._running[0].stdout is not None
        assert self._running[0].stdout.readline() == b"ready\n"

    def _argv(self, line: str) -> list[str]:
        inside = ["nsenter", "--net", "--mount", "--target", str(self._running[0].pid), "--wd=" + str(self.directory)]
        if self._user is not None:
            inside += ["setpriv", f"--reuid={self._user.uid}", f"--regid={self._user.gid}", "--clear-groups"]
        return [*inside, "bash", "-ec", f'izba() {{ "{self._python}" -m izba "$@"; }}; {line}']

    def _environment(self, machine: str) -> dict[str, str]:
        store = {"IZBA_ROOT": str(self.directory / machine), "DOCKER_CONFIG": str(self.directory / "docker")}
        proxies = {"http_proxy", "https_proxy", "all_proxy"}
        given = self._user.environment() if self._user else os.environ | {"PYTHONPATH": str(ROOT / "src")}
        return {name: value for name, value in given.items() if name.lower() not in proxies} | store

    def run(self, machine: str, line: str) -> str:
        done = subprocess.run(
            self._argv(line), env=self._environment(machine), capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{machine}$ {line}\n{done.stdout}{done.stderr}"
        return done.stdout

    def serve(self, machine: str, line: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            self._argv(line.replace("izba ", f"exec {self._python} -m izba ", 1)),
            env=self._environment(machine),
            stdout=subprocess.PIPE,
        )
        self._running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"A registry is served on http://0.0.0.0:")
        return process

    def configure(self, machine: str, text: str) -> None:
        (self.directory / machine).mkdir(exist_ok=True)
        if self._user is not None:
            os.chown(self.directory / machine, self._user.uid, self._user.gid)
        with (self.directory / machine / "registries.toml").open("a") as file:
            file.write(text)

    def close(self) -> None:
        for process in reversed(self._running):
            with process:
                process.terminate()


@pytest.fixture(params=["root", "range", "single"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Of root, and of both kinds of ordinary users."""
    user: User | None = None if request.param == "root" else request.getfixturevalue(f"{request.param}_user")
    with tempfile.TemporaryDirectory(dir=user.home if user else tmp_path) as directory:
        if user is not None:
            os.chown(directory, user.uid, user.gid)
        opened = Site(Path(directory), user)
        yield opened
        opened.close()


def section(number: int) -> tuple[list[tuple[str, str]], list[str]]:
    """The commands of one section with the machine that they are for, and the tables of registries.toml."""
    text = re.split(r"^## ", GUIDE, flags=re.MULTILINE)[number]
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for kind, block in blocks if kind == "console" for line in block.splitlines()]
    commands = [
        (machine or "here", line)
        for machine, line in re.findall(r"^(\w*)\$ (.*)$", "\n".join(lines), flags=re.MULTILINE)
    ]
    return commands, [block for kind, block in blocks if kind == "toml"]


def test_archives_a_registry_and_a_cache_in_front_of_another(site: Site, tar: Path) -> None:
    tar = Path(shutil.copy(tar, site.directory))
    site.serve("upstream", "izba registry serve --listen 0.0.0.0:5001")
    for name in ("library/nginx:1", "library/python:3.11-slim"):
        site.run("upstream", f"izba import {tar} localhost:5001/{name} && izba push localhost:5001/{name}")
    site.run("here", f"izba import {tar} hello")
    site.configure("here", '[registry."upstream:5001"]\ninsecure = true\n[registry."teacher:5000"]\ninsecure = true\n')

    (serve, *others), tables = section(3)
    teacher = site.serve(*serve)
    site.run("teacher", f"izba import {tar} hello")
    site.configure("student", tables[0])
    for machine, line in others:
        site.run(machine, line)
    assert "teacher:5000/hello" in site.run("student", "izba images")

    commands, _ = section(2)
    there = {"docker.io/library/nginx": "upstream:5001/library/nginx", "registry.corp.example": "teacher:5000"}
    for machine, line in commands:
        for word, name in there.items():
            line = line.replace(word, name)  # noqa: PLW2901
        site.run("elsewhere" if " load " in line else machine, line)
    assert "hello" in site.run("elsewhere", "izba images")
    site.run("student", "izba pull teacher:5000/nginx:1")
    teacher.terminate()
    teacher.wait()

    [(machine, line)], tables = section(4)
    site.configure("gate", '[registry."upstream:5001"]\ninsecure = true\n')
    site.serve(machine, line.replace("docker.io", "upstream:5001"))
    site.configure("student", tables[0])
    assert "Downloaded newer image for python:3.11-slim" in site.run("student", "izba pull python:3.11-slim")
