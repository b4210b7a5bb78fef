"""The other engines of Debian's packages, each on storage of its own."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from izba.linux.mount import umount

CLEAN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent"}


def run(*argv: object, env: dict[str, str] = CLEAN) -> str:
    done = subprocess.run(
        [str(word) for word in argv], env=env, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{argv}: {done.stderr}"
    return done.stdout


class Docker:
    """A dockerd of our own; Debian's, not whatever else is on the PATH."""

    def __init__(self, socket: str) -> None:
        self.socket = socket

    def __call__(self, *words: object) -> str:
        return run("/usr/bin/docker", "-H", self.socket, *words)

    def image(self, name: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self("image", "inspect", name))[0]
        return found


@contextmanager
def docker(directory: Path) -> Iterator[Docker]:
    socket = f"unix://{directory}/sock"
    paths = ["--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec", "--pidfile", f"{directory}/pid"]
    quiet = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=overlay2"]
    with (directory / "log").open("wb") as log:
        daemon = subprocess.Popen(
            ["/usr/sbin/dockerd", *paths, *quiet, "-H", socket], stdout=log, stderr=log, env=CLEAN
        )
        try:
            found = Docker(socket)
            _wait_for(found, daemon)
            yield found
        finally:
            daemon.terminate()
            daemon.wait(60)
            for line in Path("/proc/self/mountinfo").read_text().splitlines():
                if (target := line.split()[4]).startswith(f"{directory}/"):
                    umount(target)


def _wait_for(docker: Docker, daemon: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            docker("version")
        except AssertionError:
            assert daemon.poll() is None, "dockerd ended; see its log"
            time.sleep(0.1)
        else:
            return
    raise AssertionError("dockerd does not answer")


class Podman:
    """podman or buildah, on one storage."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir()
        (directory / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
        self.policy = ("--signature-policy", f"{directory}/policy.json")
        self._storage = ("--root", f"{directory}/root", "--runroot", f"{directory}/run", "--storage-driver", "vfs")

    def __call__(self, *words: object) -> str:
        return run("/usr/bin/podman", *self._storage, *words)

    def buildah(self, *words: object) -> str:
        return run("/usr/bin/buildah", *self._storage, *words)


def skopeo(*words: object, directory: Path) -> str:
    """With a TMPDIR of its own: it unpacks archives there."""
    policy = directory / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    return run("/usr/bin/skopeo", "--policy", policy, *words, env=CLEAN | {"TMPDIR": str(directory)})
