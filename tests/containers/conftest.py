"""An izba with an image of one busybox, as root and as both kinds of ordinary user, through its command line."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from izba.jsonio import loads
from tests.support.users import User

BUSYBOX = "/usr/bin/busybox"


@dataclass
class Izba:
    """One izba on its own root, run by somebody."""

    root: Path
    user: User | None = None
    names: list[str] = field(default_factory=list)

    @property
    def command(self) -> list[str]:
        if self.user:
            return [*self.user.command(), "--root", str(self.root)]
        # As the installed script has it: `-m` would import more than izba does.
        return [sys.executable, "-c", "from izba.cli.main import script; script()", "--root", str(self.root)]

    @property
    def has_single_id(self) -> bool:
        return self.user is not None and not self.user.has_range

    @property
    def environment(self) -> dict[str, str]:
        if self.user:
            return self.user.environment()
        # With its bytecode kept, as an installed izba has it: its memory and times are measured here.
        return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def options(self) -> dict[str, Any]:
        if self.user is None:
            return {"env": self.environment}
        ids = {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}
        return {"env": self.environment, "cwd": self.user.home, **ids}

    def __call__(self, *args: str, input: str | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run one command line."""
        return subprocess.run(
            [*self.command, *args],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            **self.options(),
        )

    def ok(self, *args: str, input: str | None = None) -> str:
        """Its output, without the last newline; the command must succeed."""
        done = self(*args, input=input)
        assert done.returncode == 0, f"izba {' '.join(args)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout.rstrip("\n")

    def popen(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen([*self.command, *args], text=True, **self.options() | options)

    def name(self) -> str:
        """A fresh container name, removed when the test ends."""
        self.names.append(f"t{uuid.uuid4().hex[:10]}")
        return self.names[-1]

    def detached(self, *args: str, options: tuple[str, ...] = ()) -> str:
        """A container in the background; its name."""
        name = self.name()
        self.ok("run", "-d", "--name", name, "--network", "none", *options, "busybox", *args)
        return name

    def listening(self, script: str, *, options: tuple[str, ...] = ()) -> str:
        """A container in the background whose shell has said `listening`, with its traps set by then; its name.

        A process 1 ignores a signal for which it has no handler yet.
        """
        name = self.detached("sh", "-c", script, options=options)
        eventually(lambda: "listening" in self.ok("logs", name).split())
        return name

    def inspect(self, name: str) -> Any:
        return loads(self.ok("container", "inspect", name))[0]

    def state(self, name: str) -> Any:
        return self.inspect(name)["State"]

    def clean(self) -> None:
        """Remove the containers of one test."""
        names, self.names = self.names, []
        if names:
            self("rm", "-f", "-v", *names)

    def own(self, path: Path) -> Path:
        """Give what the test made to whoever runs this izba."""
        if self.user:
            os.chown(path, self.user.uid, self.user.gid)
        return path

    def directory(self, name: str) -> Path:
        id: str = self.inspect(name)["Id"]
        return self.root / "containers" / id


def eventually(check: Callable[[], object], *, seconds: float = 60) -> None:
    """Wait until `check` is true; as long as a busy machine may take, since a right answer costs no waiting."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def busybox_root() -> bytes:
    """The tar of a root file system with busybox and its names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:

        def add(name: str, content: bytes | None = None, *, mode: int = 0o755, link: str = "") -> None:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime, info.linkname = mode, 1_000_000_000, link
            info.type = tarfile.SYMTYPE if link else tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.size = len(content or b"")
            archive.addfile(info, io.BytesIO(content or b""))

        for directory in ("bin", "etc", "root", "home", "usr", "usr/bin", "data", "var"):
            add(directory)
        add("tmp", mode=0o1777)
        add("bin/busybox", Path(BUSYBOX).read_bytes())
        applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
        for applet in set(applets) - {"busybox"}:
            add(f"bin/{applet}", link="busybox")
        passwd = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home:/bin/sh\n"
        add("etc/passwd", passwd, mode=0o644)
        add("etc/group", b"root:x:0:\napp:x:1000:\nstaff:x:50:app\n", mode=0o644)
        add("data/seed", b"from the image\n", mode=0o640)
        add("etc/not-executable", b"words\n", mode=0o644)
    return buffer.getvalue()


def _fill(izba: Izba, archive: Path) -> Izba:
    izba.ok("import", "-c", 'CMD ["sh"]', "-c", "ENV IMAGE=busybox", "-c", "LABEL of=image", str(archive), "busybox")
    return izba


@pytest.fixture(scope="session")
def busybox_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="izba-busybox-", dir="/var/tmp"))
    directory.chmod(0o755)
    path = directory / "busybox.tar"
    path.write_bytes(busybox_root())
    path.chmod(0o644)
    yield path
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def root_izba(tmp_path_factory: pytest.TempPathFactory, busybox_archive: Path) -> Iterator[Izba]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    izba = _fill(Izba(root=tmp_path_factory.mktemp("root-izba")), busybox_archive)
    yield izba
    izba("network", "prune", "-f")  # its bridge is the machine's


@pytest.fixture
def izba(root_izba: Izba) -> Iterator[Izba]:
    """root's."""
    yield root_izba
    root_izba.clean()


@pytest.fixture(scope="session")
def range_izba(range_user: User, busybox_archive: Path) -> Izba:
    return _fill(Izba(root=range_user.home / "izba", user=range_user), busybox_archive)


@pytest.fixture(scope="session")
def single_izba(single_user: User, busybox_archive: Path) -> Izba:
    return _fill(Izba(root=single_user.home / "izba", user=single_user), busybox_archive)


@pytest.fixture
def place(any_izba: Izba) -> Iterator[Path]:
    """A directory of whoever runs `any_izba`."""
    path = any_izba.root.parent / "place"
    path.mkdir()
    any_izba.own(path)
    yield path
    any_izba.clean()
    shutil.rmtree(path)


@pytest.fixture(params=["root", "range", "single"])
def any_izba(request: pytest.FixtureRequest) -> Iterator[Izba]:
    """root's, and that of a user with subordinate ids, and that of one without."""
    one: Izba = request.getfixturevalue(f"{request.param}_izba")
    yield one
    one.clean()
