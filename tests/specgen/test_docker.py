"""Side by side with Docker: the config.json that a real dockerd hands to runc, and ours for the same wishes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from izba import jsonio
from izba.linux.mount import umount
from izba.runtime.specgen import resources
from izba.runtime.specgen.generate import generate
from izba.runtime.specgen.hostfacts import host_facts
from izba.runtime.specgen.request import MountRequest, ResourceLimits, SpecRequest, Ulimit, User

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.peer("dockerd", "docker", "busybox")]

MIB = 1 << 20

# docker run's flags, and the same as values.
CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "nothing": ([], {}),
    "process": (
        ["--user", "1000:50", "--workdir", "/tmp", "--env", "A=1", "--tty", "--group-add", "7"],
        {
            "user": User(uid=1000, gid=50, additional_gids=(50,)),
            "cwd": "/tmp",
            "env": ("A=1",),
            "tty": True,
            "group_add": (7,),
        },
    ),
    "limits": (
        ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", "--cpuset-cpus", "0", "--cpu-shares", "512"],
        {
            "resources": ResourceLimits(
                memory=64 * MIB, nano_cpus=5 * 10**8, pids_limit=50, cpuset_cpus="0", cpu_shares=512
            )
        },
    ),
    "capabilities": (
        ["--cap-add", "net_admin", "--cap-drop", "CAP_CHOWN", "--security-opt", "no-new-privileges"],
        {"cap_add": ("net_admin",), "cap_drop": ("CAP_CHOWN",), "no_new_privileges": True},
    ),
    "read-only": (
        ["--read-only", "--tmpfs", "/x:size=1m,exec", "--shm-size", "1m"],
        {
            "read_only": True,
            "mounts": (MountRequest(type="tmpfs", target="/x", options=("size=1m", "exec")),),
            "shm_size": MIB,
        },
    ),
    "host namespaces": (
        ["--pid", "host", "--ipc", "host", "--uts", "host", "--network", "host"],
        {"pid": "host", "ipc": "host", "uts": "host", "network": "host"},
    ),
    "binds and sysctls": (
        [
            "--volume",
            "/srv:/data:ro",
            "--sysctl",
            "net.core.somaxconn=5",
            "--ulimit",
            "nofile=1000:2000",
            "--oom-score-adj",
            "9",
        ],
        {
            "mounts": (MountRequest(type="bind", source="/srv", target="/data", read_only=True),),
            "sysctls": (("net.core.somaxconn", "5"),),
            "ulimits": (Ulimit(name="nofile", soft=1000, hard=2000),),
            "oom_score_adj": 9,
        },
    ),
}


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """A dockerd of our own, with an image of busybox; returns its CLI."""
    home = tmp_path_factory.mktemp("dk")
    socket = f"unix://{home}/sock"
    log = (home / "log").open("wb")
    paths = ["--data-root", f"{home}/data", "--exec-root", f"{home}/exec", "--pidfile", f"{home}/pid", "-H", socket]
    quiet = ["--bridge=none", "--iptables=false", "--ip6tables=false", "--storage-driver=vfs"]
    daemon = subprocess.Popen(["dockerd", *paths, *quiet], stdout=log, stderr=log)

    def run(*words: str) -> str:
        done = subprocess.run(["docker", "-H", socket, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    deadline = time.monotonic() + 60
    while not (home / "sock").exists() and daemon.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    (home / "bin").mkdir()
    with tarfile.open(home / "image.tar", "w") as tar:
        tar.add(home / "bin", "bin")
        tar.add(shutil.which("busybox") or "", "bin/busybox")
    run("import", str(home / "image.tar"), "box")
    yield lambda *words: str(home) if words == ("home",) else run(*words)
    daemon.send_signal(signal.SIGTERM)
    daemon.wait(120)
    for left in (home / "exec/netns").iterdir():  # dockerd's own network namespace, which it does not unmount
        umount(str(left))
    log.close()


def of_docker(docker: Callable[..., str], flags: list[str]) -> dict[str, Any]:
    network = [] if "--network" in flags else ["--network", "none"]
    container = docker("run", "--detach", *network, *flags, "box", "/bin/busybox", "sleep", "60")
    [path] = Path(docker("home"), "exec").glob(f"**/{container}/config.json")
    spec: dict[str, Any] = jsonio.read(str(path))
    docker("rm", "--force", container)
    return spec


def mounts(spec: dict[str, Any]) -> dict[str, tuple[str, frozenset[str]]]:
    """Type and options by target, without what is known to differ.

    izba's binds have nodev, and are read-only all the way down as Docker's since 25; the engine gives the files of the
    network, not specgen.
    """
    words = {"rro": "ro", "nodev": "", "rbind": "", "relatime": ""}
    return {
        mount["destination"]: (
            mount["type"],
            frozenset(words.get(option, option) for option in mount["options"])
            if mount["type"] == "bind"
            else frozenset(mount["options"]) - {"rprivate"},
        )
        for mount in spec["mounts"]
        if not mount["destination"].startswith("/etc/") and mount["destination"] not in {"/sys/fs/cgroup", "/dev/shm"}
    }


def namespaces(spec: dict[str, Any]) -> set[str]:
    """The new ones; the host's network is a path to dockerd's own in Docker's spec, and nothing in ours."""
    return {space["type"] for space in spec["linux"]["namespaces"] if "path" not in space}


@pytest.mark.parametrize("case", CASES)
def test_the_spec_is_dockers(docker: Callable[..., str], case: str) -> None:
    flags, wishes = CASES[case]
    theirs = of_docker(docker, flags)
    request = SpecRequest(id=theirs.get("hostname", "0" * 64), args=("/bin/busybox", "sleep", "60"), **wishes)
    host = host_facts(rootless=False, cgroup_version=1, cgroup_controllers=tuple(resources._FIELDS))
    ours = generate(request, None, host)

    for key in ("args", "cwd", "user", "terminal", "noNewPrivileges"):
        assert (ours["process"].get(key) or None) == (theirs["process"].get(key) or None), key
    assert set(ours["process"]["env"]) - {"HOME=/"} == set(theirs["process"]["env"])
    sets = [{kind: set(names) for kind, names in spec["process"]["capabilities"].items()} for spec in (ours, theirs)]
    assert sets[0] == sets[1]
    asked = {limit["type"]: limit for limit in ours["process"]["rlimits"]}
    for limit in theirs["process"].get("rlimits", ()):
        assert asked[limit["type"]] == limit
    assert ours["process"].get("oomScoreAdj", 0) == theirs["process"]["oomScoreAdj"]
    assert mounts(ours) == mounts(theirs)
    assert namespaces(ours) == namespaces(theirs)
    assert ours["linux"]["sysctl"] == theirs["linux"].get("sysctl", {})
    assert set(ours["linux"]["maskedPaths"]) >= set(theirs["linux"].get("maskedPaths") or ())
    assert ours["linux"]["readonlyPaths"] == (theirs["linux"].get("readonlyPaths") or [])
    assert ours["root"]["readonly"] == theirs["root"].get("readonly", False)
    for controller in ("memory", "cpu", "pids"):
        limits = {key: value for key, value in theirs["linux"]["resources"].get(controller, {}).items() if value}
        assert ours["linux"]["resources"].get(controller, {}) == limits, controller
    assert ("seccomp" in ours["linux"]) == ("seccomp" in theirs["linux"])
