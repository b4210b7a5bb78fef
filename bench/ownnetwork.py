"""A machine of their own for contestants whose networks are compared: what they do to a firewall is gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench import peers
from bench.peers import CLEAN, Izba, Peer
from izba.linux import flags, mount, namespaces
from tests.support.users import User, ordinary_user, world_readable_installation

NGINX = """
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends nginx-light && rm -rf /var/lib/apt/lists/*
RUN printf '%s\\n' 'worker_processes 1;' 'error_log /dev/null;' 'pid /tmp/nginx.pid;' 'user root;' \\
    'events { worker_connections 1024; }' \\
    'http { access_log off; sendfile on; keepalive_requests 1000000; server { listen 80; root /srv;' \\
    'location = / { return 200 "ok\\n"; } } }' >/etc/nginx/nginx.conf
CMD ["sh", "-c", "truncate -s 512M /srv/bulk && exec nginx -g 'daemon off;'"]
"""
_KEPT = Path(__file__).parents[1] / ".cache" / "bench" / "nginx.tar"


def images(izba: Peer, scratch: Path) -> list[Path]:
    """Archives of busybox and of an nginx of Debian, made by izba; the second is kept below `.cache`."""
    izba("image", "bootstrap", "busybox:latest")
    busybox = scratch / "busybox.tar"
    izba("save", "--output", str(busybox), "busybox:latest")
    if not _KEPT.exists():
        context = scratch / "nginx"
        context.mkdir()
        (context / "Dockerfile").write_text(NGINX)
        izba("image", "bootstrap", "debian:bookworm-slim")
        izba("build", "--tag", "nginx", str(context))
        _KEPT.parent.mkdir(parents=True, exist_ok=True)
        izba("save", "--output", str(_KEPT), "nginx")
    readable = scratch / "nginx.tar"
    readable.write_bytes(_KEPT.read_bytes())
    for path in (scratch.parent.parent, scratch.parent, scratch, busybox, readable):  # for other users
        path.chmod(0o755)
    return [busybox, readable]


@contextlib.contextmanager
def machine() -> Iterator[None]:
    """This process, and all it starts, in network and mount namespaces of their own, with a loopback and an uplink."""
    directory = Path.cwd()
    home = {
        kind: os.open(f"/proc/self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        for kind, name in ((flags.CLONE_NEWNET, "net"), (flags.CLONE_NEWNS, "mnt"))
    }
    namespaces.unshare(flags.CLONE_NEWNET | flags.CLONE_NEWNS)
    try:
        mount.set_propagation("/", flags.MS_REC | flags.MS_PRIVATE)
        for place in ("/run/netns", "/var/lib/cni"):  # where Podman keeps namespaces and addresses of the whole machine
            Path(place).mkdir(parents=True, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place], check=True)
        _give_everybody_tun()
        for command in (
            "link set lo up",
            "link add up0 type veth peer name up1",
            "link set up1 up",
            "addr add 198.18.0.2/24 dev up0",
            "link set up0 up",
            "route add default via 198.18.0.1",
        ):
            subprocess.run(["ip", *command.split()], check=True)
        yield
    finally:
        for kind, fd in home.items():
            namespaces.setns(fd, kind)
            os.close(fd)
        os.chdir(directory)


def _give_everybody_tun() -> None:
    """slirp4netns and pasta need the device, which not every machine gives to its users."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/dev/net"], check=True)
    os.mknod("/dev/net/tun", 0o666 | stat.S_IFCHR, os.makedev(10, 200))
    Path("/dev/net/tun").chmod(0o666)


@contextlib.contextmanager
def contestants(izba: Peer, scratch: Path) -> Iterator[dict[str, Peer]]:
    """root's contestants on a machine of their own, with the images."""
    archives = images(izba, scratch)
    with machine():
        found = peers.start(scratch.parent.parent / "n", networks=True)  # Podman wants short paths
        try:
            for peer in found.values():
                give(peer, archives)
            yield found
        finally:
            for peer in found.values():
                peer.stop()
            shutil.rmtree(scratch.parent.parent / "n", ignore_errors=True)


def give(peer: Peer, archives: list[Path]) -> None:
    """Have a contestant hold the images; Podman files a name without a registry under localhost."""
    for archive in archives:
        peer("load", "--input", str(archive))
        if peer.name.startswith("podman"):
            peer("tag", f"docker.io/library/{archive.stem}:latest", f"localhost/{archive.stem}:latest")


class UsersIzba(Izba):
    """izba as an ordinary user has it."""

    def __init__(self, name: str, user: User) -> None:
        super().__init__(user.home / "izba")
        self.name = name
        self.argv = [*user.command()]
        self.environment = user.environment() | {"IZBA_ROOT": str(user.home / "izba")}
        self.user = user.uid
        os.chown(self.directory, user.uid, user.gid)


class UsersPodman(Peer):
    """Podman as an ordinary user with a range of ids has it."""

    name = "podman rootless"

    def __init__(self, user: User) -> None:
        super().__init__(user.home / "podman")
        run = self._run = Path(f"/tmp/p{user.uid}")
        for directory in (self.directory, run):
            directory.mkdir(exist_ok=True)
            os.chown(directory, user.uid, user.gid)
        settings = self.directory / "containers.conf"
        settings.write_text(
            '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n'
            '[network]\nnetwork_backend = "cni"\n[engine]\nruntime = "runc"\n'
            f'tmp_dir = "{run}/tmp"\n'
        )
        self.argv = ["/usr/bin/podman", "--root", str(self.directory / "root"), "--runroot", str(run / "containers")]
        self.argv += ["--cgroup-manager", "cgroupfs", "--events-backend", "file", "--storage-driver", "overlay"]
        self.environment = user.environment() | {
            "XDG_RUNTIME_DIR": str(run),
            "CONTAINERS_CONF": str(settings),
            "TMPDIR": str(run),
        }
        self.user = user.uid

    def stop(self) -> None:
        for args in (("rm", "-af", "-t", "0"), ("system", "migrate")):
            with contextlib.suppress(RuntimeError):
                self(*args)
        shutil.rmtree(self._run, ignore_errors=True)


@contextlib.contextmanager
def users_contestants(archives: list[Path]) -> Iterator[dict[str, Peer]]:
    """Those of ordinary users: one with a range of ids and one without. Podman works for the first alone."""
    with (
        world_readable_installation() as installation,
        ordinary_user(installation, subordinate_ids=True) as ranged,
        ordinary_user(installation, subordinate_ids=False) as single,
    ):
        found: dict[str, Peer] = {
            "izba range": UsersIzba("izba range", ranged),
            "izba single": UsersIzba("izba single", single),
        }
        if "podman" in CLEAN.get("PATH", "") or Path("/usr/bin/podman").exists():
            found["podman rootless"] = UsersPodman(ranged)
        try:
            for peer in found.values():
                give(peer, archives)
            yield found
        finally:
            for peer in found.values():
                peer.stop()


def by_name(found: Mapping[str, Peer], *names: str) -> dict[str, Peer]:
    """Those of these names that are here."""
    return {name: found[name] for name in names if name in found}
