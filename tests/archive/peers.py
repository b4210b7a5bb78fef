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

    def __init__(self, socket: str, pid: int) -> None:
        self.socket = socket
        self.pid = pid

    def in_network(self, *argv: object) -> str:
        """Run a command where the ports that the daemon publishes are."""
        return run("/usr/bin/nsenter", f"--net=/proc/{self.pid}/ns/net", *argv)

    def __call__(self, *words: object) -> str:
        return run("/usr/bin/docker", "-H", self.socket, *words)

    def image(self, name: str) -> dict[str, object]:
        found: dict[str, object] = json.loads(self("image", "inspect", name))[0]
        return found


@contextmanager
def docker(directory: Path, *, own_network: bool = False) -> Iterator[Docker]:
    """A dockerd without networks, or with all of them in a network namespace of its own: it changes a host's rules."""
    socket = f"unix://{directory}/sock"
    paths = ["--data-root", f"{directory}/data", "--exec-root", f"{directory}/exec", "--pidfile", f"{directory}/pid"]
    quiet = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    start = ["/usr/sbin/dockerd", *paths, "--storage-driver=overlay2", "-H", socket]
    if own_network:
        start = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", *start]
    else:
        start += quiet
    with (directory / "log").open("wb") as log:
        daemon = subprocess.Popen(start, stdout=log, stderr=log, env=CLEAN)
        try:
            found = Docker(socket, daemon.pid)
            _wait_for(found, daemon)
            yield found
        finally:
            daemon.terminate()
            daemon.wait(60)
            for line in Path("/proc/self/mountinfo").read_text().splitlines():
                if (target := line.split()[4]).startswith(f"{directory}/"):
                    umount(target)


def _wait_for(docker: Docker, daemon: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
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
