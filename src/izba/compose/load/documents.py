"""What the containers of a service have in common, in Docker's two documents."""

from __future__ import annotations

from izba.compose.units import duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.engine.containers.documents import ContainerConfig, HostConfig, Mount, RestartPolicy
    from izba.oci.documents import Healthcheck


def container_config(model: dict[str, Any]) -> ContainerConfig:
    """What the image could have said as well."""
    config: ContainerConfig = {
        "Tty": model.get("tty", False),
        "OpenStdin": model.get("stdin_open", False),
        "Env": [name if value is None else f"{name}={value}" for name, value in sorted(_environment(model).items())],
        "Labels": dict(model.get("labels") or {}),
    }
    for attribute, key in (
        ("hostname", "Hostname"),
        ("domainname", "Domainname"),
        ("user", "User"),
        ("working_dir", "WorkingDir"),
        ("stop_signal", "StopSignal"),
        ("command", "Cmd"),
        ("entrypoint", "Entrypoint"),
    ):
        if attribute in model:
            config[key] = model[attribute]  # type: ignore[literal-required]
    if "stop_grace_period" in model:
        config["StopTimeout"] = max(0, round(duration(model["stop_grace_period"]) / 1e9))
    if ports := _exposed(model):
        config["ExposedPorts"] = {port: {} for port in ports}
    if "healthcheck" in model:
        config["Healthcheck"] = _healthcheck(model["healthcheck"])
    return config


def host_config(model: dict[str, Any], tree: dict[str, Any]) -> HostConfig:
    """What only this host can mean."""
    host: HostConfig = {
        "Privileged": model.get("privileged", False),
        "ReadonlyRootfs": model.get("read_only", False),
        "CapAdd": list(model.get("cap_add") or ()),
        "CapDrop": list(model.get("cap_drop") or ()),
        "GroupAdd": list(model.get("group_add") or ()),
        "IpcMode": model.get("ipc", ""),
        "PidMode": model.get("pid", ""),
        "UTSMode": model.get("uts", ""),
        "UsernsMode": model.get("userns_mode", ""),
        "CgroupnsMode": model.get("cgroup", ""),
        "CgroupParent": model.get("cgroup_parent", ""),
        "SecurityOpt": [_security_option(text) for text in model.get("security_opt") or ()],
        "Sysctls": dict(model.get("sysctls") or {}),
        "Annotations": dict(model.get("annotations") or {}),
        "ExtraHosts": [text.replace("=", ":", 1) for text in model.get("extra_hosts") or ()],
        "Dns": list(model.get("dns") or ()),
        "DnsOptions": list(model.get("dns_opt") or ()),
        "DnsSearch": list(model.get("dns_search") or ()),
        "RestartPolicy": restart_policy(model),
        "AutoRemove": False,
        "Init": model.get("init", False),
        "Runtime": model.get("runtime", ""),
        "LogConfig": _logging(model.get("logging") or {}),
        "Mounts": [_mount(each, tree) for each in model.get("volumes") or ()],
        "Tmpfs": dict(_tmpfs(text) for text in model.get("tmpfs") or ()),
    }
    if "network_mode" in model:
        host["NetworkMode"] = model["network_mode"]
    if "oom_score_adj" in model:
        host["OomScoreAdj"] = model["oom_score_adj"]
    _limits(model, host)
    _devices(model, host)
    return host


def restart_policy(model: dict[str, Any]) -> RestartPolicy:
    """`restart`, else what `deploy.restart_policy` says of a single host."""
    if text := model.get("restart"):
        name, _, count = text.partition(":")
        return {"Name": name, "MaximumRetryCount": int(count or 0)}
    policy = (model.get("deploy") or {}).get("restart_policy")
    if policy is None:
        return {"Name": "no", "MaximumRetryCount": 0}
    name = {"none": "no", "on-failure": "on-failure"}.get(policy.get("condition", "any"), "always")
    return {"Name": name, "MaximumRetryCount": policy.get("max_attempts", 0) if name == "on-failure" else 0}


def _environment(model: dict[str, Any]) -> dict[str, str | None]:
    return {name: value for name, value in (model.get("environment") or {}).items() if value is not None}


def _exposed(model: dict[str, Any]) -> list[str]:
    found = [f"{port['target']}/{port.get('protocol', 'tcp')}" for port in model.get("ports") or ()]
    for text in model.get("expose") or ():
        numbers, _, protocol = text.partition("/")
        first, _, last = numbers.partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            found += [f"{port}/{protocol or 'tcp'}" for port in range(int(first), int(last or first) + 1)]
    return list(dict.fromkeys(found))


def _healthcheck(model: dict[str, Any]) -> Healthcheck:
    if model.get("disable"):
        return {"Test": ["NONE"]}
    check: Healthcheck = {}
    if "test" in model:
        check["Test"] = list(model["test"])
    for attribute, key in (
        ("interval", "Interval"),
        ("timeout", "Timeout"),
        ("start_period", "StartPeriod"),
        ("start_interval", "StartInterval"),
    ):
        if attribute in model:
            check[key] = duration(model[attribute])  # type: ignore[literal-required]
    if "retries" in model:
        check["Retries"] = model["retries"]
    return check


def _logging(model: dict[str, Any]) -> Any:
    return {"Type": model.get("driver") or "json-file", "Config": dict(model.get("options") or {})}


def _security_option(text: str) -> str:
    """`seccomp:unconfined` is how it was once written."""
    key, colon, value = text.partition(":")
    text = f"{key}={value}" if colon and "=" not in key else text
    if text.startswith("seccomp=") and text[8:] not in {"unconfined", "builtin"} and not text[8:].startswith("{"):
        from izba.compose.files import read_text

        return f"seccomp={read_text(text[8:])}"
    return text


def _mount(model: dict[str, Any], tree: dict[str, Any]) -> Mount:
    kind = model["type"]
    mount: Mount = {
        "Type": kind,
        "Source": model.get("source", ""),
        "Target": model["target"],
        "ReadOnly": model.get("read_only", False),
    }
    if kind == "bind":
        bind = model.get("bind") or {}
        mount["BindOptions"] = {"CreateMountpoint": bind.get("create_host_path", True)}
        if "propagation" in bind:
            mount["BindOptions"]["Propagation"] = bind["propagation"]
        if bind.get("recursive") == "disabled":
            mount["BindOptions"]["NonRecursive"] = True
    elif kind == "volume":
        volume = model.get("volume") or {}
        mount["VolumeOptions"] = {"NoCopy": volume.get("nocopy", False), "Labels": dict(volume.get("labels") or {})}
        if "subpath" in volume:
            mount["VolumeOptions"]["Subpath"] = volume["subpath"]
        if mount["Source"]:
            mount["Source"] = tree["volumes"][mount["Source"]]["name"]
    elif kind == "image":
        if subpath := (model.get("image") or {}).get("subpath"):
            mount["ImageOptions"] = {"Subpath": subpath}
    elif kind == "tmpfs":
        tmpfs = model.get("tmpfs") or {}
        mount["TmpfsOptions"] = {}
        if "size" in tmpfs:
            mount["TmpfsOptions"]["SizeBytes"] = size(tmpfs["size"])
        if "mode" in tmpfs:
            mount["TmpfsOptions"]["Mode"] = tmpfs["mode"]
    return mount


def _tmpfs(text: str) -> tuple[str, str]:
    target, _, options = text.partition(":")
    return target, options


def _limits(model: dict[str, Any], host: HostConfig) -> None:
    resources = (model.get("deploy") or {}).get("resources") or {}
    limits, reservations = resources.get("limits") or {}, resources.get("reservations") or {}
    for value, key in (
        (model.get("mem_limit", limits.get("memory")), "Memory"),
        (model.get("mem_reservation", reservations.get("memory")), "MemoryReservation"),
        (model.get("memswap_limit"), "MemorySwap"),
        (model.get("mem_swappiness"), "MemorySwappiness"),
        (model.get("shm_size"), "ShmSize"),
    ):
        if value is not None:
            host[key] = size(value)  # type: ignore[literal-required]
    cpus = model.get("cpus", limits.get("cpus"))
    if cpus:
        host["NanoCpus"] = round(cpus * 1e9)
    for value, key in (
        (model.get("pids_limit", limits.get("pids")), "PidsLimit"),
        (model.get("cpu_shares"), "CpuShares"),
        (model.get("cpu_period"), "CpuPeriod"),
        (model.get("cpu_quota"), "CpuQuota"),
        (model.get("cpuset"), "CpusetCpus"),
        (model.get("oom_kill_disable"), "OomKillDisable"),
    ):
        if value is not None:
            host[key] = _number(value)  # type: ignore[literal-required]
    host["Ulimits"] = [
        {"Name": name, "Soft": limit["soft"], "Hard": limit["hard"]}
        if isinstance(limit, dict)
        else {"Name": name, "Soft": limit, "Hard": limit}
        for name, limit in (model.get("ulimits") or {}).items()
    ]
    _block_io(model.get("blkio_config") or {}, host)


def _number(value: Any) -> Any:
    """cpu_period and cpu_quota may be durations, in microseconds then."""
    if isinstance(value, str) and value[-1:].isalpha():
        return duration(value) // 1000
    return int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else value


def _block_io(model: dict[str, Any], host: HostConfig) -> None:
    if "weight" in model:
        host["BlkioWeight"] = model["weight"]
    if devices := model.get("weight_device"):
        host["BlkioWeightDevice"] = [{"Path": each["path"], "Weight": each["weight"]} for each in devices]
    for attribute, key in (
        ("device_read_bps", "BlkioDeviceReadBps"),
        ("device_write_bps", "BlkioDeviceWriteBps"),
        ("device_read_iops", "BlkioDeviceReadIOps"),
        ("device_write_iops", "BlkioDeviceWriteIOps"),
    ):
        if devices := model.get(attribute):
            host[key] = [{"Path": each["path"], "Rate": size(each["rate"])} for each in devices]  # type: ignore[literal-required]


def _devices(model: dict[str, Any], host: HostConfig) -> None:
    host["Devices"] = [
        {
            "PathOnHost": each["source"],
            "PathInContainer": each.get("target") or each["source"],
            "CgroupPermissions": each.get("permissions") or "rwm",
        }
        for each in model.get("devices") or ()
    ]
    host["DeviceCgroupRules"] = list(model.get("device_cgroup_rules") or ())
