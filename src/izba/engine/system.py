"""What this izba is and what it runs on: `izba info` and `izba version`, in the words of Docker's answers."""

from __future__ import annotations

import os

from izba import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.engine.engine import Engine


def info(engine: Engine) -> dict[str, Any]:
    """The fields of Docker's GET /info that have a meaning here."""
    from izba.engine.containers.listing import Query, list_containers
    from izba.store.snapshots.choose import explain

    host = engine.host
    states = [summary.state.status for summary in list_containers(engine, Query(all=True))]
    memory, cpu = "memory" in host.cgroup_controllers, "cpu" in host.cgroup_controllers
    driver, _, how = explain(engine.store.db).partition(":")
    return {
        "ID": engine.roots.data,
        "Containers": len(states),
        "ContainersRunning": sum(state in {"running", "restarting"} for state in states),
        "ContainersPaused": states.count("paused"),
        "ContainersStopped": sum(state in {"created", "exited", "dead"} for state in states),
        "Images": len(engine.store.images.all()),
        "Driver": driver,
        "DriverStatus": [["How", how.strip()]] if how else [],
        "LoggingDriver": "json-file",
        "CgroupDriver": "cgroupfs" if host.cgroup_version else "none",
        "CgroupVersion": str(host.cgroup_version) if host.cgroup_version else "",
        "MemoryLimit": memory,
        "SwapLimit": memory,
        "CpuCfsPeriod": cpu,
        "CpuCfsQuota": cpu,
        "CPUShares": cpu,
        "CPUSet": "cpuset" in host.cgroup_controllers,
        "PidsLimit": "pids" in host.cgroup_controllers,
        "OomKillDisable": memory and host.cgroup_version == 1,
        "NCPU": host.cpus,
        "MemTotal": host.memory,
        "KernelVersion": os.uname().release,
        "OperatingSystem": operating_system(),
        "OSType": "linux",
        "Architecture": os.uname().machine,
        "Name": host.hostname,
        "ServerVersion": __version__,
        "DockerRootDir": engine.roots.data,
        "HttpProxy": _proxy("http_proxy"),
        "HttpsProxy": _proxy("https_proxy"),
        "NoProxy": _proxy("no_proxy"),
        "Runtimes": {"native": {}, **{name: {"path": path} for name, path in _external_runtimes()}},
        "DefaultRuntime": "native",
        "SecurityOptions": _security_options(engine),
        "Warnings": _warnings(engine),
    }


def version() -> dict[str, Any]:
    """Docker's Client and Server: here one program is both."""
    import platform

    name = os.uname()
    facts = {
        "Version": __version__,
        "PythonVersion": f"{platform.python_implementation()} {platform.python_version()}",
        "Os": "linux",
        "Arch": {"x86_64": "amd64", "aarch64": "arm64"}.get(name.machine, name.machine),
        "KernelVersion": name.release,
    }
    return {"Client": facts, "Server": facts}


def operating_system() -> str:
    """The distribution's own name for itself (os-release(5))."""
    for path in ("/etc/os-release", "/usr/lib/os-release"):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    if line.startswith("PRETTY_NAME="):
                        return line.partition("=")[2].strip().strip("\"'")
        except OSError:
            continue
    return "Linux"


def _external_runtimes() -> list[tuple[str, str]]:
    import shutil

    return [(name, path) for name in ("crun", "runc") if (path := shutil.which(name))]


def _security_options(engine: Engine) -> list[str]:
    options = ["name=seccomp,profile=builtin"] if engine.host.seccomp else []
    if engine.host.apparmor:
        options.append("name=apparmor")
    if engine.roots.rootless:
        options.append("name=rootless")
    if engine.host.cgroup_version == 2:
        options.append("name=cgroupns")
    return options


def _warnings(engine: Engine) -> list[str]:
    host = engine.host
    names = {"memory": "memory limit", "cpu": "cpu cfs quota", "pids": "pids limit", "cpuset": "cpuset"}
    warnings = [f"WARNING: No {what} support" for name, what in names.items() if name not in host.cgroup_controllers]
    if not host.seccomp:
        warnings.append("WARNING: No seccomp support: system calls are not filtered")
    return warnings


def _proxy(name: str) -> str:
    """The proxy without the password in it: this is shown and sent to others."""
    value = os.environ.get(name) or os.environ.get(name.upper()) or ""
    scheme, separator, rest = value.rpartition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    return f"{scheme}{separator}{'xxxxx:xxxxx@' if user and at else ''}{host}{slash}{path}"
