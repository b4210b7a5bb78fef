"""However large a layer: a pull and a push stay below 150 MB."""

from __future__ import annotations

import io
import os
import random
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.registry import servers
from tests.registry.test_kills import SOURCE

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.peer("docker-registry")]

LIMIT = 150 << 10  # kilobytes
# Not ru_maxrss: that counts what the parent had before it became izba.
_WATCHED = """
import sys
from izba.cli.main import main
code = main(sys.argv[1:])
print(open("/proc/self/status").read())
sys.exit(code)
"""


def peak(root: Path, *words: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _WATCHED, "--root", str(root), *words],
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(re.findall(r"VmHWM:\s+(\d+) kB", done.stdout)[0])


def test_a_layer_of_300_megabytes(tmp_path: Path) -> None:
    with servers.debian_registry(tmp_path) as host:
        name = f"{host}/team/large:1"
        elsewhere = name.replace("127.0.0.1", "localhost").replace("large", "blob")
        peak(tmp_path / "here", "import", str(_large_tar(tmp_path / "large.tar")), name)
        peaks = {
            "push": peak(tmp_path / "here", "push", name),
            "pull": peak(tmp_path / "there", "pull", name),
            "tag": peak(tmp_path / "there", "tag", name, elsewhere),
            "push of a blob": peak(tmp_path / "there", "push", elsewhere),
            "copy": peak(tmp_path / "there", "image", "copy", name, f"oci-archive:{tmp_path}/large.oci.tar:1"),
        }
    assert {what: found for what, found in peaks.items() if found > LIMIT} == {}


def _large_tar(path: Path) -> Path:
    """Random bytes, so that the compressed layer is as large."""
    with tarfile.open(path, "w") as tar:
        for number in range(10):
            info = tarfile.TarInfo(f"large-{number}")
            info.size = 30 << 20
            tar.addfile(info, io.BytesIO(random.Random(number).randbytes(info.size)))
    return path
