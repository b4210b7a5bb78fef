"""The children that a build forks for its commands: beside threads, so that they may wait for nothing of these."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.conftest import Izba

pytestmark = pytest.mark.root

# What other threads were importing at the fork stays locked in the child, for ever. The hook is inherited by children.
WATCHED = """
import os, sys
from izba.cli.main import script
parent, path = os.getpid(), sys.argv.pop(1)
def hook(event, arguments):
    if event == "import":
        with open(path, "a") as file:
            file.write(f"{'parent' if os.getpid() == parent else 'child'} {arguments[0]}\\n")
open(path, "a").close()
sys.addaudithook(hook)
script()
"""

STEPS = """
FROM busybox
RUN echo said > /file
RUN --network=none true
RUN --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=target=/x --mount=type=secret,id=s true
USER app
WORKDIR /new/directory
SHELL ["/bin/sh", "-e", "-c"]
RUN id
"""


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ("", 0),
        ("RUN exit 3", 1),
        ('RUN ["nosuch"]', 1),
        ('RUN ["/etc"]', 1),
        ("RUN --mount=target=/etc/passwd/x true", 1),
    ],
)
def test_no_child_of_a_build_imports_a_module(any_izba: Izba, tmp_path: Path, more: str, code: int) -> None:
    home = any_izba.user.home if any_izba.user else tmp_path
    imports = home / "imports"
    imports.unlink(missing_ok=True)
    at = any_izba.command.index("--root")
    interpreter = any_izba.user.installation.python if any_izba.user else sys.executable
    command = [interpreter, "-c", WATCHED, str(imports), *any_izba.command[at:]]

    done = subprocess.run(
        [*command, "build", "--no-cache", "-"],
        input=f"{STEPS}{more}\n",
        text=True,
        capture_output=True,
        check=False,
        **any_izba.options(),
    )

    assert done.returncode == code, done.stderr
    seen = imports.read_text().splitlines()
    assert [line for line in seen if line.startswith("parent ")] != []
    assert [line for line in seen if line.startswith("child ")] == []


def test_a_limit_that_cannot_be_given_is_told(range_izba: Izba) -> None:
    done = range_izba("build", "--no-cache", "--ulimit", "nofile=1073741816", "-", input="FROM busybox\nRUN true\n")

    assert done.returncode == 0
    assert "ulimit nofile: 1073741816 is more than izba may give" in done.stderr
