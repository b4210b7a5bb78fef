"""A container in the form of Docker's API (`GET /containers/{id}/json`)."""

from __future__ import annotations

from izba.engine.containers import lifecycle, mounts, networking
from izba.monitor import health, logs
from izba.runtime.specgen import defaults
from izba.timestamps import format_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.engine.containers.documents import HostConfig
    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine
    from izba.monitor.state import State

_NEVER = "0001-01-01T00:00:00Z"

_CONFIG: dict[str, Any] = {
    "Hostname": "",
    "Domainname": "",
    "User": "",
    "AttachStdin": False,
    "AttachStdout": False,
    "AttachStderr": False,
    "Tty": False,
    "OpenStdin": False,
    "StdinOnce": False,
    "Env": [],
    "Cmd": None,
    "Image": "",
    "Volumes": None,
    "WorkingDir": "",
    "Entrypoint": None,
    "OnBuild": None,
    "Labels": {},
}

_HOST_CONFIG: dict[str, Any] = {
    "Binds": None,
    "ContainerIDFile": "",
    "LogConfig": {"Type": "json-file", "Config": {}},
    "NetworkMode": "host",
    "PortBindings": {},
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "AutoRemove": False,
    "VolumeDriver": "",
    "VolumesFrom": None,
    "CapAdd": None,
    "CapDrop": None,
    "CgroupnsMode": "",
    "Dns": [],
    "DnsOptions": [],
    "DnsSearch": [],
    "ExtraHosts": None,
    "GroupAdd": None,
    "IpcMode": "private",
    "Cgroup": "",
    "Links": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "Privileged": False,
    "PublishAllPorts": False,
    "ReadonlyRootfs": False,
    "SecurityOpt": None,
    "UTSMode": "",
    "UsernsMode": "",
    "ShmSize": 67108864,
    "Runtime": "native",
    "ConsoleSize": [0, 0],
    "Isolation": "",
    "CpuShares": 0,
    "Memory": 0,
    "NanoCpus": 0,
    "CgroupParent": "",
    "BlkioWeight": 0,
    "BlkioWeightDevice": [],
    "BlkioDeviceReadBps": [],
    "BlkioDeviceWriteBps": [],
    "BlkioDeviceReadIOps": [],
    "BlkioDeviceWriteIOps": [],
    "CpuPeriod": 0,
    "CpuQuota": 0,
    "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0,
    "CpusetCpus": "",
    "CpusetMems": "",
    "Devices": [],
    "DeviceCgroupRules": None,
    "DeviceRequests": None,
    "MemoryReservation": 0,
    "MemorySwap": 0,
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "PidsLimit": None,
    "Ulimits": [],
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
}


def inspect(engine: Engine, container: Container, *, size: bool = False) -> dict[str, Any]:
    """All about a container; `size` measures its writable layer too."""
    state = lifecycle.state(container)
    command = container.command
    config, host = container.config, container.host_config
    document: dict[str, Any] = {
        "Id": container.id,
        "Created": format_time(container.created),
        "Path": command[0] if command else "",
        "Args": list(command[1:]),
        "State": _state(container, state),
        "Image": container.image_id,
        "ResolvConfPath": f"{container.directory}/resolv.conf",
        "HostnamePath": f"{container.directory}/hostname",
        "HostsPath": f"{container.directory}/hosts",
        "LogPath": _log_path(container),
        "Name": f"/{container.name}",
        "RestartCount": state.restarts,
        "Driver": engine.store.snapshots.kind,
        "Platform": container.kept["Platform"],
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": _HOST_CONFIG | _hidden(host) | _given(host),
        "GraphDriver": _graph_driver(engine, container),
    }
    if size:
        document |= _sizes(engine, container)
    document["Mounts"] = [_mount(dict(mount)) for mount in mounts.shown(container.mounts)]
    document["Config"] = _CONFIG | {"Hostname": container.id[:12]} | dict(config)
    document["Config"]["Volumes"] = config.get("Volumes") or None
    document["NetworkSettings"] = networking.settings(engine, container)
    return document


def _state(container: Container, state: State) -> dict[str, Any]:
    result: dict[str, Any] = {
        "Status": state.status,
        "Running": state.is_running,
        "Paused": state.status == "paused",
        "Restarting": state.status == "restarting",
        "OOMKilled": state.oom_killed,
        "Dead": False,
        "Pid": state.pid,
        "ExitCode": 0 if state.is_running and state.status != "restarting" else state.exit_code,
        "Error": state.error,
        "StartedAt": format_time(state.started) if state.started else _NEVER,
        "FinishedAt": format_time(state.finished) if state.finished else _NEVER,
    }
    if _has_check(container):
        result["Health"] = {
            "Status": state.health or "starting",
            "FailingStreak": state.health_failures,
            "Log": [
                {**probe, "Start": format_time(probe["Start"]), "End": format_time(probe["End"])}
                for probe in health.results(container.directory)
            ],
        }
    return result


def _has_check(container: Container) -> bool:
    check = container.config.get("Healthcheck")
    return bool(check and check.get("Test") and check["Test"][0] != "NONE")


def _given(host: Any) -> dict[str, Any]:
    """What was asked for; an empty list is shown as Docker shows one that was not given."""
    return {name: value for name, value in host.items() if value or name not in _HOST_CONFIG}


def _hidden(host: HostConfig) -> dict[str, Any]:
    """The paths that it is not shown, and those that it may not write to; null where nothing is kept from it."""
    if host.get("Privileged"):
        return {"MaskedPaths": None, "ReadonlyPaths": None}
    if {"systempaths=unconfined", "systempaths:unconfined"}.intersection(host.get("SecurityOpt") or ()):
        return {"MaskedPaths": [], "ReadonlyPaths": []}
    return {"MaskedPaths": list(defaults.MASKED_PATHS), "ReadonlyPaths": list(defaults.READONLY_PATHS)}


def _log_path(container: Container) -> str:
    config = container.host_config.get("LogConfig")
    return "" if config and config["Type"] == "none" else f"{container.directory}/{logs.FILE}"


def _graph_driver(engine: Engine, container: Container) -> dict[str, Any]:
    snapshots = engine.store.snapshots
    parent = snapshots.stat(container.id).parent
    upper = snapshots.upper(container.id)
    if snapshots.kind != "overlay":
        return {"Name": snapshots.kind, "Data": {"RootDir": upper}}
    data = {"UpperDir": upper}
    if parent is not None:
        data["LowerDir"] = ":".join(snapshots.lowers(parent))
    return {"Name": snapshots.kind, "Data": data}


def _sizes(engine: Engine, container: Container) -> dict[str, Any]:
    own = engine.store.snapshots.usage(container.id).content
    image = engine.store.images.by_manifest(container.row.image)  # type: ignore[arg-type]
    return {"SizeRw": own, "SizeRootFs": own + (image.size if image else 0)}


def _mount(mount: dict[str, Any]) -> dict[str, Any]:
    for name in ("Anonymous", "NonRecursive", "Options", "Subpath"):
        mount.pop(name, None)
    return mount
