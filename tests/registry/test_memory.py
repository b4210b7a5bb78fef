"""However large a layer: a pull and a push stay below 150 MB, as root and as both kinds of ordinary user."""

from __future__ import annotations

import io
import random
import re
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tests.containers.conftest import Izba
from tests.registry import servers

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


def peak(izba: Izba, *words: str) -> int:
    done = subprocess.run(
        [izba.command[0], "-c", _WATCHED, "--root", izba.root, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **izba.options(),
    )
    assert done.returncode == 0, done.stderr
    return int(re.findall(r"VmHWM:\s+(\d+) kB", done.stdout)[0])


def test_a_layer_of_300_megabytes(own_izba: Izba, tmp_path: Path) -> None:
    directory = own_izba.root.parent
    here, there = (replace(own_izba, root=directory / place) for place in ("here", "there"))
    with servers.debian_registry(tmp_path) as host:
        name = f"{host}/team/large:1"
        elsewhere = name.replace("127.0.0.1", "localhost").replace("large", "blob")
        peak(here, "import", str(_large_tar(directory / "large.tar")), name)
        peaks = {"push": peak(here, "push", name), "pull": peak(there, "pull", name)}
        if own_izba.user is None:  # these read and write blobs, as anybody would
            peaks |= {
                "tag": peak(there, "tag", name, elsewhere),
                "push of a blob": peak(there, "push", elsewhere),
                "copy": peak(there, "image", "copy", name, f"oci-archive:{directory}/large.oci.tar:1"),
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
