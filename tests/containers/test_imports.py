"""The commands that must be quick import only what is on this list (decisions, 1)."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig

import pytest

from tests.containers.conftest import Izba

# Of the standard library, beyond what an interpreter has at its start (site included).
ALLOWED = frozenset(
    "__future__ encodings "
    "_ctypes _sha2 _sha256 _json _socket _sqlite3 _struct atexit errno fcntl gc select termios time zlib pwd "
    # What _sqlite3 itself imports.
    "functools _functools collections _collections itertools keyword operator _operator reprlib types".split()
)

SCRIPT = """
import sys
before = set(sys.modules)
from izba.cli.main import main
code = main(sys.argv[1:])
new = {name.partition(".")[0] for name in set(sys.modules) - before} - {"izba"}
print("imported:", *sorted(new), file=sys.stderr)
raise SystemExit(code)
"""


@pytest.mark.root
@pytest.mark.parametrize(
    "command",
    [
        ("run", "--rm", "--network", "none", "busybox", "true"),
        ("exec", "NAME", "true"),
        ("ps",),
        ("stop", "-t", "0", "NAME"),
    ],
    ids=lambda words: words[0],
)
def test_a_quick_command_imports_nothing_heavy(izba: Izba, command: tuple[str, ...]) -> None:
    name = izba.detached("sleep", "60")
    words = [name if word == "NAME" else word for word in command]

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--root", str(izba.root), *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    imported = set(done.stderr.partition("imported:")[2].split())
    standard = {module for module in imported if module in sys.stdlib_module_names}
    assert imported - ALLOWED == set(), sysconfig.get_python_version()
    assert standard <= ALLOWED
