"""The stack as its users have it: a copy of the example, six images, six containers, on an izba of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.defect_control.stack import BACKEND, CSRF, registration
from tests.support.ports import free_ports

EXAMPLE = BACKEND.parent
BACKENDS = ("auth-service", "projects-service", "defects-service", "reports-service")
SERVICES = (*BACKENDS, "api-gateway", "frontend")
IMAGES = tuple(f"defect-control/{service}" for service in SERVICES)
MADE_BY_USE = {"node_modules", "dist", "coverage", "__pycache__", ".env", "screenshots", "backups"}


def copy_example(target: Path) -> Path:
    """The example as a fresh clone has it: without data, without `.env`."""

    def ignore(directory: str, names: list[str]) -> set[str]:
        data = set(names) - {".gitignore"} if Path(directory).name == "data" else set()
        return data | (MADE_BY_USE & set(names))

    shutil.copytree(EXAMPLE, target, ignore=ignore)
    return target


def data_of(service: str) -> str:
    """Its data folder, in a copy of the example."""
    return f"backend/service_{service.removesuffix('-service')}/data"


@dataclass
class Composed:
    """One project in `directory`. `account` are subprocess's words for whose it is; nobody's is root's."""

    directory: Path
    root: Path
    environment: dict[str, str]
    command: list[str] = field(default_factory=lambda: [sys.executable, "-m", "izba"])
    account: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    told: str = ""

    def __post_init__(self) -> None:
        self.gateway_port, self.page_port = free_ports(2)
        self.environment = self.environment | {
            "IZBA_ROOT": str(self.root),
            "GATEWAY_PORT": str(self.gateway_port),
            "FRONTEND_PORT": str(self.page_port),
            "COMPOSE_PROJECT_NAME": f"dc{uuid.uuid4().hex[:8]}",
            "RATE_AUTH": "1000",
            "ACCESS_TOKEN_SECONDS": "3600",  # however slow the machine, no test's token ends before it
        }

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.page_port}"

    def run(self, *command: str, timeout: float = 280, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.directory,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **self.account,
        )

    def ok(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def izba(self, *args: str) -> str:
        return self.ok(*self.command, *args)

    def compose(self, *args: str) -> str:
        files = [word for file in self.files for word in ("--file", file)]
        return self.izba("compose", *files, *args)

    def demo(self, verb: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The example's own script."""
        return self.script("./demo", verb, **environment)

    def script(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Something that types `izba`, with this one on its PATH."""
        programs = self.directory / ".bin"
        if not programs.exists():
            programs.mkdir()
            program = programs / "izba"
            program.write_text(f'#!/bin/sh\nexec {" ".join(self.command)} "$@"\n')
            program.chmod(0o755)
        path = f"{programs}:{Path(self.command[0]).parent}:{self.environment['PATH']}"
        return self.run(*command, PATH=path, **environment)

    def ids(self) -> dict[str, str]:
        """By the name of a container its id, of all there are."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {each["Name"]: each["ID"] for each in map(json.loads, lines)}

    def healths(self) -> dict[str, str]:
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        return {each["Service"]: each["Health"] for each in map(json.loads, lines)}

    def client(self) -> httpx.Client:
        """A browser that knows the page's address, without proxies."""
        return httpx.Client(base_url=self.page, headers=CSRF, trust_env=False, timeout=30)

    def register(self) -> dict[str, Any]:
        """Somebody new; what they registered with."""
        body = registration()
        with self.client() as client:
            answer = client.post("/api/auth/register", json=body)
        assert answer.status_code == 201, answer.text
        return body

    def sign_in(self, person: Mapping[str, Any]) -> dict[str, Any]:
        with self.client() as client:
            answer = client.post("/api/auth/login", json={"email": person["email"], "password": person["password"]})
        assert answer.status_code == 200, answer.text
        session: dict[str, Any] = answer.json()
        return session


def of_root(directory: Path, root: Path, **options: Any) -> Composed:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return Composed(directory=directory, root=root, environment=environment | {"IZBA_BOOTSTRAP": "1"}, **options)
