"""config.json's `linux.namespaces`, `sysctl`, names and user namespaces."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from izba.linux import namespaces, process
from izba.runtime.driver import runtime
from izba.runtime.launch import Stdio
from tests.runtime.harness import Failure, Runner, base_config

pytestmark = pytest.mark.root

KINDS = {"mount": "mnt", "network": "net", "uts": "uts", "pid": "pid", "ipc": "ipc", "cgroup": "cgroup", "user": "user"}


def namespaces_of(runner: Runner, config: Any) -> dict[str, str]:
    script = "cd /proc/self/ns; for n in *; do echo $n $(readlink $n); done"
    config["process"]["args"] = ["sh", "-c", script]
    return dict(line.split() for line in runner.out(config).splitlines())


def without(config: Any, *kinds: str) -> Any:
    config["linux"]["namespaces"] = [each for each in config["linux"]["namespaces"] if each["type"] not in kinds]
    return config


def joining(config: Any, kind: str, path: str) -> Any:
    without(config, kind)["linux"]["namespaces"].append({"type": kind, "path": path})
    return config


def test_namespaces_named_are_new_and_others_are_the_callers(root: Runner) -> None:
    config = base_config()
    config["linux"]["namespaces"].append({"type": "cgroup"})
    inside = namespaces_of(root, config)

    for kind, name in KINDS.items():
        ours = os.readlink(f"/proc/self/ns/{name}")
        assert (inside[name] == ours) == (kind == "user"), kind


@pytest.mark.parametrize("kind", ["network", "ipc", "uts"])
def test_a_namespace_can_be_joined_by_its_path(anyone: Runner, kind: str) -> None:
    config = base_config("readlink", f"/proc/self/ns/{KINDS[kind]}")
    del config["hostname"]

    def run(stdio: Stdio) -> int:
        pid, _ = namespaces.clone(namespaces.FLAGS[kind])
        if pid == 0:
            process.set_parent_death_signal(9)
            os.read(os.pipe()[0], 1)
        path = f"/proc/{pid}/ns/{KINDS[kind]}"
        os.write(stdio.stderr, os.readlink(path).encode())
        try:
            return anyone._run(joining(config, kind, path), stdio, {})
        finally:
            os.kill(pid, 9)
            os.waitpid(pid, 0)

    result = anyone.inside(run)

    assert result.out.strip() == result.err


def test_the_pid_namespace_of_another_container_can_be_joined(anyone: Runner) -> None:
    def run(stdio: Stdio) -> int:
        driver = runtime()
        first, _ = anyone.launch(driver, base_config("sleep", "60"), stdio)
        driver.start(first)
        config = joining(base_config("ps", "-o", "pid,args"), "pid", f"/proc/{first.pid}/ns/pid")
        try:
            return anyone._run(config, stdio, {})
        finally:
            process.send_signal(first.pidfd, 9)
            process.wait(first.pid)

    lines = anyone.inside(run).out.splitlines()

    assert [line.split()[1] for line in lines[1:]] == ["sleep", "ps"]


def test_without_a_pid_namespace_the_hosts_processes_are_seen(root: Runner) -> None:
    config = without(base_config("sh", "-c", "echo $$"), "pid")

    assert int(root.out(config)) > 1


def test_a_new_user_namespace_maps_as_told(root: Runner) -> None:
    for path in (root.bundle, *root.bundle.rglob("*")):
        os.chown(path, 100000, 100000, follow_symlinks=False)
    root.bundle.parent.chmod(0o755)
    config = base_config("sh", "-c", "id -u; cat /proc/self/uid_map; touch /made; stat -c %u /made; ls -n /dev/null")
    config["linux"]["namespaces"].append({"type": "user"})
    config["linux"]["uidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]
    config["linux"]["gidMappings"] = [{"containerID": 0, "hostID": 100000, "size": 1000}]

    lines = root.out(config).splitlines()

    assert [line.split() for line in lines[:3]] == [["0"], ["0", "100000", "1000"], ["0"]]
    assert (root.rootfs / "made").stat().st_uid == 100000


def test_a_cgroup_namespace_has_its_own_root(root: Runner) -> None:
    config = base_config("sh", "-c", "cut -d: -f3 /proc/self/cgroup 2>/dev/null || cat /proc/self/cgroup")
    config["linux"]["namespaces"].append({"type": "cgroup"})

    assert {line.rpartition(":")[2] for line in root.out(config).splitlines()} == {"/"}


def test_names_are_set_in_the_containers_uts_namespace_only(everyone: Runner) -> None:
    before = os.uname().nodename
    config = base_config("sh", "-c", "hostname; cat /proc/sys/kernel/domainname")
    if everyone.runtime_name == "native":
        config["domainname"] = "example.org"

    assert everyone.out(config).split()[0] == "box"
    assert os.uname().nodename == before


def test_a_domainname_is_set(anyone: Runner) -> None:
    config = base_config("cat", "/proc/sys/kernel/domainname")
    config["domainname"] = "example.org"

    assert anyone.out(config) == "example.org"


def test_loopback_is_up(anyone: Runner) -> None:
    assert "127.0.0.1" in anyone.out(base_config("ip", "addr", "show", "lo"))


@pytest.mark.parametrize(
    ("name", "value"),
    [("net.ipv4.ip_unprivileged_port_start", "81"), ("kernel.msgmax", "9001"), ("net/ipv4/ip_forward", "1")],
)
def test_sysctls_of_a_namespace_are_set_in_it(everyone: Runner, name: str, value: str) -> None:
    path = "/proc/sys/" + name.replace(".", "/")
    before = Path(path).read_text()
    config = base_config("cat", path)
    config["linux"]["sysctl"] = {name: value}

    assert everyone.out(config) == value
    assert Path(path).read_text() == before


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("kernel.core_pattern", "would change the host"),
        ("vm.swappiness", "would change the host"),
        ("net/../kernel/core_pattern", "no such|openat2|not permitted|does not exist"),
        ("../../etc/passwd", "would change the host"),
    ],
)
def test_sysctls_of_the_host_are_refused(root: Runner, name: str, reason: str) -> None:
    """C5."""
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    config = base_config("true")
    config["linux"]["sysctl"] = {name: "|/bin/sh"}

    with pytest.raises(Failure, match=f"(?i){reason}"):
        root.run(config)

    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


@pytest.mark.parametrize("change", ["sysctl", "hostname"])
def test_what_would_change_a_namespace_shared_with_the_host_is_refused(root: Runner, change: str) -> None:
    config = without(base_config("true"), "network", "uts")
    if change == "sysctl":
        del config["hostname"]
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}

    with pytest.raises(Failure, match="of the container's own"):
        root.run(config)


def test_a_container_without_a_mount_namespace_is_refused(root: Runner) -> None:
    with pytest.raises(Failure, match="mount namespace"):
        root.run(without(base_config("true"), "mount"))
