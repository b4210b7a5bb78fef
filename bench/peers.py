"""izba, Docker and Podman as contestants: each with a data root of its own on the same fresh file system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

CLEAN = {key: value for key, value in os.environ.items() if key not in {"PYTHONDONTWRITEBYTECODE", "DOCKER_HOST"}}


class Peer:
    """A container tool by its command line."""

    name: str

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.argv: list[str] = []
        self.environment: dict[str, str] = dict(CLEAN)
        self.user: int | None = None

    def __call__(self, *args: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
        done = subprocess.run(
            [*self.argv, *args],
            env=self.environment | dict(env or {}),
            cwd=cwd or (self.directory if self.user else None),
            user=self.user,
            group=self.user,
            extra_groups=[] if self.user else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-3:]
            raise RuntimeError(f"{self.name} {' '.join(args)[:80]}: exit {done.returncode}: {' / '.join(said)[:300]}")
        return done.stdout

    def stop(self) -> None:
        """End what the tool keeps running."""


class Izba(Peer):
    name = "izba"

    def stop(self) -> None:
        for id in self("ps", "--all", "--quiet").split():
            self("rm", "--force", id)

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        # Never through a version manager's shim: the script that pip installed, with its own interpreter.
        self.argv = [str(Path(sys.prefix) / "bin" / "izba")]
        self.environment |= {"IZBA_ROOT": str(directory / "root"), "IZBA_BOOTSTRAP": "1"}


class Docker(Peer):
    """Debian's docker.io: dockerd on a socket of its own; without a bridge, unless `networks` are wanted."""

    name = "docker"

    def __init__(self, directory: Path, *, networks: bool = False) -> None:
        super().__init__(directory)
        self.argv = ["/usr/bin/docker"]
        socket = directory / "docker.sock"
        self.environment |= {"DOCKER_HOST": f"unix://{socket}", "DOCKER_CONFIG": str(directory / "config")}
        self.log = (directory / "dockerd.log").open("w")
        self.daemon = subprocess.Popen(
            [
                *("dockerd", "--data-root", directory / "data", "--exec-root", directory / "exec"),
                *("--pidfile", directory / "dockerd.pid", "--host", f"unix://{socket}"),
                "--storage-driver=overlay2",
                *(() if networks else ("--bridge=none", "--iptables=false", "--ip6tables=false")),
            ],
            stdout=self.log,
            stderr=self.log,
            env=CLEAN,
        )
        for _ in range(300):
            if subprocess.run(
                [*self.argv, "version"], env=self.environment, capture_output=True, check=False
            ).returncode:
                time.sleep(0.1)
            else:
                return
        self.stop()
        raise RuntimeError(f"dockerd did not start; its log is {self.log.name}")

    def daemons(self) -> list[int]:
        """The pids of dockerd and the containerd it started."""
        found = subprocess.run(["pgrep", "-P", str(self.daemon.pid)], capture_output=True, text=True, check=False)
        return [self.daemon.pid, *map(int, found.stdout.split())]

    def stop(self) -> None:
        self.daemon.terminate()
        try:
            self.daemon.wait(30)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()


class Podman(Peer):
    name = "podman"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.argv = ["/usr/bin/podman", "--root", str(directory / "root"), "--runroot", str(directory / "run")]
        self.argv += ["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs", "--events-backend", "file"]
        # runc, as Docker has it; the network that Debian's Podman has by itself; and no limits that a machine without
        # CAP_SYS_RESOURCE cannot raise.
        settings = directory / "containers.conf"
        settings.write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            '[network]\nnetwork_backend = "cni"\n[engine]\nruntime = "runc"\n'
        )
        self.environment["CONTAINERS_CONF"] = str(settings)

    def stop(self) -> None:
        for args in (("rm", "-af", "-t", "0"),):
            subprocess.run([*self.argv, *args], env=self.environment, capture_output=True, check=False)


def start(directory: Path, *, networks: bool = False) -> dict[str, Peer]:
    """Every contestant that this machine has, izba first. `networks`: dockerd may change this machine's firewall."""
    peers: dict[str, Peer] = {"izba": Izba(directory / "izba")}
    if os.geteuid() == 0 and shutil.which("dockerd"):
        peers["docker"] = Docker(directory / "docker", networks=networks)
    if shutil.which("podman"):
        peers["podman"] = Podman(directory / "podman")
    return peers


def give_image(peers: Mapping[str, Peer], image: str, scratch: Path) -> None:
    """Have every contestant hold the image that izba bootstraps."""
    peers["izba"]("image", "bootstrap", image)
    archive = scratch / f"{image.replace(':', '_').replace('/', '_')}.tar"
    peers["izba"]("save", "--output", str(archive), image)
    for name in ("docker", "podman"):
        if name in peers:
            peers[name]("load", "--input", str(archive))
    if "podman" in peers:  # Podman files a name without a registry under localhost
        peers["podman"]("tag", f"docker.io/library/{image}", f"localhost/{image}")
    archive.unlink()
