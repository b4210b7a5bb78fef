"""Ordinary users, made with useradd, and an izba that they can run."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"


@dataclass(frozen=True)
class Installation:
    """An interpreter and a PYTHONPATH that any user can read."""

    python: str
    path: str


@dataclass(frozen=True)
class User:
    """An ordinary user with a home of its own; `run` runs izba as that user. One without a range has a single id."""

    name: str
    uid: int
    gid: int
    home: Path
    installation: Installation
    has_range: bool
    environ: Mapping[str, str] = field(default_factory=dict)

    def command(self, *args: str) -> list[str]:
        return [self.installation.python, "-m", "izba", *args]

    def environment(self, env: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {
            key: value
            for key, value in os.environ.items()
            if key.startswith(("SSL_", "IZBA_", "CURL_CA", "PIP_", "NODE_EXTRA")) or key.lower().endswith("_proxy")
        }
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "USER": self.name,
            "PYTHONPATH": self.installation.path,
            **kept,
            **self.environ,
            **(env or {}),
        }

    def run(
        self,
        *args: str,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        check: bool = False,
        timeout: float = 120,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run `izba ARGS` as this user and return what it printed."""
        return self.execute(self.command(*args), env=env, input=input, check=check, timeout=timeout, cwd=cwd)

    def execute(
        self,
        command: list[str],
        *,
        env: Mapping[str, str] | None = None,
        input: str | None = None,
        check: bool = False,
        timeout: float = 120,
        cwd: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run any program as this user."""
        done = subprocess.run(
            command,
            env=self.environment(env),
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout,
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd=cwd or self.home,
            check=False,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(command)} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def popen(self, *args: str, env: Mapping[str, str] | None = None, **options: object) -> subprocess.Popen[str]:
        """Start `izba ARGS` as this user."""
        return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
            self.command(*args),
            env=self.environment(env),
            text=True,
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd=self.home,
            **options,
        )


@contextmanager
def world_readable_installation() -> Iterator[Installation]:
    """Copies of izba's source and its libraries below a directory that everybody can read."""
    python = _public_interpreter()
    with tempfile.TemporaryDirectory(prefix="izba-installed-", dir="/var/tmp") as directory:
        os.chmod(directory, 0o755)
        shutil.copytree(SOURCE / "izba", f"{directory}/src/izba", ignore=shutil.ignore_patterns("__pycache__"))
        _copy_libraries(f"{directory}/site")
        subprocess.run([python, "-m", "compileall", "-q", f"{directory}/src"], check=True)
        yield Installation(python=python, path=f"{directory}/src:{directory}/site")


def _copy_libraries(target: str) -> None:
    """What izba needs to run, and not what tests need: thousands of files that would have to be removed again."""
    project = tomllib.loads((SOURCE.parent / "pyproject.toml").read_text())["project"]
    wanted, known = [_name_in(requirement) for requirement in project["dependencies"]], set[str]()
    while wanted:
        name = wanted.pop()
        if name in known:
            continue
        known.add(name)
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # a requirement of other systems
            continue
        wanted += [_name_in(each) for each in distribution.requires or () if "extra ==" not in each]
        for file in distribution.files or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                copy = Path(target, file)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file.locate(), copy)


def _name_in(requirement: str) -> str:
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


@contextmanager
def ordinary_user(installation: Installation, *, subordinate_ids: bool) -> Iterator[User]:
    """A user from useradd for as long as the context lasts; its processes are ended and its home removed at the end."""
    if os.geteuid() != 0:
        pytest.skip("making a user needs root")
    name = f"izba{'r' if subordinate_ids else 's'}{os.getpid()}"
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir="/var/tmp") as parent:
        os.chmod(parent, 0o755)
        home = Path(parent) / "home"
        with _users_of_the_machine():
            subprocess.run(["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/sh", name], check=True)
            _set_subordinate_ids(name, present=subordinate_ids)
        try:
            record = subprocess.run(["id", "-u", name], check=True, capture_output=True, text=True)
            uid = int(record.stdout)
            user = User(name=name, uid=uid, gid=uid, home=home, installation=installation, has_range=subordinate_ids)
            yield user
        finally:
            _end_processes_of(name)
            with _users_of_the_machine():
                subprocess.run(["userdel", "--force", name], check=False, capture_output=True)
                _set_subordinate_ids(name, present=False)


@contextmanager
def _users_of_the_machine() -> Iterator[None]:
    """Sessions and their workers take turns: each reads whole files of the machine and writes them anew."""
    with open("/var/lock/izba-tests-users", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _set_subordinate_ids(name: str, *, present: bool) -> None:
    for path in ("/etc/subuid", "/etc/subgid"):
        lines = Path(path).read_text().splitlines() if Path(path).exists() else []
        others = [line for line in lines if line.partition(":")[0] != name]
        own = [line for line in lines if line.partition(":")[0] == name]
        if present and not own:
            first = max((int(start) + int(count) for _, start, count in (o.split(":") for o in others)), default=100000)
            own = [f"{name}:{max(first, 100000)}:65536"]
        wanted = others + (own if present else [])
        if wanted != lines:
            Path(path).write_text("".join(f"{line}\n" for line in wanted))


def _public_interpreter() -> str:
    """An interpreter of this very version that an ordinary user can execute."""
    wanted = f"{sys.version_info.major}.{sys.version_info.minor}"
    candidates = [os.path.realpath(sys.executable), f"/usr/bin/python{wanted}", f"/usr/local/bin/python{wanted}"]
    for candidate in candidates:
        if os.path.exists(candidate) and _runs_for_nobody(candidate):
            return candidate
    if os.environ.get("CI"):
        pytest.fail(f"no python{wanted} that an ordinary user can run; .ci/run has to install one")
    pytest.skip(f"no python{wanted} that an ordinary user can run")


def _runs_for_nobody(interpreter: str) -> bool:
    try:
        done = subprocess.run(
            [interpreter, "-c", "import encodings"],
            user=65534,
            group=65534,
            extra_groups=[],
            capture_output=True,
            check=False,
            cwd="/",
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _end_processes_of(name: str) -> None:
    """End what runs under the user's own uid; containers under subordinate ids end with their first process."""
    for _ in range(50):
        listed = subprocess.run(["ps", "-o", "pid=", "-u", name], capture_output=True, text=True, check=False)
        pids = [int(pid) for pid in listed.stdout.split()]
        if not pids:
            return
        for pid in pids:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue
        time.sleep(0.02)
