"""podman-compose as root in namespaces of its own: nothing of its networks, mounts and processes is this machine's."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tests.defect_control.composed import SERVICES, Composed

NAMESPACES = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
init_path = "/usr/bin/catatonit"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "{directory}/networks"
"""
STORAGE = """
[storage]
driver = "overlay"
graphroot = "{directory}/root"
runroot = "/run/storage"
"""
# Podman 4.3 leaves the rhythm of health checks to systemd's timers. Here a loop has it, as where there is no systemd.
SCRIPT = """
set -e
mount -t tmpfs tmpfs /run
ip link set lo up
podman load --quiet --input {archive}
podman-compose up -d --no-build
trap 'podman-compose down --timeout 1' EXIT
for service in {services}; do
    container=$(podman ps --quiet --filter label=com.docker.compose.service=$service)
    end=$((SECONDS + 120))
    until podman healthcheck run $container >/dev/null; do
        [ $SECONDS -lt $end ] || {{ podman logs $container; exit 1; }}
        sleep 0.2
    done
    echo "$service healthy"
done
"""


def through_podman(one: Composed, archive: Path, directory: Path, *asked: list[str]) -> str:
    """Bring it up on the archive's images, wait until each is healthy, run what is `asked`, take it down."""
    directory.mkdir()
    for name, text in (("containers.conf", CONTAINERS), ("storage.conf", STORAGE)):
        (directory / name).write_text(text.format(directory=directory))
    script = SCRIPT.format(archive=archive, services=" ".join(SERVICES))
    script += "".join(f"{shlex.join(command)}\n" for command in asked)
    one.environment |= {
        "CONTAINERS_CONF": str(directory / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(directory / "storage.conf"),
        "DISABLE_HC_SYSTEMD": "true",
        "PATH": f"{Path(sys.prefix) / 'bin'}:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    return one.ok(*NAMESPACES, "bash", "-c", script)
